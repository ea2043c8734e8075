// SPDX-License-Identifier: MIT
//
// Writes a control file of the bus: one write(2) of the whole text, as sysfs wants it, answered with an errno.
// Called by steps.ts and move-channel.ts. In a simulated host's tree the write-only files are unix sockets: the
// text goes in, the errno in decimal comes back. The asynchronous form runs off the event loop: unbinding can block.

import { closeSync, constants, lstatSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { constants as os } from 'node:os';

import { errorNumber } from './system-error.js';

/** As a shell's `>`: the kernel ignores the truncation, a simulated tree's regular files need it. */
// Attributes are never links: one that is would lead out of the tree.
const flags = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOCTTY | constants.O_NOFOLLOW;
const answerTimeoutMs = 30_000;

/** Writes the text. 0, or a positive errno. */
export async function writeAttribute(path: string, text: string): Promise<number> {
  try {
    if (lstatSync(path).isSocket()) return await writeSocket(path, text);
    const file = await open(path, flags);
    try {
      await file.write(text);
    } finally {
      await file.close();
    }
    return 0;
  } catch (error) {
    return errorNumber(error) || os.errno.EIO;
  }
}

/** The same for regular and sysfs files while the process exits; EOPNOTSUPP for a socket, which needs the event loop. */
export function writeAttributeSync(path: string, text: string): number {
  try {
    if (lstatSync(path).isSocket()) return os.errno.EOPNOTSUPP;
    const fd = openSync(path, flags);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
    return 0;
  } catch (error) {
    return errorNumber(error) || os.errno.EIO;
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
    socket.setTimeout(answerTimeoutMs, () => finish(os.errno.ETIMEDOUT));
    socket.on('error', (error) => finish(errorNumber(error) || os.errno.EIO));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.length > 8) finish(os.errno.EPROTO);
    });
    socket.on('end', () => finish(/^(?:0|[1-9]\d{0,3})$/.test(answer) ? Number(answer) : os.errno.EPROTO));
    socket.end(text);
  });
}
