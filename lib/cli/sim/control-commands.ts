// SPDX-License-Identifier: MIT
//
// What each command to a host that is served does.
// Called by: control.ts. Calls: the host process.

import type { HostProcess } from '../../host/index.js';
import { UsageError } from '../usage-error.js';
import { controlHelp, deviceHelp, ownCommands } from './control-help.js';

/** What a command is done with. */
export interface ControlDesk {
  readonly host: HostProcess;
  /** Ends the host. */
  quit(): void;
}

/** Runs a command. Resolves with its result as plain data; undefined where there is nothing to tell but that it is done. */
export async function runCommand(words: readonly string[], desk: ControlDesk): Promise<unknown> {
  const { host } = desk;
  const [name = '', ...args] = words;
  if (!Object.hasOwn(ownCommands, name)) {
    const [verb, ...rest] = args;
    if (verb === undefined) throw await nothingToDo(name, host);
    return host.call(name, verb, ...rest);
  }
  checkCount(name, args);
  const [first = ''] = args;
  switch (name) {
    case 'help':
      return args.length === 0 ? controlHelp() : helpFor(first, host);
    case 'list':
      return host.list();
    case 'add':
      return host.add(first);
    case 'rescind':
      return host.rescind(first);
    case 'vanish':
      return host.vanishNode(first);
    case 'refresh':
      return host.refresh();
    default:
      return desk.quit();
  }
}

function checkCount(name: string, args: readonly string[]): void {
  const usage = ownCommands[name]?.usage ?? '';
  const most = usage === '' ? 0 : 1;
  const least = usage.startsWith('[') ? 0 : most;
  if (args.length < least) throw new UsageError(`${name} needs ${usage}`, 'help');
  if (args.length > most) throw new UsageError(`${name} takes ${usage || 'nothing'}, not "${args.join(' ')}"`, 'help');
}

async function nothingToDo(name: string, host: HostProcess): Promise<UsageError> {
  const devices = await host.list();
  const isDevice = devices.some((device) => device.name === name);
  if (isDevice) return new UsageError(`what shall ${name} do?`, `help ${name}`);
  return new UsageError(`there is neither a command nor a device ${name}`, 'help, list');
}

async function helpFor(name: string, host: HostProcess): Promise<string[]> {
  const { providersByName } = await import('../../host/index.js');
  const devices = await host.list();
  const device = devices.find((one) => one.name === name || one.instanceGuid === name);
  const key = device?.provider ?? name;
  const provider = Object.hasOwn(providersByName, key) ? providersByName[key] : undefined;
  if (provider) return deviceHelp(name, provider);
  throw new UsageError(`there is no device ${name}`, 'list');
}
