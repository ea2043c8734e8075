// SPDX-License-Identifier: MIT
//
// The help of the commands that `hv sim` takes while it serves.
// Called by: control-commands.ts, commands/sim.ts.

import type { NamedProvider } from '../../host/index.js';

/** Commands that are of no device. */
export const ownCommands: Readonly<Record<string, { readonly usage: string; readonly summary: string }>> = {
  help: { usage: '[DEVICE]', summary: 'list commands, or those of a device' },
  list: { usage: '', summary: 'list the devices' },
  add: { usage: 'NAME[:OPTIONS]', summary: 'offer one more device, as with -d' },
  rescind: { usage: 'DEVICE', summary: 'withdraw a device' },
  vanish: { usage: 'DEVICE', summary: 'take away its node alone' },
  refresh: { usage: '', summary: 'bring every attribute up to date now' },
  quit: { usage: '', summary: 'end the host' },
};

/** Lines of the help for all commands. */
export function controlHelp(): string[] {
  return [
    ...table(Object.entries(ownCommands)),
    ...table([['DEVICE', { usage: 'VERB ...', summary: 'have a device do something: help DEVICE' }]]),
  ];
}

/** Lines of the help for one device. */
export function deviceHelp(name: string, { verbs }: NamedProvider): string[] {
  const lines = table(Object.entries(verbs).map(([verb, what]) => [`${name} ${verb}`, what]));
  return lines.length > 0 ? lines : [`${name} has no verbs`];
}

function table(rows: readonly (readonly [string, { readonly usage: string; readonly summary: string }])[]): string[] {
  const commands = rows.map(([name, { usage, summary }]) => [`${name} ${usage}`.trim(), summary] as const);
  const width = Math.max(25, ...commands.map(([command]) => command.length));
  return commands.map(([command, summary]) => `${command.padEnd(width)}  ${summary}`);
}
