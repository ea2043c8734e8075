// SPDX-License-Identifier: MIT
//
// A file system of the test's own, in a file, mounted: the only kind that a test may really freeze.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { showDeviceNumber } from '../../dist/bus/use/device-number.js';
import type { FreezeTarget } from '../../dist/services/backup/types.js';

/** A mounted ext4. */
export interface OwnDisk extends Disposable {
  readonly target: FreezeTarget;
}

const imageBytes = 16 * 1024 * 1024;

/** Mounts one; the reason where that can't be done here. */
export function mountOwnDisk(): OwnDisk | string {
  const folder = mkdtempSync(join(tmpdir(), 'vmbus-disk-'));
  const image = join(folder, 'image');
  const point = join(folder, 'mnt');
  mkdirSync(point);
  writeFileSync(image, '');
  truncateSync(image, imageBytes);
  for (const [program = '', ...words] of [
    ['mkfs.ext4', '-q', '-F', image],
    ['mount', '-o', 'loop', image, point],
  ]) {
    const { status, error } = spawnSync(program, words, { encoding: 'utf8', timeout: 60_000 });
    if (error === undefined && status === 0) continue;
    rmSync(folder, { recursive: true });
    return `${program} does not work here, which takes root and loop devices`;
  }
  const parent = statSync(folder).dev;
  const { dev } = statSync(point);
  if (dev === parent) throw new Error(`${point} is not mounted: nothing of this machine may be frozen`);
  return {
    target: { point, device: showDeviceNumber(dev) },
    [Symbol.dispose]() {
      // A test that failed may have left it frozen.
      spawnSync('fsfreeze', ['-u', point]);
      spawnSync('umount', [point]);
      rmSync(folder, { recursive: true });
    },
  };
}
