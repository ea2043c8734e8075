// SPDX-License-Identifier: MIT
//
// Whether a block device stands on a loop device, directly or through partitions, device mapper and RAID.
// Called by: plan.ts. Source: Documentation/ABI/testing/sysfs-block (slaves).
//
// Such a file system is not frozen: with the one frozen that holds its file, it could not be brought to rest any more, and
// FIFREEZE would not return. What is in it goes to that file when it is written back, and is as good there as after a crash.

import { realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { listFolder } from '../../bus/read/attributes.js';
import { under } from '../../bus/root.js';
import { showDeviceNumber } from '../../bus/use/device-number.js';

const deepest = 16;

/** @param device `major:minor` of the file system. A btrfs has a made-up one: then the source is asked. */
export function isOnLoop(root: string, device: string, source: string): boolean {
  const number = device.startsWith('0:') ? numberOf(root, source) : device;
  return number !== null && standsOnLoop(under(root, 'sys/dev/block', number), deepest);
}

function numberOf(root: string, source: string): string | null {
  try {
    return showDeviceNumber(statSync(under(root, source)).rdev);
  } catch {
    return null;
  }
}

function standsOnLoop(folder: string, depth: number): boolean {
  let real: string;
  try {
    real = realpathSync(folder);
  } catch {
    return false;
  }
  // A partition's folder lies in its disk's.
  if (real.split('/').some((name) => /^loop\d+$/.test(name))) return true;
  if (depth === 0) return false;
  const slaves = listFolder(`${real}/slaves`);
  return slaves.some((name) => /^loop\d+/.test(basename(name)) || standsOnLoop(`${real}/slaves/${name}`, depth - 1));
}
