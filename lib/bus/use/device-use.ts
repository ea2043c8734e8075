// SPDX-License-Identifier: MIT
//
// Why a device must not be taken away: everything that somebody uses of it, in words.
// Called by driver-binding.ts before it unbinds, and by `hv bind --dry-run`; calls storage.ts, network.ts, nodes.ts.

import { checkWholeDevice } from '../check-arguments.js';
import { under } from '../root.js';
import type { Device, DeviceUse } from '../types.js';
import { networkUses } from './network.js';
import { type NodeHolder, nodeHolders } from './nodes.js';
import { blockNames, storageUses } from './storage.js';

/** Drivers whose unbinding waits, without end, until the character device is closed. */
const waitsForClose = 'hv_utils';
const consoleClasses: ReadonlySet<string> = new Set(['keyboard', 'mouse', 'video']);

/**
 * Every use of the device that can be found; empty for one that is free. As root all processes are seen, else only one's own.
 * @category Bus
 */
export function deviceUses(device: Device): DeviceUse[] {
  checkWholeDevice(device);
  if (device.driver === null) return [];
  return [
    ...connectionUses(device),
    ...storageUses(device),
    ...networkUses(device),
    ...consoleUses(device),
    ...nodeUses(device),
  ];
}

/** Processes that have the device's UIO node or its rings open or mapped; while there are any, unbinding breaks the kernel. */
export function uioHolders(device: Device): NodeHolder[] {
  if (device.uio === null) return [];
  return nodeHolders(device.root, [`/dev/${device.uio.name}`], [inGuest(device, `${device.path}/channels`)]);
}

function nodeUses(device: Device): DeviceUse[] {
  const others = device.children
    .filter((child) => child.kind === 'misc' || child.kind === 'ptp')
    .map((child) => `/dev/${child.name}`);
  const disks = blockNames(device).map((name) => `/dev/${name}`);
  const holders = [
    ...uioHolders(device),
    ...(others.length + disks.length > 0 ? nodeHolders(device.root, [...others, ...disks]) : []),
  ];
  return holders.map((holder) => ({
    kind: 'node-open',
    detail: `${holder.node} is ${holder.how} by ${holder.command}${holder.pid > 0 ? ` (pid ${holder.pid})` : ''}`,
    forceable: mayForce(device, holder.node),
  }));
}

/** Never with an open UIO node: the kernel breaks. Nor with a daemon on hv_utils: the unbinding would never end. */
function mayForce(device: Device, node: string): boolean {
  const blocks = device.driver === waitsForClose && node.startsWith('/dev/vmbus/');
  return !blocks && !node.startsWith('/dev/uio') && !node.startsWith('/sys/');
}

function consoleUses(device: Device): DeviceUse[] {
  if (!consoleClasses.has(device.class.name) || device.driver === 'uio_hv_generic') return [];
  return [
    { kind: 'console', detail: `the ${device.class.name} belongs to the console of this machine`, forceable: true },
  ];
}

/** An hv_sock connection is a device of its own, and can only belong to its driver. */
function connectionUses(device: Device): DeviceUse[] {
  if (device.driver !== 'hv_sock') return [];
  return [{ kind: 'connection', detail: 'this device is an open hv_sock connection', forceable: false }];
}

function inGuest(device: Device, path: string): string {
  return device.root === '/' ? path : path.slice(under(device.root).length);
}
