// SPDX-License-Identifier: MIT
//
// How a snapshot keeps an attribute that could not be read in the guest: as a link that leads nowhere and names the errno.
// So a snapshot is plain files and links, survives tar, and answers with the same errno as the guest did.
// Called by attributes.ts (reading) and insight/snapshot (writing).

import { readlinkSync } from 'node:fs';

const prefix = '.unreadable:';
const pattern = /^\.unreadable:(E[A-Z0-9]{1,15})$/;

/** Text of the link that stands for an attribute which answered with this errno. */
export function unreadableMark(errno: string): string {
  return prefix + errno;
}

/** The errno that a link at the path stands for; null for everything else. */
export function markedErrno(path: string): string | null {
  try {
    return pattern.exec(readlinkSync(path))?.[1] ?? null;
  } catch {
    return null;
  }
}
