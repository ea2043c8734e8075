// SPDX-License-Identifier: MIT
//
// What only the kernel log tells: which VMBus version guest and host agreed on, and what else its drivers noted.
// Called by move-channel.ts, to explain a refusal, and by the doctor. Source: drivers/hv/connection.c ("Vmbus version:%d.%d"); dev-kmsg ABI.

import { closeSync, constants, openSync, readSync } from 'node:fs';

import { under } from '../root.js';
import { errorCode } from '../system-error.js';

/** More records than any log holds. */
const mostRecords = 65_536;

/** The version agreed on; null where the log is not ours to read, or has forgotten it. */
export function protocolVersion(root: string): { readonly major: number; readonly minor: number } | null {
  let found = null;
  for (const record of kernelLog(root)) {
    const match = /Vmbus version:(\d{1,3})\.(\d{1,3})/.exec(record);
    // The last one counts: after hibernation the two agree anew.
    if (match) found = { major: Number(match[1]), minor: Number(match[2]) };
  }
  return found;
}

/** Records of the log, oldest first; each read gives one. */
export function* kernelLog(root: string): Generator<string, void> {
  let fd: number;
  try {
    fd = openSync(under(root, 'dev/kmsg'), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return;
  }
  const buffer = Buffer.alloc(8192);
  try {
    for (let count = 0; count < mostRecords; count++) {
      const length = readRecord(fd, buffer);
      if (length === 0) return;
      yield buffer.toString('latin1', 0, length);
    }
  } finally {
    closeSync(fd);
  }
}

/** Bytes of the next record; 0 at the end. EPIPE means that records were overwritten meanwhile: the next read goes on. */
function readRecord(fd: number, buffer: Buffer): number {
  for (let attempt = 0; attempt < 16; attempt++) {
    try {
      return readSync(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      if (errorCode(error) !== 'EPIPE') return 0;
    }
  }
  return 0;
}
