// SPDX-License-Identifier: MIT
//
// Looks at a guest's ext4 from outside, with the distribution's own programs: for disks that the guest's kernel may not be asked for.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Disk } from '../../../../dist/host/index.js';
import { labFolder } from '../../lab/cache.js';
import type { KernelName } from '../../lab/kernel-names.js';
import { provisionPackages } from '../../lab/provision.js';
import { inTree } from '../../lab/qemu-arguments.js';

/** Bytes of a file on an unmounted ext4. @throws with what e2fsck says, when there is anything wrong with it */
export async function fileOfSoundExt4(kernel: KernelName, disk: Disk, file: string): Promise<Buffer> {
  const note = (text: string): void => console.log(`[lab] ${text}`);
  const { all } = await provisionPackages(['e2fsprogs'], kernel, { cache: labFolder(), refresh: false, note });
  const folder = mkdtempSync(path.join(tmpdir(), 'vmbus-ext4-'));
  const run = (program: string, ...words: readonly string[]): Buffer => {
    const [loader = '', ...rest] = inTree(all, `sbin/${program}`);
    return execFileSync(loader, [...rest, ...words], { maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'pipe'] });
  };
  try {
    const image = path.join(folder, 'image');
    writeFileSync(image, await disk.read(0, disk.sizeBytes));
    run('e2fsck', '-fn', image);
    return run('debugfs', '-R', `cat ${file}`, image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
