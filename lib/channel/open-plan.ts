// SPDX-License-Identifier: MIT
//
// What is to be opened and mapped of a device, from what its tree says now: a device that a script holds may be old.
// Called by: open.ts. Source: drivers/uio/uio_hv_generic.c (map 0 holds both rings), Documentation/ABI/stable/sysfs-bus-vmbus.

import { existsSync, lstatSync } from 'node:fs';
import { GARBAGE } from '../bus/read/attributes.js';
import { readDevice } from '../bus/read/device-reader.js';
import type { ChannelAttributes, Device, UioAttributes } from '../bus/types.js';
import { VmbusError } from '../errors.js';
import type { OpenPlan } from '../native/binding.js';
import { buffersOf } from './buffer-plan.js';
import { rescindedError } from './close-reasons.js';
import { corruptAttribute, DevicePlace, isMonitorId, isRelid } from './device-place.js';
import { checkNodeNumber, uioNumber } from './node-number.js';
import type { OpenChannelOptions } from './types.js';

/** Everything that opening needs to know beforehand. */
export interface ChannelPlan {
  readonly nodePath: string;
  /** Device number of the node; null for a simulated one. */
  readonly nodeNumber: number | null;
  readonly place: DevicePlace;
  readonly relid: number;
  readonly monitorId: number | null;
  readonly native: OpenPlan;
}

/** What a device driver of ours wants beyond a script's options. */
export interface PlanOptions extends OpenChannelOptions {
  /** Map the device's buffers, and fail where it has none. */
  readonly buffers?: boolean;
}

/**
 * Reads the device again and plans its opening.
 * @throws VmbusError ERR_VMBUS_NO_DEVICE, ERR_VMBUS_NOT_BOUND, ERR_VMBUS_UNSUPPORTED, ERR_VMBUS_CORRUPT, ERR_VMBUS_NODE_KIND
 */
export function planOf(known: Pick<Device, 'root' | 'id'>, options: PlanOptions, timeoutMs: number): ChannelPlan {
  const device = readDevice(known.root, known.id);
  if (device === null) throw noDevice(known);
  const uio = uioOf(device);
  const place = new DevicePlace(device);
  const primary = primaryOf(device);
  const relid = relidOf(device, primary);
  // A simulated node says its sizes itself, and no kernel stands behind it.
  const isSimulated = isSocket(uio.node);
  if (!isSimulated && options.force !== true) place.checkHazards('open', device.id);
  const monitorId = monitorIdOf(device, primary);
  const nodeNumber = isSimulated ? null : uioNumber(device);
  checkNodeNumber(device.id, uio.node, nodeNumber, 'before');
  const native: OpenPlan = {
    ringBytes: isSimulated ? 0 : ringBytesOf(device, uio),
    ringFile: isSimulated ? '' : ringFileOf(device, place, options),
    monitorId: monitorId ?? -1,
    relid,
    exclusive: options.shared !== true,
    ...(options.buffers === true ? { buffers: buffersOf(device, uio) } : {}),
    timeoutMs: Math.ceil(timeoutMs),
  };
  return { nodePath: uio.node, nodeNumber, place, relid, monitorId, native };
}

/**
 * After the open: whether the node still is that device's, on the same channel.
 * @throws VmbusError ERR_VMBUS_RESCINDED where it was withdrawn while it was opened, also if it was offered again;
 * ERR_VMBUS_NODE_KIND where the node was replaced
 */
export function checkUnchanged({ place, nodePath, nodeNumber, relid }: ChannelPlan, id: Device['id']): void {
  const device = readDevice(place.root, id);
  const primary = device === null ? undefined : primaryOf(device);
  const isSame = device?.uio?.node === nodePath && (primary?.relid ?? device.relid) === relid;
  if (!isSame || (nodeNumber !== null && !hasNode(device, nodeNumber))) throw rescindedError({ device: id, relid });
  checkNodeNumber(id, nodePath, nodeNumber, 'after');
}

// Both go with the device, the node a little later or earlier.
function hasNode(device: Device, number: number): boolean {
  return uioNumber(device) === number && existsSync(device.uio?.node ?? '');
}

function primaryOf(device: Device): ChannelAttributes | undefined {
  return device.channels.find((channel) => channel.isPrimary);
}

function relidOf(device: Device, primary: ChannelAttributes | undefined): number {
  const relid = primary?.relid ?? device.relid;
  if (relid === null || relid < 0) throw noChannel(device);
  if (isRelid(relid)) return relid;
  throw corruptAttribute(device.id, `${device.path}/id`, relid);
}

// Null for a slow channel, which has no such file.
function monitorIdOf(device: Device, primary: ChannelAttributes | undefined): number | null {
  const { monitorId, unreadable, path } = primary ?? device;
  const isGarbage = unreadable.some(({ attribute, errno }) => attribute === 'monitor_id' && errno === GARBAGE);
  if (!isGarbage && (monitorId === null || isMonitorId(monitorId))) return monitorId;
  throw corruptAttribute(device.id, `${path}/monitor_id`, monitorId);
}

function noDevice({ id, root }: Pick<Device, 'root' | 'id'>): VmbusError {
  return new VmbusError('ERR_VMBUS_NO_DEVICE', `Device ${id} is on the bus of ${root} no more`, {
    device: id,
    hint: 'hv ls shows what is',
  });
}

function uioOf(device: Device): UioAttributes {
  if (device.uio !== null) return device.uio;
  const held = device.driver === null ? 'no driver' : `the driver ${device.driver}`;
  throw new VmbusError(
    'ERR_VMBUS_NOT_BOUND',
    `Device ${device.id} (${device.class.name}) has ${held}, not uio_hv_generic`,
    {
      device: device.id,
      facts: { driver: device.driver },
      hint: `hv bind ${device.id} (or bindDevice())`,
    },
  );
}

function noChannel(device: Device): VmbusError {
  return new VmbusError('ERR_VMBUS_NO_CHANNEL', `Device ${device.id} has no primary channel now`, {
    device: device.id,
    hint: `hv channels ${device.id}`,
  });
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

function ringBytesOf(device: Device, uio: UioAttributes): number {
  const sizeBytes = uio.maps.find((map) => map.index === 0)?.sizeBytes;
  if (typeof sizeBytes === 'number' && sizeBytes > 0) return sizeBytes;
  throw new VmbusError('ERR_VMBUS_NOT_BOUND', `The kernel shows no ring memory (map 0) of ${uio.name} yet`, {
    device: device.id,
    path: `${device.path}/uio/${uio.name}/maps`,
    hint: 'try again in a moment; hv doctor if it stays so',
  });
}

// Empty: map 0 of the node.
function ringFileOf(device: Device, place: DevicePlace, options: OpenChannelOptions): string {
  if (!place.isMapZeroDangerous()) return '';
  const ring = device.channels.find((channel) => channel.isPrimary)?.ring;
  if (ring) return ring.path;
  if (options.force === true) return '';
  throw new VmbusError(
    'ERR_VMBUS_UNSUPPORTED',
    'This kernel frees the rings under UIO map 0, and has no ring file instead',
    {
      device: device.id,
      path: `${device.path}/channels`,
      facts: { feature: 'ring file', kernel: place.kernel },
      hint: 'update the kernel, or bind the device again: the ring file is made at bind',
    },
  );
}
