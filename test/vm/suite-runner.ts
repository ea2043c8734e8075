// SPDX-License-Identifier: MIT
// Runs the vm tier: boots the planned guests one after the other, streams what the tests print and adds up.
// Called by scripts/test-vm.mjs, which owns the command line. Calls plan.ts, guest-project.ts, suite-command.ts, lab/lab.ts,
// hosted-run.ts, outcomes.ts.
import path from 'node:path';
import process from 'node:process';
import { GUEST_ROOT, projectFiles } from './guest-project.js';
import { type HostedRun, runHosted } from './hosted-run.js';
import { labFolder, prune } from './lab/cache.js';
import type { IncludedPath } from './lab/job.js';
import {
  type KernelFlavour,
  type KernelName,
  type Lab,
  LabFailure,
  LabUnavailable,
  prepareLab,
  runInGuest,
} from './lab/lab.js';
import { type Counts, NOTHING, sum, type Tally, tallyOf } from './outcomes.js';
import { type Boot, bootTimeoutMs, flavourOf, planBoots, type Selection } from './plan.js';
import { suiteCommand } from './suite-command.js';
import { SUITES } from './suites.js';

export interface RunnerOptions extends Selection {
  readonly repeat: number;
  readonly useSnapshots: boolean;
  /** Show both consoles also after a run that went well. */
  readonly showConsoles: boolean;
  readonly verbose: boolean;
  /** Look for newer packages. */
  readonly refresh: boolean;
  readonly signal: AbortSignal;
}

interface KernelOptions extends RunnerOptions {
  readonly project: readonly IncludedPath[];
}

/** How a run of the tier ended; `labBroke` stands for "no result", whatever the counts say. */
export interface TierResult extends Counts {
  readonly labBroke: boolean;
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const note = (text: string): boolean => process.stderr.write(`[lab] ${text}\n`);

const title = ({ kernel, suites }: Boot, lab: Lab): string =>
  `── ${kernel} (${lab.release}, ${lab.mode}): ${suites.map(({ name, boot }) => (boot === 'hosted' ? `${name}, on our own host` : name)).join(', ')}`;

async function runBoot(boot: Boot, lab: Lab, options: KernelOptions): Promise<Counts> {
  say(title(boot, lab));
  const isHosted = boot.suites.some((suite) => suite.boot === 'hosted');
  const { complaints, ...counts } = isHosted
    ? await runHosted(boot, recording(boot, lab, options))
    : await runInside(boot, lab, options);
  for (const complaint of complaints) say(`✖ ${complaint}`);
  return counts;
}

/** The recording of a boot is named by what it was: the kernel's release and the suite. */
function recording({ suites }: Boot, { release }: Lab, { recordIn, ...options }: KernelOptions): HostedRun {
  if (recordIn === undefined) return options;
  return { ...options, recordTo: path.resolve(recordIn, `${release}.${suites[0]?.name}.jsonl`) };
}

async function runInside(boot: Boot, lab: Lab, options: KernelOptions): Promise<Tally> {
  const names = boot.suites.map((suite) => suite.name);
  const result = await runInGuest(lab, {
    command: suiteCommand(boot, options.size, GUEST_ROOT),
    cwd: GUEST_ROOT,
    env: {
      VMBUS_VM_KERNEL: boot.kernel,
      VMBUS_VM_SIZE: options.size,
      VMBUS_VM_STARTED: String(Date.now()),
      ...(options.slow ? { VMBUS_VM_SLOW: '1' } : {}),
    },
    include: options.project,
    timeoutMs: bootTimeoutMs(boot, options.size),
    output: process.stdout,
    useSnapshot: options.useSnapshots,
    signal: options.signal,
    ...(options.verbose ? { note } : {}),
  });
  if (options.showConsoles) process.stderr.write(result.consoles);
  return tallyOf(result.report, names, result.status);
}

/** Runs all boots of one kernel. A lab that breaks ends it: the next boot would break too. */
async function runKernel(kernel: KernelName, boots: readonly Boot[], options: KernelOptions): Promise<TierResult> {
  const started = Date.now();
  let counts = NOTHING;
  let labBroke = false;
  const labs = new Map<KernelFlavour, Lab>();
  try {
    for (const boot of boots) {
      const flavour = flavourOf(boot);
      const lab = labs.get(flavour) ?? (await prepareLab(kernel, { flavour, refresh: options.refresh, note }));
      labs.set(flavour, lab);
      counts = sum(counts, await runBoot(boot, lab, options));
    }
  } catch (error) {
    if (error instanceof LabUnavailable || options.signal.aborted) throw error;
    labBroke = true;
    counts = sum(counts, { ...NOTHING, failed: 1 });
    if (error instanceof LabFailure) process.stderr.write(error.consoles);
    note(
      `failed on ${kernel}: ${error instanceof LabFailure ? error.message : String(error instanceof Error ? error.stack : error)}`,
    );
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const releases = [...labs.values()].map(({ release }) => release).join(', ');
  say(
    `kernel ${kernel.padEnd(4)} ${releases}: ${counts.passed} ok, ${counts.failed} not ok, ${counts.skipped} left out, ${boots.length} boots, ${seconds} s` +
      `${labBroke ? ' (the lab broke)' : ''}`,
  );
  return { ...counts, labBroke };
}

/**
 * Runs the tier.
 * @throws LabUnavailable where there can be no lab
 */
export async function runTier(options: RunnerOptions): Promise<TierResult> {
  const boots = planBoots(SUITES, options);
  const project = await projectFiles();
  let total: TierResult = { ...NOTHING, labBroke: false };
  for (let round = 1; round <= options.repeat; round++) {
    if (options.repeat > 1) say(`── round ${round} of ${options.repeat}`);
    for (const kernel of options.kernels) {
      const own = boots.filter((boot) => boot.kernel === kernel);
      if (own.length === 0) continue;
      const result = await runKernel(kernel, own, { ...options, project, refresh: options.refresh && round === 1 });
      total = { ...sum(total, result), labBroke: total.labBroke || result.labBroke };
    }
  }
  for (const name of prune(labFolder())) note(`removed ${name} from the cache`);
  return total;
}

/** How many suite runs there would be; what is counted as skipped where there can be no lab. */
export const countSuites = (selection: Selection): number =>
  planBoots(SUITES, selection).reduce((total, boot) => total + boot.suites.length, 0);

/** Runs any command in a guest that has the project at /app; for looking around. */
export async function runCommand(
  kernel: KernelName,
  command: readonly string[],
  options: RunnerOptions,
): Promise<number> {
  const lab = await prepareLab(kernel, { refresh: options.refresh, note });
  const { status, consoles } = await runInGuest(lab, {
    command,
    cwd: GUEST_ROOT,
    include: await projectFiles(),
    timeoutMs: 3_600_000,
    output: process.stdout,
    useSnapshot: options.useSnapshots,
    signal: options.signal,
    env: { VMBUS_VM_KERNEL: kernel },
    ...(options.verbose ? { note } : {}),
  });
  if (options.showConsoles) process.stderr.write(consoles);
  return status;
}
