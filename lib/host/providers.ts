// SPDX-License-Identifier: MIT
//
// Providers by name, for commands and for hosts in a process of their own, whose options come as plain data.
// Called by: process-main.ts, `hv sim`.

import { invalidType, invalidValue } from '../errors.js';
import { type DynamicMemoryOptions, dynamicMemory } from './dynamic-memory.js';
import { type EchoOptions, echo } from './echo.js';
import { type IdleOptions, idle } from './idle.js';
import type { Provider } from './types.js';

/** A device named as plain data. */
export interface NamedDevice {
  /** Key of {@link providersByName}. */
  readonly name: string;
  /** Options of that provider; only what survives JSON. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A provider that can be named. */
export interface NamedProvider {
  /** What the device is, in a few words. */
  readonly summary: string;
  /** Names of its options. */
  readonly options: readonly string[];
  make(options: Readonly<Record<string, unknown>>): Provider;
}

/** Every provider that can be named. */
export const providersByName: Readonly<Record<string, NamedProvider>> = {
  echo: {
    summary: 'sends every packet back',
    options: ['reply', 'sourceBytes', 'sourcePackets', 'subchannels', 'instanceGuid', 'monitorId', 'ringBytes', 'name'],
    make: (options) => echo(options as EchoOptions),
  },
  balloon: {
    summary: 'dynamic memory, as QEMU plays it',
    options: [
      'postInitDelayMs',
      'wantsReports',
      'ramPages',
      'hotAddBase',
      'newestVersion',
      'instanceGuid',
      'ringBytes',
      'name',
    ],
    make: (options) => dynamicMemory(options as DynamicMemoryOptions),
  },
  idle: {
    summary: 'stands in the tree as a device of any class, and answers nothing',
    options: ['class', 'instanceGuid', 'monitorId', 'name'],
    make: (options) => idle(options as unknown as IdleOptions),
  },
};

/**
 * A device in one word, as commands take it: `NAME` or `NAME:option=value,option=value`. Values are numbers, true, false or text.
 * @throws TypeError ERR_INVALID_ARG_VALUE
 */
export function parseNamedDevice(text: string): NamedDevice {
  const [name = '', list = ''] = text.split(/:(.*)/s, 2);
  const entries =
    list === ''
      ? []
      : list.split(',').map((part): [string, unknown] => {
          const [option = '', value] = part.split(/=(.*)/s, 2);
          if (option === '' || value === undefined)
            throw invalidValue('device', 'must be NAME or NAME:option=value,…', text);
          return [option, plainValue(value)];
        });
  return { name, options: Object.fromEntries(entries) };
}

function plainValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * The provider of a name.
 * @throws TypeError ERR_INVALID_ARG_VALUE for an unknown name or option
 */
export function makeProvider(given: NamedDevice | string): Provider {
  const device = typeof given === 'string' ? parseNamedDevice(given) : given;
  const known = Object.hasOwn(providersByName, device.name) ? providersByName[device.name] : undefined;
  if (!known) {
    throw invalidValue('name', `must be one of ${Object.keys(providersByName).join(', ')}`, device.name);
  }
  const options = device.options ?? {};
  if (typeof options !== 'object' || Array.isArray(options)) throw invalidType('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (!known.options.includes(name))
      throw invalidValue('options', `of ${device.name} are ${known.options.join(', ')}`, name);
  }
  return known.make(options);
}
