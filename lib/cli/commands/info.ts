// SPDX-License-Identifier: MIT
//
// `hv info`: what this machine runs on, with what that rests on. Answers 0 whatever it finds: not being a guest is an answer.

import type { Command } from 'commander';
import type { Confidence, Detection, Evidence, Finding } from '../../index.js';
import type { Context } from '../context.js';
import type { Paint } from '../paint.js';
import { examples } from '../program.js';
import type { Action } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option('-v, --verbose', 'show the evidence of each finding')
    .addHelpText(
      'after',
      examples(['hv info', 'hv info -v', "hv info --json | jq -r '.hypervisor.value'", 'hv --root ./capture info']),
    )
    .action(action(info));
}

async function info(context: Context, { verbose = false }: { readonly verbose?: boolean }): Promise<void> {
  const { out } = context;
  const { detect } = await import('../../index.js');
  const found = detect({ root: await context.root() });
  if (out.json) return out.document('vmbus.info/1', { ...found });
  out.line(`${out.paint.bold(found.summary)}\n`);
  for (const [name, text, finding] of rows(found)) {
    out.line(
      `${out.paint.dim(name.padEnd(15))} ${text.padEnd(24)}${finding ? confidenceText(finding.confidence, out.paint) : ''}`.trimEnd(),
    );
    for (const { source, says } of verbose && finding ? finding.evidence : [])
      out.line(`${' '.repeat(18)}${out.paint.dim(`${source}: ${says}`)}`);
  }
  if (!verbose) out.note('hv info -v shows the evidence');
}

type Shown = { readonly confidence: Confidence; readonly evidence: readonly Evidence[] };

function rows(found: Detection): (readonly [string, string, Shown | null])[] {
  const { limits, enlightenments } = found;
  const role = found.isRootPartition ? ' (root partition)' : '';
  const names = (kind: 'feature' | 'recommendation'): string =>
    enlightenments
      .filter((entry) => entry.kind === kind)
      .map(({ name }) => name)
      .join(' ') || '-';
  return [
    ['hypervisor', `${found.hypervisor.value}${role}`, found.hypervisor],
    ['Hyper-V calls', answer(found.hyperVInterface), found.hyperVInterface],
    ['platform', found.platform.value ?? '-', found.platform],
    ['host version', found.hostVersion.value?.text ?? '-', found.hostVersion],
    ['generation', found.generation.value === null ? '-' : String(found.generation.value), found.generation],
    ['confidential', found.isolation.value ?? '-', found.isolation],
    ['VMBus', found.vmbus.value.isPresent ? `${found.vmbus.value.devices} devices` : 'none', found.vmbus],
    ['architecture', found.architecture ?? '-', null],
    ...(limits
      ? [
          [
            'laid out for',
            `${limits.virtualProcessors || '?'} virtual CPUs, ${limits.logicalProcessors || '?'} logical CPUs`,
            null,
          ] as const,
        ]
      : []),
    ...(enlightenments.length > 0
      ? [['features', names('feature'), null] as const, ['recommended', names('recommendation'), null] as const]
      : []),
  ];
}

function answer({ value }: Finding<boolean | null>): string {
  if (value === null) return '-';
  return value ? 'yes' : 'no';
}

function confidenceText(confidence: Confidence, paint: Paint): string {
  if (confidence === 'certain') return paint.good(confidence);
  return confidence === 'likely' ? paint.warn(confidence) : paint.bad(confidence);
}
