// SPDX-License-Identifier: MIT
//
// The root that every path goes through: a guest's `/`, the folder of a simulated host, or a captured snapshot.
// Called by everything in lib/bus that opens a file.

import { existsSync, realpathSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

import { invalidType, VmbusError } from '../errors.js';

/** What stands behind a root. */
export type RootKind = 'guest' | 'simulated' | 'snapshot';

/** Folder that names the root: the argument, VMBUS_ROOT, or `/`; absolute and free of symbolic links. */
export function resolveRoot(root: string | undefined): string {
  if (root !== undefined && typeof root !== 'string') throw invalidType('root', 'a folder as a string', root);
  const named = root ?? (process.env.VMBUS_ROOT || '/');
  try {
    return realpathSync(named);
  } catch (cause) {
    throw new VmbusError('ERR_VMBUS_NOT_A_GUEST', `the root folder ${named} does not exist`, {
      path: named,
      hint: 'name a folder that holds sys/bus/vmbus, or leave --root and VMBUS_ROOT away',
      cause,
    });
  }
}

/** A path under the root. */
export function under(root: string, ...parts: readonly string[]): string {
  return join(root, ...parts);
}

/** Whether a folder of the root is the root's own, so that a link in a foreign tree leads nowhere else. */
export function isInside(root: string, path: string): boolean {
  return root === '/' ? path.startsWith('/') : path === root || path.startsWith(`${root}/`);
}

/** What stands behind a root, by the marks that the simulated host and the snapshot leave in it. */
export function rootKind(root: string): RootKind {
  if (existsSync(under(root, 'run/vmbus/host.json'))) return 'simulated';
  if (existsSync(under(root, 'snapshot.json'))) return 'snapshot';
  return 'guest';
}

/** The folder of the bus; throws where the root has none. */
export function busFolder(root: string): string {
  const folder = under(root, 'sys/bus/vmbus');
  if (existsSync(folder)) return folder;
  const where = root === '/' ? 'this machine' : `the tree in ${root}`;
  throw new VmbusError('ERR_VMBUS_NOT_A_GUEST', `${where} has no VMBus (${folder} is missing)`, {
    path: folder,
    hint: '`hv info` says what this machine is; `hv --sim COMMAND` runs a command against a simulated host',
  });
}

/** f_type of sysfs: statfs(2). */
export const sysfsType: number = 0x6265_6572;
/** A file in a tree that says: made for tests, may be written to. */
const testMark = 'run/vmbus/test-tree';

/**
 * Refuses to change anything in a tree that nobody stands behind. A kernel does in its sysfs, wherever that is mounted, and a
 * simulated host in its folder; any other folder with the same names is a copy: a backup, an unpacked image, a snapshot cut in
 * half. Writes there move no device, and records of them would be lies. What is made for tests says so by a file: that is no
 * protection against a hostile tree, and need not be. Such a tree could as well hold a host's mark; that no write leaves
 * a root is seen to where things are written.
 * @throws ERR_VMBUS_UNSUPPORTED
 */
export function requireWritable(root: string, device: string, action: string): void {
  const kind = rootKind(root);
  if (kind === 'snapshot') throw snapshotError(device, action);
  const bus = under(root, 'sys/bus/vmbus');
  // Where the bus has gone there is nothing to write to; who asks for it says so.
  if (root === '/' || kind === 'simulated' || !existsSync(bus) || existsSync(under(root, testMark))) return;
  if (statfsSync(bus).type === sysfsType) return;
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `the tree in ${root} is only a copy of a guest's: it can't ${action}`, {
    device,
    path: root,
    hint: 'run the command in the guest, or against a simulated host: `hv --sim COMMAND`',
  });
}

/** The refusal to change anything in a snapshot. */
function snapshotError(device: string, action: string): VmbusError {
  return new VmbusError('ERR_VMBUS_UNSUPPORTED', `a snapshot is only to be read: it can't ${action}`, {
    device,
    hint: 'run the command in the guest, or against a simulated host: `hv --sim COMMAND`',
  });
}
