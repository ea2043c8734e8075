// SPDX-License-Identifier: MIT
//
// Why a device must not be taken away: everything that somebody uses of it, in words.
// Called by driver-binding.ts and give-back.ts before they unbind; calls storage.ts, network.ts, nodes.ts.
// Fails closed: what can't be told to be free is in use.

import { VmbusError } from '../../errors.js';
import { checkWholeDevice } from '../check-arguments.js';
import { under } from '../root.js';
import type { Device, DeviceUse } from '../types.js';
import { readDeviceNumber } from './device-number.js';
import { hiddenHint, hiddenText } from './hidden.js';
import { networkUses } from './network.js';
import { type HolderSearch, type NodeHolder, searchHolders, type WantedNode } from './nodes.js';
import { blockNames, storageUses } from './storage.js';

/** Drivers whose unbinding waits, without end, until the character device is closed. */
const waitsForClose = 'hv_utils';
const nobody: HolderSearch = { holders: [], hidden: { processes: [], unlisted: null } };
const consoleClasses: ReadonlySet<string> = new Set(['keyboard', 'mouse', 'video']);

/**
 * Every use of the device that can be found; empty for one that is free. What could not be looked at, as other users'
 * processes without root, stands among them as `hidden`.
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

/**
 * Processes that have the device's UIO node or its rings open or mapped; while there are any, unbinding breaks the kernel.
 * @throws ERR_VMBUS_PERMISSION where none was found and some could not be looked at
 */
export function uioHolders(device: Device): readonly NodeHolder[] {
  const { holders, hidden } = searchUio(device);
  const text = hiddenText(hidden, uioNode(device));
  if (holders.length > 0 || text === null) return holders;
  throw new VmbusError('ERR_VMBUS_PERMISSION', `${device.class.name} ${device.id} may be in use: ${text}`, {
    device: device.id,
    path: uioNode(device),
    hint: hiddenHint(hidden),
    facts: { hidden },
  });
}

function searchUio(device: Device): HolderSearch {
  if (device.uio === null) return nobody;
  const number = readDeviceNumber(`${device.path}/uio/${device.uio.name}/dev`);
  const { holders, hidden } = searchHolders(device.root, {
    nodes: [{ path: uioNode(device), number, isBlock: false }],
    folders: [inGuest(device, `${device.path}/channels`)],
  });
  // The channel is open as long as the node is: of processes that /proc does not list, the kernel's own word is enough.
  return { holders, hidden: device.stateName === 'idle' ? { ...hidden, unlisted: null } : hidden };
}

function uioNode(device: Device): string {
  return `/dev/${device.uio?.name}`;
}

function nodeUses(device: Device): DeviceUse[] {
  const others = [...serviceNodes(device), ...diskNodes(device)];
  const found = others.length > 0 ? searchHolders(device.root, { nodes: others, folders: [] }) : nobody;
  const paths = others.map(({ path }) => path);
  return [...usesOf(device, [uioNode(device)], searchUio(device)), ...usesOf(device, paths, found)];
}

/** Who holds the nodes; and, since nobody may hold them only as far as one can see, what could not be seen. */
function usesOf(device: Device, nodes: readonly string[], { holders, hidden }: HolderSearch): DeviceUse[] {
  const uses = holders.map((holder) => ({
    kind: 'node-open',
    detail: `${holder.node} is ${holder.how} by ${holder.command}${holder.pid > 0 ? ` (pid ${holder.pid})` : ''}`,
    forceable: mayForce(device, holder.node),
  }));
  const text = hiddenText(hidden, `${nodes[0]}${nodes.length > 1 ? ' or another of its nodes' : ''}`);
  if (text === null) return uses;
  const forceable = nodes.every((node) => mayForce(device, node));
  return [...uses, { kind: 'hidden', detail: `${text}; ${hiddenHint(hidden)}`, forceable }];
}

/** Character devices of the integration services. */
function serviceNodes(device: Device): WantedNode[] {
  return device.children
    .filter(({ kind }) => kind === 'misc' || kind === 'ptp')
    .map(({ kind, name }) => {
      const attribute = under(device.root, 'sys/class', kind, name.replaceAll('/', '!'), 'dev');
      return { path: `/dev/${name}`, number: readDeviceNumber(attribute), isBlock: false };
    });
}

function diskNodes(device: Device): WantedNode[] {
  return blockNames(device).map((name) => {
    const number = readDeviceNumber(under(device.root, 'sys/class/block', name, 'dev'));
    return { path: `/dev/${name}`, number, isBlock: true };
  });
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
