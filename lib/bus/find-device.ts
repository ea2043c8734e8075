// SPDX-License-Identifier: MIT
//
// Finds the device that a person means: by GUID, interface, disk, uioN, relid or class.
// Called by open-bus.ts (`bus.device(name)`).

import { invalidType, VmbusError } from '../errors.js';
import { isGuid, parseGuid } from '../guid.js';
import { nearest } from '../nearest.js';
import type { Device } from './types.js';

/** So many names are told in an error. */
const handful = 5;

/** The device named; throws ERR_VMBUS_NO_DEVICE, naming some of what there is; all of it stands in the facts. */
export function findDevice(devices: readonly Device[], name: string): Device {
  if (typeof name !== 'string') throw invalidType('name', 'the name of a device as a string', name);
  const wanted = name.trim();
  const matches = matching(devices, wanted);
  const [first, ...others] = matches;
  if (first && others.length === 0) return first;
  if (first) throw ambiguous(wanted, matches);
  throw missing(wanted, devices);
}

function matching(devices: readonly Device[], wanted: string): Device[] {
  const named = wanted.replace(/^\/dev\//, '');
  const tests: readonly ((device: Device) => boolean)[] = [
    (device) => isGuid(wanted) && device.id === parseGuid(wanted),
    (device) => device.children.some((child) => child.name === named),
    (device) => device.uio?.name === named,
    (device) => /^\d+$/.test(wanted) && device.relid === Number(wanted),
    (device) => device.class.name === wanted.toLowerCase(),
    // A class GUID, or the beginning of an instance GUID as people copy it from a list.
    (device) => isGuid(wanted) && device.class.guid === parseGuid(wanted),
    (device) => /^[0-9a-f-]{4,}$/i.test(wanted) && device.id.startsWith(wanted.toLowerCase()),
  ];
  for (const test of tests) {
    const found = devices.filter(test);
    if (found.length > 0) return found;
  }
  return [];
}

function ambiguous(wanted: string, matches: readonly Device[]): VmbusError {
  const available = matches.map(describe);
  return new VmbusError(
    'ERR_VMBUS_NO_DEVICE',
    `"${wanted}" names ${matches.length} devices: ${some(available, '; ')}`,
    {
      hint: `name one of them by its GUID, e.g. ${matches[0]?.id ?? ''}`,
      facts: { wanted, available },
    },
  );
}

function missing(wanted: string, devices: readonly Device[]): VmbusError {
  const near = nearNames(wanted, devices.flatMap(namesOf));
  const [didYouMean] = near;
  const others = devices.filter((device) => !namesOf(device).some((name) => near.includes(name))).map(shortName);
  const there = devices.length > 0 ? `there are ${some([...new Set([...near, ...others])], ', ')}` : 'the bus is empty';
  return new VmbusError('ERR_VMBUS_NO_DEVICE', `there is no device "${wanted}"; ${there}`, {
    hint: `${didYouMean === undefined ? '' : `did you mean "${didYouMean}"? `}\`hv ls\` lists what is there`,
    facts: { wanted, available: devices.map(describe), ...(didYouMean === undefined ? {} : { didYouMean }) },
  });
}

/** Names that were perhaps meant, the nearest first. */
function nearNames(wanted: string, names: readonly string[]): string[] {
  const left = new Set(names);
  const found: string[] = [];
  for (let near = nearest(wanted, left); near !== null && found.length < handful; near = nearest(wanted, left)) {
    found.push(near);
    left.delete(near);
  }
  return found;
}

/** The first few, and how many are left out: an error is to be read at a glance. */
function some(names: readonly string[], separator: string): string {
  const left = names.length - handful;
  return names.slice(0, handful).join(separator) + (left > 0 ? ` and ${left} more` : '');
}

function namesOf(device: Device): string[] {
  return [
    device.class.name,
    ...device.children.map((child) => child.name),
    ...(device.uio ? [device.uio.name] : []),
    device.id,
  ];
}

/** What people call the device. */
function shortName(device: Device): string {
  const named = device.children.find((child) => child.kind === 'net' || child.kind === 'block');
  return named?.name ?? device.class.name;
}

function describe(device: Device): string {
  const names = device.children.map((child) => child.name);
  return `${device.class.name} ${device.id}${names.length > 0 ? ` (${names.join(', ')})` : ''}`;
}
