// SPDX-License-Identifier: MIT
//
// `hv doctor`: what keeps guest and host from working together, why, and the command that mends it on this distribution.

import type { Command } from 'commander';
import type { CheckResult, DoctorReport, Verdict } from '../../index.js';
import type { Context } from '../context.js';
import { glyphsFor } from '../draw/glyphs.js';
import { ExitCode } from '../exit-codes.js';
import { fixScript, isHostCommand } from '../fix-script.js';
import { names } from '../option-values.js';
import type { Output } from '../output.js';
import { examples } from '../program.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly only?: readonly string[];
  readonly verbose?: boolean;
  readonly fixScript?: boolean;
  readonly list?: boolean;
  readonly strict?: boolean;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option('--only <names>', 'only these checks or topics, separated by commas: kvp,vss,net', names)
    .option('-v, --verbose', 'show what is well too, and the evidence of each answer')
    .option('--fix-script', 'print a shell script of the fixes, to read and then run')
    .option('--list', 'list the checks and their topics')
    .option('--strict', 'end with status 1 for warnings too')
    .addHelpText(
      'after',
      `\nEnds with status 1 when something is broken.\n${examples([
        'hv doctor',
        'hv doctor --only kvp,vss -v',
        'hv doctor --fix-script > fix.sh',
        `hv doctor --json | jq -r '.results[] | select(.verdict == "fail") | .cause'`,
      ])}`,
    )
    .action(action(examine));
}

async function examine(context: Context, options: Options): Promise<number> {
  const { out, signal } = context;
  const { doctor, doctorChecks } = await import('../../index.js');
  if (options.list) return list(doctorChecks(), out);
  const report = await doctor({ root: await context.root(), signal, ...(options.only ? { only: options.only } : {}) });
  if (options.fixScript) out.raw(fixScript(report));
  else if (out.json) out.document('vmbus.doctor/1', { ...report });
  else printReport(report, out, { verbose: options.verbose === true });
  const isBad = report.verdict === 'fail' || (options.strict === true && report.verdict === 'warn');
  return isBad ? ExitCode.failed : ExitCode.ok;
}

function list(
  checks: readonly { readonly id: string; readonly title: string; readonly topics: readonly string[] }[],
  out: Output,
): number {
  if (out.json) out.document('vmbus.checks/1', { checks });
  for (const { id, title, topics } of out.json ? [] : checks) {
    out.line(`${out.paint.bold(id.padEnd(20))} ${title}  ${out.paint.dim(topics.join(' '))}`);
  }
  return ExitCode.ok;
}

/** What matters first. */
const order: readonly Verdict[] = ['fail', 'warn', 'info', 'skip', 'pass'];

function printReport(report: DoctorReport, out: Output, { verbose }: { readonly verbose: boolean }): void {
  const { machine, distribution, kernel, results, counts } = report;
  out.line(out.paint.bold([machine, distribution, kernel].filter(Boolean).join(' - ')));
  out.line();
  const shown = results.filter(({ verdict }) => verbose || (verdict !== 'pass' && verdict !== 'skip'));
  for (const verdict of order) {
    for (const result of shown.filter((one) => one.verdict === verdict)) printResult(result, out, verbose);
  }
  if (shown.length > 0) out.line();
  out.line(
    order
      .filter((verdict) => counts[verdict] > 0)
      .map((verdict) => `${counts[verdict]} ${verdict}`)
      .join(', '),
  );
  if (!verbose && counts.pass + counts.skip > 0) out.note('hv doctor -v shows what is well or was skipped, and why');
}

function printResult(result: CheckResult, out: Output, verbose: boolean): void {
  const { verdict, id, subject, cause, fix, evidence } = result;
  const { paint } = out;
  const color = { fail: paint.bad, warn: paint.warn, info: paint.accent, skip: paint.dim, pass: paint.good }[verdict];
  const { check, cross, dot } = glyphsFor(out.unicode);
  const sign = { fail: cross, warn: '!', info: dot, skip: dot, pass: check }[verdict];
  out.line(`${color(`${sign} ${verdict.padEnd(4)}`)}  ${paint.bold(subject ?? id)}  ${cause}`);
  if (fix) out.line(`        ${isHostCommand(fix) ? 'on the host' : 'fix'}: ${paint.accent(fix)}`);
  for (const { source, says } of verbose ? evidence : []) out.line(`        ${paint.dim(`${source}: ${says}`)}`);
}
