// SPDX-License-Identifier: MIT
//
// `hv time`: how far this guest's clock is from the host's, which programs keep it, and what would keep it better. Never sets it.

import type { Command } from 'commander';
import type { TimeKeeper, TimeReport } from '../../index.js';
import type { Context } from '../context.js';
import { harmless } from '../harmless.js';
import { examples } from '../program.js';
import type { Action } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .addHelpText(
      'after',
      `\nNever sets the clock: that is the work of the kernel (at boot and on resume) and of chrony.\n${examples([
        'hv time',
        "hv time --json | jq '.offset.seconds'",
        `hv time --json | jq -r '.advice[] | .fix // empty'`,
      ])}`,
    )
    .action(action(time));
}

async function time(context: Context): Promise<void> {
  const { out, signal } = context;
  const { timeReport } = await import('../../index.js');
  const report = await timeReport({ root: await context.root(), signal });
  if (out.json) return out.document('vmbus.time/1', { ...report });
  for (const [name, text] of rows(report)) out.line(`${out.paint.dim(name.padEnd(13))} ${harmless(text)}`);
  for (const { severity, says, fix } of report.advice) {
    const sign = severity === 'warn' ? out.paint.warn('! warn') : out.paint.accent('  info');
    out.line(`${sign}  ${harmless(says)}`);
    if (fix !== null) out.line(`        fix: ${out.paint.accent(harmless(fix))}`);
  }
}

function rows(report: TimeReport): readonly (readonly [string, string])[] {
  const { offset, service, ptp, link, clocksource, keepers, chrony } = report;
  const clocks = ptp.map(({ name, clockName, isHost }) => `${name} ${clockName ?? '?'}${isHost ? ' (the host)' : ''}`);
  return [
    ['offset', offset.seconds === null ? `-  ${offset.reason ?? ''}` : offsetText(report)],
    ['time service', service.isOffered ? `driven by ${service.driver ?? 'nobody'}` : 'not offered by this host'],
    ['PTP clocks', clocks.length === 0 ? 'none' : clocks.join(', ')],
    ['/dev/ptp_hyperv', link === null ? 'missing' : link],
    ['counts with', clocksource ?? '-'],
    ['kept by', keepers.length === 0 ? 'nobody' : keepers.map(keeperText).join(', ')],
    ...(chrony === null
      ? []
      : [
          [
            'chrony',
            `${chrony.readsHost ? "reads the host's clock" : "does not read the host's clock"}, ${stepsText[chrony.steps]}`,
          ] as const,
        ]),
  ];
}

const stepsText = {
  always: 'sets the clock at once whenever it is far off',
  'at-start': 'sets the clock at once only right after its start',
  never: 'never sets the clock at once',
} as const;

function keeperText({ name, isRunning, pid }: TimeKeeper): string {
  if (isRunning === null) return `${name} (installed)`;
  return isRunning ? `${name} (pid ${pid ?? '?'})` : `${name} (not running)`;
}

/** `12.3 ms behind the host (± 4 µs, /dev/ptp0)` */
function offsetText({ offset: { seconds, uncertaintySeconds, source } }: TimeReport): string {
  const ahead = seconds ?? 0;
  const where = ahead < 0 ? 'behind the host' : 'ahead of the host';
  return `${durationText(ahead)} ${where} (± ${durationText(uncertaintySeconds ?? 0)}, ${source ?? ''})`;
}

function durationText(seconds: number): string {
  const size = Math.abs(seconds);
  if (size >= 1) return `${size.toFixed(3)} s`;
  return size >= 1e-3 ? `${(size * 1e3).toFixed(3)} ms` : `${(size * 1e6).toFixed(1)} µs`;
}
