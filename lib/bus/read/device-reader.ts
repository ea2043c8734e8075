// SPDX-License-Identifier: MIT
//
// Reads one device of the bus into a typed, checked picture.
// Called by open-bus.ts, watch.ts and driver-binding.ts; calls attributes.ts and the readers of its parts.
// Source: Documentation/ABI/stable/sysfs-bus-vmbus and drivers/hv/vmbus_drv.c.

import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';

import { type Guid, guidFromBytes, isGuid, parseGuid } from '../../guid.js';
import { classOfGuid, type DeviceClass } from '../../protocol/classes.js';
import { isInside, under } from '../root.js';
import { errorCode } from '../system-error.js';
import type { Device, MonitorAttributes, RingAttributes } from '../types.js';
import { AttributeFolder, listFolder } from './attributes.js';
import { readChannels } from './channel-reader.js';
import { readChildren } from './children.js';
import { type DeviceFacts, DeviceSnapshot } from './device-snapshot.js';
import { readUio } from './uio-reader.js';

const nil = '00000000-0000-0000-0000-000000000000' as Guid;
const braced = /^\{([0-9a-fA-F-]{36})\}$/;
const cpuMap = /^(?:\d{1,10}:\d{1,10}(?:\n(?!$)|$))*$/;
const states = ['offered', 'opening', 'idle', 'open'] as const;

/** Folder of a device under its root, with its links resolved; null where there is none. */
export function devicePath(root: string, id: Guid): string | null {
  try {
    const path = realpathSync.native(under(root, 'sys/bus/vmbus/devices', id));
    return isInside(root, path) ? path : null;
  } catch {
    return null;
  }
}

/** Driver that has the device now; null for none, also when the device is gone. */
export function boundDriver(root: string, id: Guid): string | null {
  const path = devicePath(root, id);
  if (path === null) return null;
  try {
    return basename(readlinkSync(`${path}/driver`));
  } catch {
    return null;
  }
}

/** Instance GUIDs of what is on the bus now. */
export function deviceIds(root: string): Guid[] {
  return listFolder(under(root, 'sys/bus/vmbus/devices'))
    .filter(isGuid)
    .map((name) => parseGuid(name));
}

/** The device; null when it is not there, or went while it was read. */
export function readDevice(root: string, id: Guid): Device | null {
  const path = devicePath(root, id);
  if (path === null) return null;
  let names: string[];
  try {
    names = readdirSync(path);
  } catch {
    return null;
  }
  const folder = new AttributeFolder(path, names);
  const device = new DeviceSnapshot(readFacts(root, id, folder), () => readChannels(path));
  return folder.vanishing && devicePath(root, id) === null ? null : device;
}

function readFacts(root: string, id: Guid, folder: AttributeFolder): DeviceFacts {
  const deviceClass = readClass(folder);
  const driver = readDriver(folder);
  const state = folder.int('state');
  checkIdentity(folder, id);
  return {
    id,
    class: deviceClass,
    relid: folder.int('id'),
    state,
    stateName: states[state ?? -1] ?? null,
    modalias: folder.matching('modalias', /^vmbus:[0-9a-f]{32}$/),
    vendor: folder.hex('vendor'),
    deviceIndex: folder.hex('device'),
    numaNode: folder.int('numa_node'),
    cpuMap: readCpuMap(folder),
    monitorId: folder.int('monitor_id'),
    serverMonitor: readMonitor(folder, 'server'),
    clientMonitor: readMonitor(folder, 'client'),
    in: readRing(folder, 'in'),
    out: readRing(folder, 'out'),
    driverOverride: readOverride(folder),
    driver,
    uio: folder.has('uio') ? readUio(root, folder.path, folder.unreadable) : null,
    children: readChildren(root, folder.path, deviceClass, driver),
    path: folder.path,
    root,
    unreadable: folder.unreadable,
  };
}

/** The class; from `modalias`, which holds the same GUID in memory order, where `class_id` can't be read. */
function readClass(folder: AttributeFolder): DeviceClass {
  const text = folder.matching('class_id', braced);
  if (text !== null && isGuid(text)) return classOfGuid(parseGuid(text));
  if (text !== null) folder.garbage('class_id');
  const hex = new AttributeFolder(folder.path, ['modalias']).matching('modalias', /^vmbus:([0-9a-f]{32})$/);
  return classOfGuid(hex === null ? nil : guidFromBytes(Buffer.from(hex, 'hex')));
}

/** `device_id` repeats the folder's name; another value there means that this is not what it seems. */
function checkIdentity(folder: AttributeFolder, id: Guid): void {
  const text = folder.matching('device_id', braced);
  if (text !== null && text.toLowerCase() !== id) folder.garbage('device_id');
}

function readDriver(folder: AttributeFolder): string | null {
  if (!folder.has('driver')) return null;
  try {
    return basename(readlinkSync(`${folder.path}/driver`));
  } catch (error) {
    const errno = errorCode(error);
    if (errno === 'ENOENT') folder.vanishing = true;
    else folder.unreadable.push({ attribute: 'driver', errno });
    return null;
  }
}

function readOverride(folder: AttributeFolder): string | null {
  const text = folder.text('driver_override');
  return text === '(null)' || text === '' ? null : text;
}

// Checked as a whole, then taken apart: there are as many lines as channels.
function readCpuMap(folder: AttributeFolder): { relid: number; cpu: number }[] {
  const text = folder.matching('channel_vp_mapping', cpuMap);
  if (text === null || text === '') return [];
  return text.split('\n').map((line) => {
    const colon = line.indexOf(':');
    return { relid: Number(line.slice(0, colon)), cpu: Number(line.slice(colon + 1)) };
  });
}

function readMonitor(folder: AttributeFolder, side: 'server' | 'client'): MonitorAttributes {
  return {
    pending: folder.word(`${side}_monitor_pending`),
    latency: folder.word(`${side}_monitor_latency`),
    connectionId: folder.word(`${side}_monitor_conn_id`),
  };
}

function readRing(folder: AttributeFolder, side: 'in' | 'out'): RingAttributes {
  return {
    interruptMask: folder.word(`${side}_intr_mask`),
    readIndex: folder.word(`${side}_read_index`),
    writeIndex: folder.word(`${side}_write_index`),
    readBytesAvail: folder.word(`${side}_read_bytes_avail`),
    writeBytesAvail: folder.word(`${side}_write_bytes_avail`),
  };
}
