// SPDX-License-Identifier: MIT
//
// What a watch remembers of the bus, and how two such pictures differ.
// Called by watch.ts; calls device-reader.ts. Pure but for reading.

import { statSync } from 'node:fs';

import type { Guid } from '../../guid.js';
import { uioDriver } from '../binding/plan.js';
import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { readDevices } from '../read/device-list.js';
import type { BusChange, Device } from '../types.js';

/** Fields by name, as text, so that they can be compared. */
type Fields = Readonly<Record<string, string>>;

interface DeviceState {
  readonly device: Device;
  /** Tells a device from a later one of the same GUID. */
  readonly incarnation: string;
  readonly fields: Fields;
  readonly channels: ReadonlyMap<number, Fields>;
}

/** The bus at one moment. */
export type BusState = ReadonlyMap<Guid, DeviceState>;

/** A bus with nothing on it. */
export const emptyState: BusState = new Map();

/** Looks at the bus. */
export function readState(root: string): BusState {
  return new Map(readDevices(root).map((device) => [device.id, stateOf(device)]));
}

function stateOf(device: Device): DeviceState {
  const { relid, state, driver, driverOverride, uio, children, numaNode } = device;
  return {
    device,
    incarnation: `${inode(device.path)}`,
    fields: stringFields({
      relid,
      state,
      driver,
      driverOverride,
      children,
      numaNode,
      class: device.class.guid,
      uio: uio && { name: uio.name, maps: uio.maps },
    }),
    channels: readChannelFields(device.path),
  };
}

/** Only what can change with an event: counters are not news. */
function readChannelFields(devicePath: string): Map<number, Fields> {
  const relids = listFolder(`${devicePath}/channels`).filter((name) => /^[1-9]\d{0,9}$/.test(name));
  return new Map(
    relids.map((name) => {
      const path = `${devicePath}/channels/${name}`;
      const names = listFolder(path);
      return [
        Number(name),
        stringFields({
          cpu: readSmallFileOrNull(`${path}/cpu`),
          subchannelId: readSmallFileOrNull(`${path}/subchannel_id`),
          monitorId: names.includes('monitor_id') ? readSmallFileOrNull(`${path}/monitor_id`) : null,
          ring: names.includes('ring'),
        }),
      ];
    }),
  );
}

function stringFields(values: Readonly<Record<string, unknown>>): Fields {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
}

function inode(path: string): number {
  try {
    return statSync(path).ino;
  } catch {
    return 0;
  }
}

/** Whether files are still to be expected that come without an event: channels of a new device, maps and ring of a bound one. */
export function isUnsettled(state: BusState): boolean {
  return [...state.values()].some(({ device, channels }) => {
    if (channels.size === 0) return true;
    if (device.driver !== uioDriver) return device.uio !== null;
    const ringsMissing = [...channels.values()].some((channel) => channel.ring === 'false');
    return device.uio === null || device.uio.maps.length === 0 || ringsMissing;
  });
}

/** The changes that lead from one picture to the other: what went, what came, what is different. */
export function differences(before: BusState, after: BusState): BusChange[] {
  const gone = [...before.values()].filter((old) => !isSame(old, after.get(old.device.id)));
  const come = [...after.values()].filter((now) => !isSame(now, before.get(now.device.id)));
  const kept = [...after.values()].filter((now) => isSame(now, before.get(now.device.id)));
  return [
    ...gone.flatMap(removals),
    ...come.flatMap(additions),
    ...kept.flatMap((now) => changesOf(before.get(now.device.id) ?? now, now)),
  ];
}

function isSame(a: DeviceState, b: DeviceState | undefined): boolean {
  return b !== undefined && a.incarnation === b.incarnation;
}

function removals({ device, channels }: DeviceState): BusChange[] {
  return [
    ...[...channels.keys()].map((relid) => change('removed', device, null, relid)),
    change('removed', device, null),
  ];
}

function additions({ device, channels }: DeviceState): BusChange[] {
  return [
    change('added', device, device),
    ...[...channels.keys()].map((relid) => change('added', device, device, relid)),
  ];
}

function changesOf(before: DeviceState, { device, fields, channels }: DeviceState): BusChange[] {
  const found: BusChange[] = [];
  const differing = differingFields(before.fields, fields);
  if (differing.length > 0) found.push(change('changed', device, device, null, differing));
  for (const relid of before.channels.keys())
    if (!channels.has(relid)) found.push(change('removed', device, device, relid));
  for (const [relid, now] of channels) {
    const old = before.channels.get(relid);
    const names = old ? differingFields(old, now) : [];
    if (!old) found.push(change('added', device, device, relid));
    else if (names.length > 0) found.push(change('changed', device, device, relid, names));
  }
  return found;
}

function differingFields(before: Fields, after: Fields): string[] {
  return Object.keys(after).filter((name) => before[name] !== after[name]);
}

function change(
  kind: BusChange['kind'],
  device: Device,
  current: Device | null,
  channel: number | null = null,
  fields: readonly string[] = [],
): BusChange {
  return { kind, subject: channel === null ? 'device' : 'channel', device: device.id, channel, fields, current };
}
