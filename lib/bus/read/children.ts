// SPDX-License-Identifier: MIT
//
// Finds what a device's driver has made of it: network interfaces, disks, inputs, clocks …
// Called by device-reader.ts. Walks the device's own folder to a bounded depth and never follows a link; clocks and
// character devices of the integration services have no parent in sysfs, so those are looked up by class.

import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

import type { DeviceClass } from '../../protocol/classes.js';
import { under } from '../root.js';
import type { DeviceChild } from '../types.js';
import { listFolder, readSmallFileOrNull } from './attributes.js';

type Kind = DeviceChild['kind'];

/** Kinds with a folder of their own; value: whether there can be others of interest below. */
const walked: Readonly<Partial<Record<Kind, boolean>>> = {
  net: false,
  block: false,
  input: false,
  scsi_host: false,
  ptp: false,
  uio: false,
  drm: false,
  graphics: false,
  hid: true,
};
/** Folders that hold no children; leaving them out keeps the walk short. */
const skipped = new Set(['channels', 'power', 'maps', 'queues', 'statistics', 'msi_irqs']);
/** A pass-through disk lies deepest: pciN/function/nvme/nvme0/nvme0n1. */
const deepest = 9;
const mostFolders = 4096;

const miscOfClass: Readonly<Record<string, string>> = { kvp: 'hv_kvp', vss: 'hv_vss', fcopy: 'hv_fcopy' };
const order: readonly Kind[] = ['net', 'block', 'scsi_host', 'input', 'hid', 'drm', 'graphics', 'ptp', 'misc', 'uio'];

/** Children of the device in this folder, ordered by kind and name. */
export function readChildren(
  root: string,
  devicePath: string,
  deviceClass: DeviceClass,
  driver: string | null,
): DeviceChild[] {
  if (driver === null) return [];
  const found: DeviceChild[] = [];
  walk(devicePath, basename(devicePath), { found, left: mostFolders }, 0);
  if (driver === 'hv_utils') found.push(...ofService(root, deviceClass.name));
  const rank = (child: DeviceChild): number => order.indexOf(child.kind);
  return found.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }));
}

interface Walk {
  readonly found: DeviceChild[];
  left: number;
}

function walk(path: string, parent: string, state: Walk, depth: number): void {
  for (const name of foldersIn(path)) {
    if (skipped.has(name) || state.left-- <= 0) continue;
    const child = `${path}/${name}`;
    const kind = kindOf(child, parent);
    if (kind !== null) state.found.push({ kind, name, title: titleOf(kind, child) });
    if ((kind === null || walked[kind] === true) && depth < deepest) walk(child, name, state, depth + 1);
  }
}

/** Kind of the object in a folder: by its subsystem, or (a tree without links) by the folder it lies in. */
function kindOf(path: string, parent: string): Kind | null {
  const name = subsystemOf(path) ?? parent;
  return Object.hasOwn(walked, name) ? (name as Kind) : null;
}

function subsystemOf(path: string): string | null {
  try {
    return basename(readlinkSync(`${path}/subsystem`));
  } catch {
    return null;
  }
}

function titleOf(kind: Kind, path: string): string | null {
  switch (kind) {
    case 'input':
      return clean(readSmallFileOrNull(`${path}/name`));
    case 'ptp':
      return clean(readSmallFileOrNull(`${path}/clock_name`));
    case 'hid':
      return clean(/^HID_NAME=(.*)$/m.exec(readSmallFileOrNull(`${path}/uevent`) ?? '')?.[1]);
    case 'block':
      return clean(
        (readSmallFileOrNull(join(path, '../../model')) ?? readSmallFileOrNull(join(path, '../model')))?.trim(),
      );
    case 'graphics':
      return clean(readSmallFileOrNull(`${path}/name`));
    default:
      return null;
  }
}

function clean(text: string | null | undefined): string | null {
  return text && !/\p{Cc}/u.test(text) ? text : null;
}

function ofService(root: string, className: string): DeviceChild[] {
  const misc = miscOfClass[className];
  if (misc !== undefined) {
    return existsSync(under(root, 'sys/class/misc', `vmbus!${misc}`))
      ? [{ kind: 'misc', name: `vmbus/${misc}`, title: null }]
      : [];
  }
  if (className !== 'timesync') return [];
  const clocks = listFolder(under(root, 'sys/class/ptp')).map((name) => ({
    kind: 'ptp' as const,
    name,
    title: titleOf('ptp', under(root, 'sys/class/ptp', name)),
  }));
  return clocks.filter((clock) => clock.title === 'hyperv');
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}
