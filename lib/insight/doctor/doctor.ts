// SPDX-License-Identifier: MIT
//
// Runs the checks and writes the report. Reads only; needs no privilege, but sees more with it.
// Called by scripts and `hv doctor`. The checks are one file each under checks/.

import { deviceClasses } from '../../bus/index.js';
import { checkLimits, checkOptionNames, checkText } from '../../check.js';
import { invalidType, invalidValue } from '../../errors.js';
import { nearest } from '../../nearest.js';
import { clockCheck } from './checks/clock.js';
import { confidentialCheck } from './checks/confidential.js';
import { daemonUnitsCheck } from './checks/daemon-units.js';
import { daemonsAliveCheck, daemonsCheck } from './checks/daemons.js';
import { devicesCheck } from './checks/devices.js';
import { hostNameCheck } from './checks/host-name.js';
import { kernelHazardsCheck } from './checks/kernel-hazards.js';
import { kvpHelpersCheck } from './checks/kvp-helpers.js';
import { machineCheck } from './checks/machine.js';
import { memoryOnlineCheck } from './checks/memory-online.js';
import { networkOnUioCheck } from './checks/network-on-uio.js';
import { poolFilesCheck } from './checks/pool-files.js';
import { serviceVersionsCheck } from './checks/service-versions.js';
import { servicesCheck } from './checks/services.js';
import { shutdownProgramCheck } from './checks/shutdown-program.js';
import { toolsMatchCheck } from './checks/tools-match.js';
import { uioBindingCheck } from './checks/uio-binding.js';
import { type Check, DoctorContext } from './context.js';
import type { CheckInfo, CheckOutcome, CheckResult, DoctorOptions, DoctorReport, Verdict } from './types.js';

const checks: readonly Check[] = [
  machineCheck,
  confidentialCheck,
  servicesCheck,
  devicesCheck,
  daemonsCheck,
  daemonsAliveCheck,
  daemonUnitsCheck,
  kvpHelpersCheck,
  hostNameCheck,
  poolFilesCheck,
  toolsMatchCheck,
  serviceVersionsCheck,
  shutdownProgramCheck,
  clockCheck,
  memoryOnlineCheck,
  networkOnUioCheck,
  uioBindingCheck,
  kernelHazardsCheck,
];

/** Topics that are the name of one device class. */
const subjectTopics: ReadonlySet<string> = new Set(deviceClasses.map(({ name }) => name));

/** Every check there is, in the order of the report. */
export function doctorChecks(): readonly CheckInfo[] {
  return checks.map(({ id, title, topics }) => ({ id, title, topics }));
}

/**
 * Looks for everything that keeps guest and host from working together, and says what to do about it here.
 * @throws TypeError for wrong options, and for a name in `only` that is neither a check nor a topic; the signal's reason
 * @example
 * const { results } = await doctor({ only: ['kvp'] });
 * for (const { verdict, cause, fix } of results) console.log(verdict, cause, fix);
 * @category Insight
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  checkOptionNames(options, ['root', 'only', 'signal']);
  checkText(options.root, 'options.root');
  checkLimits({ signal: options.signal });
  const chosen = chooseChecks(options.only);
  options.signal?.throwIfAborted();
  const context = new DoctorContext(options.root);
  const results: CheckResult[] = [];
  for (const check of chosen) {
    options.signal?.throwIfAborted();
    results.push(...runCheck(check, context).filter((result) => isWanted(result, check, options.only)));
    // Checks read many small files; whoever waits for a key press must not wait for all of them.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const counts = { pass: 0, info: 0, warn: 0, fail: 0, skip: 0 } satisfies Record<Verdict, number>;
  for (const { verdict } of results) counts[verdict] += 1;
  return {
    root: context.root,
    rootKind: context.rootKind,
    machine: context.detection.summary,
    distribution: context.distribution.name,
    kernel: context.kernel.release || null,
    results,
    counts,
    verdict: worst(counts),
  };
}

function chooseChecks(only: readonly string[] | undefined): readonly Check[] {
  if (only === undefined) return checks;
  if (!Array.isArray(only)) throw invalidType('only', 'an array of check ids and topics', only);
  const names = new Set(checks.flatMap(({ id, topics }) => [id, ...topics]));
  for (const name of only) {
    if (names.has(name)) continue;
    const near = nearest(String(name), [...names]);
    throw invalidValue(
      'only',
      `must name checks or topics (${near === null ? [...names].sort().join(', ') : `did you mean "${near}"?`})`,
      name,
    );
  }
  return checks.filter(({ id, topics }) => only.includes(id) || topics.some((topic) => only.includes(topic)));
}

/** `only: ['kvp']` wants the answer about kvp, not those about its neighbours in the same check. */
function isWanted({ id, subject }: CheckResult, { topics }: Check, only: readonly string[] | undefined): boolean {
  if (only === undefined || only.includes(id) || subject === null) return true;
  const topic = subject.split(' ')[0] ?? subject;
  // A topic that is not about a subject (`services`) wants all of them.
  const wantsAll = topics.some((name) => only.includes(name) && !subjectTopics.has(name));
  return wantsAll || !topics.includes(topic) || only.includes(topic);
}

/** A check that breaks is a finding of its own: it must not take the others with it. */
function runCheck(check: Check, context: DoctorContext): CheckResult[] {
  let outcomes: readonly CheckOutcome[];
  try {
    const answer = check.run(context);
    outcomes = Array.isArray(answer) ? answer : [answer as CheckOutcome];
  } catch (error) {
    outcomes = [
      { verdict: 'skip', cause: `the check itself failed: ${error instanceof Error ? error.message : String(error)}` },
    ];
  }
  return outcomes.map(({ subject = null, availability = null, fix = null, evidence = [], verdict, cause }) => ({
    id: check.id,
    title: check.title,
    subject,
    verdict,
    availability,
    cause,
    fix,
    evidence,
  }));
}

function worst(counts: Readonly<Record<Verdict, number>>): DoctorReport['verdict'] {
  if (counts.fail > 0) return 'fail';
  return counts.warn > 0 ? 'warn' : 'pass';
}
