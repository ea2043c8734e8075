// SPDX-License-Identifier: MIT
//
// `hv selftest`: how this machine looks to the package, read-only unless a device is named; the report tells us where a
// real host differs from what we know. Names and addresses are taken out of it.

import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { glyphsFor } from '../draw/glyphs.js';
import type { Output } from '../output.js';
import { examples } from '../program.js';
import type { SelftestReport } from '../selftest/report.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly report?: string;
  readonly open?: string;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option('--report <file>', 'write the report as JSON')
    .option('--open <device>', 'open and close this device too; it must be bound for user space')
    .addHelpText(
      'after',
      `\nReads only, unless a device is named with --open.\nLook at the report before you send it.\n${examples([
        'hv selftest',
        'hv selftest --report report.json',
        'hv bind eth1 -- hv selftest --open eth1 --report report.json',
      ])}`,
    )
    .action(action(selftest));
}

async function selftest(context: Context, options: Options): Promise<void> {
  const { out } = context;
  const { makeReport } = await import('../selftest/report.js');
  const report = await makeReport(context, options.open);
  if (options.report !== undefined) save(options.report, report);
  if (out.json) return out.line(JSON.stringify(report, null, 2));
  print(report, out);
  if (options.report !== undefined) out.note(`the report is in ${options.report}; read it before you send it`);
}

/** For its owner only, and never through a link that somebody else has laid. */
function save(path: string, report: SelftestReport): void {
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  closeSync(file);
}

function print({ probes, doctor, notDone }: SelftestReport, out: Output): void {
  const { paint } = out;
  const { check, dot } = glyphsFor(out.unicode);
  const sign = { pass: paint.good(check), differs: paint.warn('!'), absent: paint.dim(dot), skip: paint.dim('?') };
  for (const { id, status, detail } of probes) out.line(`${sign[status]} ${id.padEnd(24)} ${detail}`);
  const counts = Object.entries(doctor.counts).filter(([, count]) => count > 0);
  const text = counts.map(([verdict, count]) => `${count} ${verdict}`).join(', ');
  out.line(`${paint.dim(dot)} ${'doctor'.padEnd(24)} ${text || 'no answer'}`);
  if (notDone.length > 0) out.line(`\nNot looked at without --open DEVICE: ${notDone.join('; ')}.`);
}
