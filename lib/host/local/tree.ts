// SPDX-License-Identifier: MIT
//
// The folder that a simulated host serves: files that change whole and only when their text does, links, removal.
// Called by: everything in local/ that shows something. Never touches anything outside its root.
// Invariant: a reader sees the old text or the new one, never a part: files are replaced by renaming.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, relative } from 'node:path';

import { invalidValue, VmbusError } from '../../errors.js';
import { removeLeftovers } from './host-record.js';

/** Longest path of a unix socket, without the terminating zero. */
const longestSocketPath = 107;
/** Longest path below the root that becomes a socket. */
const longestSocket = 'sys/bus/vmbus/drivers/hyperv_keyboard/remove_id';

/** A root folder and what is in it. Paths are relative to the root, without a leading slash. */
export class Tree {
  readonly root: string;
  /** Nobody named the folder: it was made for this host alone, among temporary files. */
  readonly isFresh: boolean;
  readonly #made: boolean;
  readonly #texts = new Map<string, string>();
  #staged = 0;

  /**
   * @param root Folder to serve: missing, or empty. A fresh one in memory or the temporary folder where absent.
   * @throws TypeError ERR_INVALID_ARG_VALUE for a folder that is not empty or whose path is too long; VmbusError
   * ERR_VMBUS_SYSTEM where it can't be made.
   */
  constructor(root?: string) {
    this.isFresh = root === undefined;
    this.#made = root === undefined || !existsSync(root);
    this.root = root === undefined ? freshFolder() : givenFolder(root);
    if (Buffer.byteLength(join(this.root, longestSocket)) > longestSocketPath) {
      this.dispose();
      throw invalidValue(
        'root',
        `must be shorter: unix sockets in it allow ${longestSocketPath} bytes in all`,
        this.root,
      );
    }
    this.folder('run/vmbus/staging');
  }

  /** Absolute path of an entry. @throws TypeError ERR_INVALID_ARG_VALUE for one that leaves the root. */
  path(entry: string): string {
    const clean = normalize(entry);
    if (clean.startsWith('..') || clean.startsWith('/')) throw invalidValue('entry', 'must stay below the root', entry);
    return join(this.root, clean);
  }

  folder(entry: string): void {
    mkdirSync(this.path(entry), { recursive: true, mode: 0o755 });
  }

  /** Writes a file if its text differs from what was written last. */
  put(entry: string, text: string, mode = 0o444): void {
    if (this.#texts.get(entry) === text) return;
    const staged = this.path(`run/vmbus/staging/${++this.#staged}`);
    writeFileSync(staged, text, { mode });
    chmodSync(staged, mode);
    renameSync(staged, this.path(entry));
    this.#texts.set(entry, text);
  }

  /** Writes a file in place, so that whoever watches it keeps watching: for files that others write, too. */
  putInPlace(entry: string, text: string): void {
    if (this.read(entry) !== text) writeFileSync(this.path(entry), text, { mode: 0o644 });
  }

  /** Text of a file as it is now; null where there is none. */
  read(entry: string): string | null {
    try {
      return readFileSync(this.path(entry), 'utf8');
    } catch {
      return null;
    }
  }

  /** Makes a symbolic link to another entry, relative as the kernel makes them. Replaces what is there. */
  link(entry: string, target: string): void {
    this.linkOutside(entry, relative(dirname(this.path(entry)), this.path(target)));
  }

  /** Makes a symbolic link with this very text. */
  linkOutside(entry: string, text: string): void {
    if (this.#linkText(entry) === text) return;
    rmSync(this.path(entry), { force: true });
    symlinkSync(text, this.path(entry));
  }

  /** Removes an entry and what is below it; nothing happens where there is none. */
  remove(entry: string): void {
    rmSync(this.path(entry), { recursive: true, force: true });
    for (const known of this.#texts.keys()) {
      if (known === entry || known.startsWith(`${entry}/`)) this.#texts.delete(known);
    }
  }

  /** Removes everything, and the folder too if it was made here. Synchronous, for use at exit. */
  dispose(): void {
    if (this.#made) rmSync(this.root, { recursive: true, force: true });
    else
      for (const name of ['sys', 'dev', 'run', 'proc']) rmSync(join(this.root, name), { recursive: true, force: true });
  }

  #linkText(entry: string): string | null {
    try {
      return readlinkSync(this.path(entry));
    } catch {
      return null;
    }
  }
}

function givenFolder(root: string): string {
  try {
    mkdirSync(root, { recursive: true, mode: 0o755 });
    if (readdirSync(root).length > 0) throw invalidValue('root', 'must be an empty folder', root);
    return realpathSync(root);
  } catch (cause) {
    throw cause instanceof TypeError ? cause : cannotMake(root, cause);
  }
}

function freshFolder(): string {
  let cause: unknown;
  for (const parent of ['/dev/shm', tmpdir()]) {
    removeLeftovers(parent);
    try {
      return mkdtempSync(join(parent, 'vmbus-'));
    } catch (error) {
      cause = error;
    }
  }
  throw cannotMake(tmpdir(), cause);
}

function cannotMake(path: string, cause: unknown): VmbusError {
  return new VmbusError('ERR_VMBUS_SYSTEM', `cannot make the root folder of the simulated host in ${path}`, {
    path,
    cause,
    hint: 'name a writable folder: new SimulatedHost({ root: DIR })',
  });
}
