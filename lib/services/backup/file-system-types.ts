// SPDX-License-Identifier: MIT
//
// What can be frozen: FIFREEZE is refused (EOPNOTSUPP) by types that have no way to be brought to rest.
// Called by: plan.ts. Source: who has freeze_fs or freeze_super in Linux 6.1 to 7.3.

const unfreezable = new Set(
  [
    'msdos',
    'exfat',
    'ntfs',
    'ntfs3',
    'udf',
    'hfs',
    'hfsplus',
    'minix',
    'ufs',
    'affs',
    'adfs',
    'bfs',
    'sysv',
    'omfs',
  ].concat(['qnx4', 'ocfs2', 'jffs2', 'ubifs']),
);

/** Whether a file system of this type refuses to be frozen. Of types that nobody knows the kernel is asked. */
export function cannotFreeze(type: string): boolean {
  return unfreezable.has(type) || type === 'fuseblk' || type === 'fuse' || type.startsWith('fuse.');
}
