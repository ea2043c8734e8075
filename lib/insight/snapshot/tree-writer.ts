// SPDX-License-Identifier: MIT
//
// Writes the tree of a snapshot, and nothing outside its folder: every path is relative and checked, every file is new, and
// no link leads out.
// Called by the other files of snapshot/.

import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { unreadableMark } from '../../bus/read/unreadable-mark.js';
import { errnoName, invalidType, VmbusError } from '../../errors.js';

/** A folder that is being filled. */
export class TreeWriter {
  readonly folder: string;
  files = 0;
  links = 0;
  /** Path under the snapshot → errno that reading gave. */
  readonly unreadable: Record<string, string> = {};

  /** @throws VmbusError ERR_VMBUS_IN_USE where the folder holds anything; ERR_VMBUS_SYSTEM where it cannot be made */
  constructor(to: string) {
    if (typeof to !== 'string' || to === '') throw invalidType('to', 'a folder as a string', to);
    this.folder = prepare(path.resolve(to));
  }

  /** A file with this text. */
  text(relative: string, text: string): void {
    writeFileSync(this.#place(relative), text, { flag: 'wx', mode: 0o644 });
    this.files += 1;
  }

  /** A file of zeroes that takes no space: rings are told by their size, and their content is nobody's business. */
  sized(relative: string, sizeBytes: number): void {
    const fd = openSync(this.#place(relative), 'wx', 0o644);
    try {
      ftruncateSync(fd, sizeBytes);
    } finally {
      closeSync(fd);
    }
    this.files += 1;
  }

  /** An attribute that could not be read. */
  unreadableFile(relative: string, errno: string): void {
    this.unreadable[relative] = errno;
    symlinkSync(unreadableMark(errno), this.#place(relative));
    this.links += 1;
  }

  /** A link as it was found; left out when it leads out of the tree. */
  link(relative: string, target: string): void {
    const lands = path.join('/', path.dirname(relative), target);
    const climbs = path.normalize(path.join(path.dirname(relative), target)).startsWith('..');
    if (path.isAbsolute(target) || climbs || lands === '/') return;
    symlinkSync(target, this.#place(relative));
    this.links += 1;
  }

  directory(relative: string): void {
    mkdirSync(this.#inside(relative), { recursive: true, mode: 0o755 });
  }

  /** Whether something stands at the path already. */
  has(relative: string): boolean {
    try {
      lstatSync(this.#inside(relative));
      return true;
    } catch {
      return false;
    }
  }

  #place(relative: string): string {
    const target = this.#inside(relative);
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
    return target;
  }

  #inside(relative: string): string {
    const parts = relative.split('/');
    if (path.isAbsolute(relative) || relative.includes('\0') || parts.some((part) => part === '..' || part === '')) {
      throw new VmbusError('ERR_VMBUS_SYSTEM', `the path ${JSON.stringify(relative)} does not belong into a snapshot`, {
        path: relative,
      });
    }
    return path.join(this.folder, relative);
  }
}

function prepare(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // A link at this place is the caller's own choice; from here on its target is meant.
    const real = realpathSync(folder);
    if (readdirSync(real).length === 0) return real;
  } catch (cause) {
    const errno = Math.abs((cause as NodeJS.ErrnoException).errno ?? 0);
    throw new VmbusError('ERR_VMBUS_SYSTEM', `the folder ${folder} cannot be made`, {
      path: folder,
      errno,
      errnoName: errnoName(errno),
      cause,
    });
  }
  throw new VmbusError('ERR_VMBUS_IN_USE', `the folder ${folder} is not empty`, {
    path: folder,
    hint: 'name a folder that does not exist yet',
  });
}
