// SPDX-License-Identifier: MIT
//
// A device in one word, as commands take it.
// Called by: by-name.ts.
//
//   NAME[:PART,…]   PART = option=value | option.key=value | flag | VALUE of the option that is obviously meant
//
// A comma in a value is written twice.

import { invalidType, invalidValue } from '../../../errors.js';
import type { NamedDevice, NamedProvider } from './types.js';

/** Options whose values are text, whatever they look like. */
const texts: readonly string[] = ['name', 'instanceGuid', 'file', 'serial', 'peer', 'mac', 'class', 'reply', 'values'];

/** @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function parseDevice(device: string, find: (name: string) => NamedProvider): NamedDevice {
  if (typeof device !== 'string') throw invalidType('device', 'NAME or NAME:option=value,… as a string', device);
  const [name = '', list = ''] = device.split(/:(.*)/s, 2);
  if (list === '') return { name, options: {} };
  const known = find(name);
  const values: string[] = [];
  const options = new Map<string, unknown>();
  for (const part of partsOf(list)) {
    const [option = '', value] = part.split(/=(.*)/s, 2);
    if (value !== undefined && option !== '') put(options, option, value, device);
    else if (known.flags?.includes(part)) put(options, part, 'true', device);
    else if (known.bare && part !== '' && value === undefined && !known.options.includes(part)) values.push(part);
    else throw malformed(device, part, known);
  }
  return { name, options: withBare(device, values, Object.fromEntries(options), known) };
}

function partsOf(list: string): string[] {
  // No argument of a program can hold a NUL.
  return list
    .replaceAll(',,', '\0')
    .split(',')
    .map((part) => part.replaceAll('\0', ','));
}

function put(options: Map<string, unknown>, path: string, value: string, device: string): void {
  const [option = '', key] = path.split(/\.(.*)/s, 2);
  const before = options.get(option);
  const read = texts.includes(option) ? value : plainValue(value);
  const isFresh = key === undefined ? before === undefined : !isGroup(before) || !Object.hasOwn(before, key);
  if (!isFresh || (key !== undefined && before !== undefined && !isGroup(before)))
    throw invalidValue('device', `says ${path} twice`, device);
  if (key === undefined) options.set(option, read);
  else options.set(option, Object.fromEntries([...Object.entries(before ?? {}), [key, read]]));
}

function isGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function plainValue(value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

function withBare(
  device: string,
  values: readonly string[],
  options: Readonly<Record<string, unknown>>,
  { bare }: NamedProvider,
): Readonly<Record<string, unknown>> {
  if (!bare || values.length === 0) return options;
  if (values.length > 1 && !bare.isList)
    throw invalidValue('device', `takes one ${bare.placeholder} (write a comma in it twice)`, device);
  if (Object.hasOwn(options, bare.option))
    throw invalidValue('device', `says ${bare.option} twice: ${values.join(', ')} is one as well`, device);
  return bare.put(values, options);
}

function malformed(device: string, part: string, known: NamedProvider): TypeError {
  if (known.options.includes(part)) return invalidValue('device', `has ${part} without a value: ${part}=…`, device);
  const forms = known.bare ? `${known.bare.placeholder} or option=value` : 'option=value';
  return invalidValue('device', `must be NAME or NAME:PART,… with each part ${forms}`, device);
}
