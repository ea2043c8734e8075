// SPDX-License-Identifier: MIT
// A Debian system with systemd, as the image of a disk. Its packages are unpacked and nothing is configured: none of their
// scripts has run. systemd makes the accounts that it needs at the first boot (systemd-sysusers).
// Called by support/debian-world.ts of the suites. Calls provision.ts.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { KernelName } from '../kernel-names.js';
import { type ProvisionOptions, provisionPackages } from '../provision.js';
import { inTree } from '../qemu-arguments.js';

/** With what they depend on; libstdc++6 is for Node. Nothing of a Debian system comes without being named: none is "installed". */
const PACKAGES = [
  'base-files base-passwd bash coreutils dash grep init-system-helpers libc-bin mount perl-base sed util-linux',
  'dbus systemd-sysv udev hyperv-daemons iproute2 libstdc++6',
].flatMap((line) => line.split(' '));
const IMAGE_MIB = 1024;

/** What the first boot needs. `root` is where the image is mounted, in a shell of the guest. */
export const prepareDebianRoot = (root: string): string =>
  [
    `cp ${root}/usr/share/base-passwd/passwd.master ${root}/etc/passwd`,
    `cp ${root}/usr/share/base-passwd/group.master ${root}/etc/group`,
    `tr -d - < /proc/sys/kernel/random/uuid > ${root}/etc/machine-id`, // without one, systemd asks on the console
    `mkdir -p ${root}/dev ${root}/proc ${root}/sys ${root}/run ${root}/root`,
  ].join(' && ');

/** Writes the image of such a system's root, an ext4 that has not been mounted yet. */
export async function writeDebianRoot(file: string, kernel: KernelName, options: ProvisionOptions): Promise<void> {
  const { all: tree } = await provisionPackages(PACKAGES, kernel, options);
  const { all: tools } = await provisionPackages(['e2fsprogs'], kernel, options);
  const [loader = '', ...words] = inTree(tools, 'sbin/mke2fs');
  execFileSync(loader, [...words, '-q', '-t', 'ext4', '-d', tree, file, `${IMAGE_MIB}M`], {
    env: { ...process.env, MKE2FS_CONFIG: path.join(tools, 'etc/mke2fs.conf') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
