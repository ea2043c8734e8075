// SPDX-License-Identifier: MIT
//
// `hv host`: which host this is, what it calls this machine, and by which id. Answers 0 whatever it finds.

import type { Command } from 'commander';
import type { HostField, HostInfo } from '../../index.js';
import type { Context } from '../context.js';
import { harmless } from '../harmless.js';
import { examples } from '../program.js';
import type { Action } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option('-v, --verbose', 'show where each fact is from')
    .addHelpText(
      'after',
      `\nNames are what the host wrote into the pool auto-external; see \`hv kvp ls --pool auto-external\` for the rest.\n${examples(
        ['hv host', 'hv host -v', "hv host --json | jq -r '.vmName.value'"],
      )}`,
    )
    .action(action(host));
}

async function host(context: Context, { verbose = false }: { readonly verbose?: boolean }): Promise<void> {
  const { out, signal } = context;
  const { hostInfo } = await import('../../index.js');
  const info = await hostInfo({ root: await context.root(), signal });
  if (out.json) return out.document('vmbus.host/1', { ...info });
  const { paint } = out;
  for (const [name, field] of rows(info)) {
    const text = field.value === null ? paint.dim(`-  ${harmless(field.reason ?? '')}`) : harmless(field.value);
    const source = verbose && field.source !== null ? `  ${paint.dim(field.source)}` : '';
    out.line(`${paint.dim(name.padEnd(15))} ${text}${source}`);
  }
  const { verdict, says } = info.vmIdCheck;
  if (verdict === 'different') out.note(`two ids: ${says}`);
  else if (verbose) out.note(says);
  if (!verbose) out.note('hv host -v shows where each fact is from');
}

function rows(info: HostInfo): readonly (readonly [string, HostField])[] {
  return [
    ['host name', info.hostName],
    ['physical host', info.physicalHostName],
    ['with domain', info.physicalHostNameFullyQualified],
    ['host version', info.hostVersion],
    ['machine name', info.vmName],
    ['machine id', info.vmId],
    ['firmware UUID', info.biosUuid],
    ['BIOS serial', info.biosSerial],
    ['board serial', info.boardSerial],
    ['chassis serial', info.chassisSerial],
    ['asset tag', info.assetTag],
  ];
}
