// SPDX-License-Identifier: MIT
//
// Writes a control file of the bus: one write(2) of the whole text, as sysfs wants it, answered with an errno.
// Called by steps.ts and move-channel.ts. In a simulated host's tree the write-only files are unix sockets: the
// text goes in, the errno in decimal comes back.
// The asynchronous form writes on a thread of its own: unbinding waits for the driver, for minutes if need be, and four such
// waits would take all of libuv's pool, and with it every file of the script.
// Invariant: what was looked at is what is written to. The file is held by a descriptor that only names it; whether it is a
// link, and whether its folders lead out of the root, is asked of that descriptor, and it is opened through it.

import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { constants as os } from 'node:os';

import type { Binding } from '../native/binding.js';
import { native } from '../native/load.js';
import { isInside } from './root.js';
import { errorNumber } from './system-error.js';

/** open(2)'s flag for a descriptor that only names a file, on x86 and arm64; node:fs has no word for it. */
const onlyName = 0o10000000;
/** As a shell's `>`: the kernel ignores the truncation, a simulated tree's regular files need it. */
const flags = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOCTTY;
const answerTimeoutMs = 30_000;
const { EINVAL, EIO, ELOOP, EOPNOTSUPP, EPROTO, ETIMEDOUT, EXDEV } = os.errno;

/** Writes the text to a file below the root. 0, or a positive errno: ELOOP for a link, EXDEV where the path leads out of the root. */
export async function writeAttribute(root: string, path: string, text: string): Promise<number> {
  try {
    const held = hold(root, path);
    try {
      return await (held.isSocket ? writeSocket(held.path, text) : writeFile(held.path, text));
    } finally {
      closeSync(held.fd);
    }
  } catch (error) {
    return errorNumber(error) || EIO;
  }
}

/** The same for regular and sysfs files while the process exits; EOPNOTSUPP for a socket, which needs the event loop. */
export function writeAttributeSync(root: string, path: string, text: string): number {
  try {
    const held = hold(root, path);
    try {
      if (held.isSocket) return EOPNOTSUPP;
      const fd = openSync(held.path, flags);
      try {
        return isWhole(writeSync(fd, text), text);
      } finally {
        closeSync(fd);
      }
    } finally {
      closeSync(held.fd);
    }
  } catch (error) {
    return errorNumber(error) || EIO;
  }
}

/** A file by its descriptor, and the path that opens exactly it. */
interface Held {
  readonly fd: number;
  readonly path: string;
  readonly isSocket: boolean;
}

function hold(root: string, path: string): Held {
  const fd = openSync(path, onlyName | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(fd);
    const own = `/proc/self/fd/${fd}`;
    if (stat.isSymbolicLink()) throw failure(ELOOP);
    if (!isInside(realpathSync.native(root), readlinkSync(own))) throw failure(EXDEV);
    if (!stat.isFile() && !stat.isSocket()) throw failure(EINVAL);
    return { fd, path: own, isSocket: stat.isSocket() };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function failure(errno: number): Error {
  return Object.assign(new Error('not written'), { errno });
}

/** A command that the kernel took in part is a command it did not take. */
function isWhole(written: number, text: string): number {
  return written === Buffer.byteLength(text) ? 0 : EIO;
}

function writeFile(path: string, text: string): Promise<number> {
  let addon: Binding;
  try {
    addon = native();
  } catch {
    // Giving a device back must not depend on an addon that can be loaded.
    return writeInPool(path, text);
  }
  return new Promise((resolve) => addon.writeAttribute(path, text, resolve));
}

async function writeInPool(path: string, text: string): Promise<number> {
  const file = await open(path, flags);
  try {
    return isWhole((await file.write(text)).bytesWritten, text);
  } finally {
    await file.close();
  }
}

function writeSocket(path: string, text: string): Promise<number> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ path, allowHalfOpen: true });
    const finish = (errno: number): void => {
      socket.destroy();
      resolve(errno);
    };
    socket.setTimeout(answerTimeoutMs, () => finish(ETIMEDOUT));
    socket.on('error', (error) => finish(errorNumber(error) || EIO));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.length > 8) finish(EPROTO);
    });
    socket.on('end', () => finish(/^(?:0|[1-9]\d{0,3})$/.test(answer) ? Number(answer) : EPROTO));
    socket.end(text);
  });
}
