// SPDX-License-Identifier: MIT
//
// A guest that is a Debian system with systemd, its root on a disk of our host, the command in its PATH. Used by suites of what
// users do there.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type FileDisk, openFileDisk, type Provider, scsi } from '../../../../dist/host/index.js';
import { projectFiles } from '../../guest-project.js';
import { labFolder } from '../../lab/cache.js';
import { prepareDebianRoot, writeDebianRoot } from '../../lab/hosted/debian-root.js';
import { bootWorld, endWorld, type HostWorld, kernel } from '../host-world.js';
import { installHv } from './hv-command.js';

export interface DebianWorld extends HostWorld {
  /** Its root. */
  readonly disk: FileDisk;
}

const ROOT = '/mnt';
let folder = '';

/** Resolves when systemd has started all that it starts. @param files what its root has besides: place -> text */
export async function bootDebian(
  devices: readonly Provider[],
  files: Readonly<Record<string, string>>,
): Promise<DebianWorld> {
  folder = mkdtempSync(path.join(tmpdir(), 'vmbus-debian-'));
  const image = path.join(folder, 'root.img');
  const note = (text: string): void => console.log(`[lab] ${text}`);
  await writeDebianRoot(image, kernel, { cache: labFolder(), refresh: false, note });
  const disk = await openFileDisk(image);
  const world = await bootWorld({
    devices: [...devices, scsi({ disks: [disk] })],
    modules: ['hv_utils', 'uio_hv_generic', 'hv_netvsc', 'hv_storvsc', 'sd_mod', 'ext4'],
    node: true,
    memoryMiB: 1024,
    hypervFirmware: true,
  });
  const { machine } = world;
  await machine.put(await projectFiles());
  await machine.must(`until [ -e /dev/sda ]; do sleep 0.1; done && mkdir -p ${ROOT} && mount /dev/sda ${ROOT}`);
  await machine.must(prepareDebianRoot(ROOT));
  await machine.must(`cp -a /app ${ROOT}/app && cp /usr/bin/node ${ROOT}/usr/bin/`);
  await installHv(machine, ROOT);
  for (const [place, input] of Object.entries(files))
    await machine.must(`mkdir -p ${ROOT}${path.dirname(place)} && cat > ${ROOT}${place}`, { input });
  await machine.handOver(ROOT);
  await machine.must('until busctl status > /dev/null 2>&1; do sleep 0.5; done'); // asked before, systemctl gives up
  await machine.run('systemctl is-system-running --wait');
  return { ...world, disk };
}

/** Ends the machine, and removes its disk. */
export async function endDebian(world: DebianWorld | undefined): Promise<void> {
  await endWorld(world);
  await world?.disk.close();
  rmSync(folder, { recursive: true, force: true });
}
