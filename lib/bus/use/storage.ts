// SPDX-License-Identifier: MIT
//
// Whether the disks of a device are in use: mounted, swapped to, or part of something larger.
// Called by device-use.ts. Source: proc_pid_mountinfo(5), proc_swaps(5), Documentation/ABI/testing/sysfs-block (holders).

import { closeSync, constants, openSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';

import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { under } from '../root.js';
import { errorCode } from '../system-error.js';
import type { Device, DeviceUse } from '../types.js';
import { readTableLines } from './proc-table.js';

/** What stands on a disk: itself, its partitions, and everything built on those (device mapper, RAID, LVM …). */
interface Stack {
  /** Names as in /sys/class/block. */
  readonly names: ReadonlySet<string>;
  /** `major:minor` of each. */
  readonly numbers: ReadonlySet<string>;
  readonly holders: readonly DeviceUse[];
}

/** Uses of the device's disks. */
export function storageUses(device: Device): DeviceUse[] {
  return device.children.filter((child) => child.kind === 'block').flatMap((disk) => diskUses(device.root, disk.name));
}

/** Disks, partitions and what is built on them, for the search of open nodes. */
export function blockNames(device: Device): string[] {
  const disks = device.children.filter((child) => child.kind === 'block');
  return disks.flatMap((disk) => [...stackOf(device.root, disk.name).names]);
}

function diskUses(root: string, disk: string): DeviceUse[] {
  const stack = stackOf(root, disk);
  const uses = [...stack.holders, ...mounts(root, stack), ...swaps(root, stack), ...btrfs(root, stack)];
  return uses.length > 0 ? uses : exclusive(root, disk);
}

function stackOf(root: string, disk: string): Stack {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const holders: DeviceUse[] = [];
  const visit = (name: string): void => {
    if (names.has(name) || names.size > 4096) return;
    names.add(name);
    const folder = under(root, 'sys/class/block', name);
    const number = readSmallFileOrNull(`${folder}/dev`);
    if (number !== null) numbers.add(number);
    for (const holder of listFolder(`${folder}/holders`)) {
      const title = readSmallFileOrNull(under(root, 'sys/class/block', holder, 'dm/name'));
      holders.push({
        kind: 'holder',
        detail: `${name} is part of ${holder}${title ? ` (${title})` : ''}`,
        forceable: true,
      });
      visit(holder);
    }
    for (const part of listFolder(folder)) {
      if (part.startsWith(name) && readSmallFileOrNull(`${folder}/${part}/partition`) !== null) visit(part);
    }
  };
  visit(disk);
  return { names, numbers, holders };
}

/** Mounts of this namespace and the machine's first one: a container's own view may hide what is mounted. */
function mounts(root: string, stack: Stack): DeviceUse[] {
  const lines = new Set(
    ['proc/1/mountinfo', 'proc/self/mountinfo'].flatMap((path) => readTableLines(under(root, path))),
  );
  const found = new Map<string, DeviceUse>();
  for (const line of lines) {
    const fields = line.split(' ');
    const [, , number = '', , point = ''] = fields;
    const source = fields[fields.indexOf('-') + 2] ?? '';
    const name = nodeName(root, unquote(source));
    if (!stack.numbers.has(number) && !(name !== null && stack.names.has(name))) continue;
    const detail = `${name ?? unquote(source)} is mounted on ${unquote(point)}`;
    found.set(detail, { kind: 'mounted', detail, forceable: true });
  }
  return [...found.values()];
}

function swaps(root: string, stack: Stack): DeviceUse[] {
  return readTableLines(under(root, 'proc/swaps'))
    .slice(1)
    .flatMap((line) => {
      const path = unquote(line.split(/\s+/)[0] ?? '');
      const name = nodeName(root, path);
      return name !== null && stack.names.has(name)
        ? [{ kind: 'swap', detail: `${name} is swap space`, forceable: true }]
        : [];
    });
}

/** Members of a btrfs of several disks: mountinfo names only one of them. */
function btrfs(root: string, stack: Stack): DeviceUse[] {
  const folder = under(root, 'sys/fs/btrfs');
  return listFolder(folder).flatMap((id) =>
    listFolder(`${folder}/${id}/devices`)
      .filter((name) => stack.names.has(name))
      .map((name) => ({ kind: 'mounted', detail: `${name} belongs to the mounted btrfs ${id}`, forceable: true })),
  );
}

/** Asks the kernel itself: whoever uses a disk (ZFS, iSCSI targets …) has claimed it. Only on a real machine's nodes. */
function exclusive(root: string, disk: string): DeviceUse[] {
  // Opening an optical drive closes its tray and may spin it up.
  if (root !== '/' || disk.startsWith('sr')) return [];
  try {
    closeSync(openSync(`/dev/${disk}`, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK));
    return [];
  } catch (error) {
    if (errorCode(error) !== 'EBUSY') return [];
    return [
      { kind: 'holder', detail: `the kernel says that ${disk} is claimed (ZFS, a storage target, …)`, forceable: true },
    ];
  }
}

/** Kernel name of a block device node, through the links of /dev/disk and /dev/mapper; null for another source. */
function nodeName(root: string, source: string): string | null {
  if (!source.startsWith('/dev/')) return null;
  try {
    return basename(realpathSync(under(root, source)));
  } catch {
    return basename(source);
  }
}

/** Undoes the octal escapes of mount tables. */
function unquote(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
