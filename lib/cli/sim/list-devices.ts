// SPDX-License-Identifier: MIT
//
// `hv sim --list`: the devices that a simulated host can play, their options, and what commands can have them do.
// Called by: commands/sim.ts.

import type { NamedProvider } from '../../host/index.js';
import type { Context } from '../context.js';

const indent = 10;

/** Prints all of them. */
export async function listDevices({ out }: Context): Promise<void> {
  const { providersByName } = await import('../../host/index.js');
  if (out.json) {
    out.document('vmbus.providers/1', { devices: Object.entries(providersByName).map(deviceJson) });
    return;
  }
  const { bold, dim } = out.paint;
  for (const [name, provider] of Object.entries(providersByName)) {
    const lines = [
      { words: provider.summary, paint: (line: string) => line },
      { words: `options: ${optionsText(provider)}`, paint: dim },
      ...(Object.keys(provider.verbs).length > 0 ? [{ words: `verbs: ${verbsText(provider)}`, paint: dim }] : []),
    ].flatMap(({ words, paint }) => wrap(words, out.width - indent - 1).map(paint));
    for (const [i, line] of lines.entries())
      out.line(`${i === 0 ? bold(name.padEnd(indent)) : ' '.repeat(indent)} ${line}`);
  }
  out.line(dim('[…] is true where it stands alone; verbs are for commands while hv sim serves'));
}

function deviceJson([name, { summary, options, flags = [], bare, verbs, routine = [] }]: readonly [
  string,
  NamedProvider,
]): Record<string, unknown> {
  return {
    name,
    summary,
    options,
    flags,
    bare: bare ? { option: bare.option, placeholder: bare.placeholder, isList: bare.isList } : null,
    verbs: Object.entries(verbs).map(([verb, { usage, summary: what }]) => ({
      name: verb,
      arguments: usage,
      summary: what,
    })),
    routineEvents: routine,
  };
}

/** What a value without a name means stands first. */
function optionsText({ options, bare, flags = [] }: NamedProvider): string {
  const words = options.map((option) => {
    if (option === bare?.option) return `${option}=${bare.placeholder}`;
    return flags.includes(option) ? `[${option}]` : option;
  });
  const short = bare ? `${bare.placeholder}${bare.isList ? ',…' : ''} = ${bare.option}; ` : '';
  return `${short}${words.join(', ')}`;
}

function verbsText({ verbs }: NamedProvider): string {
  return Object.entries(verbs)
    .map(([name, { usage }]) => `${name} ${usage}`.trim())
    .join(', ');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
