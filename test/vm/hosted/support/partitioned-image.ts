// SPDX-License-Identifier: MIT
//
// The beginning of a disk as the distribution's sfdisk partitions it: tables that nobody of ours has written.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { labFolder } from '../../lab/cache.js';
import type { KernelName } from '../../lab/kernel-names.js';
import { provisionPackages } from '../../lab/provision.js';
import { inTree } from '../../lab/qemu-arguments.js';

/** A disk of so many bytes. @param script as sfdisk(8) takes it */
export async function partitionedImage(kernel: KernelName, sizeBytes: number, script: string): Promise<Buffer> {
  const note = (text: string): void => console.log(`[lab] ${text}`);
  const { all } = await provisionPackages(['fdisk'], kernel, { cache: labFolder(), refresh: false, note });
  const folder = mkdtempSync(path.join(tmpdir(), 'vmbus-sfdisk-'));
  try {
    const image = path.join(folder, 'image');
    writeFileSync(image, Buffer.alloc(sizeBytes));
    const [loader = '', ...words] = inTree(all, 'sbin/sfdisk');
    execFileSync(loader, [...words, '-q', image], { input: script, stdio: ['pipe', 'ignore', 'pipe'] });
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
