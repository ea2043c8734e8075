// SPDX-License-Identifier: MIT
//
// A file on its way in. Until it is complete it has no name at all where the file system can do that (O_TMPFILE), so that not
// even a kill or a power cut leaves half a file behind; elsewhere it is called `.vmbus-….part`. Nobody but its owner may read it.
// Called by open-inbox.ts. The way to its folder is walked at the beginning, and anew before the file gets its name: who renamed
// a folder in between, or put a link there, gets no file.

import { randomBytes } from 'node:crypto';
import { write as fsWrite, fsync } from 'node:fs';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import { native } from '../../native/load.js';
import { answerOf, asSystemError, Descriptor, done, opened, systemError } from './calls.js';
import { refused } from './policy.js';
import type { InboxFile, InboxPlace } from './types.js';
import { MadeFolders, own, syncFolder, walk } from './walk.js';

const { EEXIST, ENOENT, EOPNOTSUPP } = constants.errno;
const writeTo = promisify(fsWrite);
const sync = promisify(fsync);

/** How a file is begun. */
export interface BeginOptions {
  readonly fsync: boolean;
  /** Give it a name from the beginning, as on file systems that need one. */
  readonly named?: boolean;
}

/** Begins a file. @throws VmbusError ERR_VMBUS_REFUSED, ERR_VMBUS_SYSTEM; then nothing is left of it */
export async function beginFile(place: InboxPlace, options: BeginOptions): Promise<InboxFile> {
  const { folder, missing } = await walk(place);
  try {
    if (missing.length > 0 && !place.createsFolders) throw noFolder(place);
    if (missing.length === 0) await requireFree(folder, place);
    await requireRoom(folder, place);
    const { file, name } = await create(folder, place.path, options.named ?? false);
    return new ArrivingFile(place, { folder, file, name, fsync: options.fsync });
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** What an arriving file has open. */
interface Held {
  /** Where it was begun; what `name` is in. */
  readonly folder: Descriptor;
  readonly file: Descriptor;
  /** Its name while it arrives; null where it has none. */
  name: string | null;
  readonly fsync: boolean;
}

class ArrivingFile implements InboxFile {
  readonly place: InboxPlace;
  readonly #held: Held;
  /** The step under way: what is open must not be closed under it. */
  #step: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(place: InboxPlace, held: Held) {
    this.place = place;
    this.#held = held;
  }

  write(data: Uint8Array, offset: number): Promise<void> {
    return this.#next(() => this.#write(data, offset));
  }

  async complete(): Promise<void> {
    try {
      await this.#next(() => this.#complete());
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  async discard(): Promise<void> {
    this.#isOver = true;
    await this.#step.catch(() => undefined);
    const { folder, file, name } = this.#held;
    this.#held.name = null;
    if (name !== null) await answerOf((answer) => native().removeInboxFile(folder.fd, name, answer));
    await file.close();
    await folder.close();
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const step = this.#step.then(() => {
      this.#requireGoing();
      return work();
    });
    this.#step = step.catch(() => undefined);
    return step;
  }

  #requireGoing(): void {
    if (this.#isOver) throw refused(`${this.place.path} was given up`, 'failed');
  }

  async #write(data: Uint8Array, offset: number): Promise<void> {
    const { file } = this.#held;
    try {
      for (let at = 0; at < data.length; ) {
        const { bytesWritten } = await writeTo(file.fd, data, at, data.length - at, offset + at);
        at += bytesWritten;
      }
    } catch (error) {
      throw asSystemError(error, 'write', this.place.path);
    }
  }

  async #complete(): Promise<void> {
    const { file, folder, fsync: isSynced } = this.#held;
    const { path } = this.place;
    try {
      await own(file, this.place.folder, this.place.folder.mode);
      if (isSynced) await sync(file.fd);
    } catch (error) {
      throw asSystemError(error, 'chown', path);
    }
    const made = new MadeFolders();
    const reached = await walk(this.place);
    if (reached.missing.length > 0 && !this.place.createsFolders) {
      await reached.folder.close();
      throw noFolder(this.place);
    }
    const target = await made.make(reached, this.place);
    try {
      this.#requireGoing();
      await this.#name(target);
      if (isSynced) await syncFolder(target, path);
    } catch (error) {
      await made.undo();
      throw error;
    } finally {
      await made.keep();
      await target.close();
    }
    this.#isOver = true;
    await file.close();
    await folder.close();
  }

  async #name(target: Descriptor): Promise<void> {
    const { name, path, replaces } = this.place;
    const held = this.#held;
    if (held.name === null && !replaces) {
      await done((answer) => native().nameInboxFile(held.file.fd, target.fd, name, answer), 'link', path);
      return;
    }
    // A link cannot replace anything, so it gets a name beside the one it is to have.
    if (held.name === null) {
      const beside = temporaryName();
      await done((answer) => native().nameInboxFile(held.file.fd, held.folder.fd, beside, answer), 'link', path);
      held.name = beside;
    }
    const current = held.name;
    await done(
      (answer) => native().renameInboxFile(held.folder.fd, current, target.fd, name, replaces, answer),
      'rename',
      path,
    );
    held.name = null;
  }
}

async function create(
  folder: Descriptor,
  path: string,
  isNamed: boolean,
): Promise<{ file: Descriptor; name: string | null }> {
  const unnamed = isNamed ? -EOPNOTSUPP : await answerOf((answer) => native().createUnnamed(folder.fd, answer));
  if (unnamed >= 0) return { file: new Descriptor(unnamed), name: null };
  if (unnamed !== -EOPNOTSUPP) throw systemError(-unnamed, 'open', path);
  const name = temporaryName();
  const file = await opened((answer) => native().createNamed(folder.fd, name, answer), 'open', path);
  return { file, name };
}

/** Told at once, not after gigabytes; whether it is still so is seen when the file gets its name. */
async function requireFree(folder: Descriptor, { name, path, replaces }: InboxPlace): Promise<void> {
  const there = await answerOf((answer) => native().findInboxFile(folder.fd, name, answer));
  if (there === -ENOENT || (there === 0 && replaces)) return;
  throw systemError(there === 0 ? EEXIST : -there, 'stat', path);
}

/** A file that cannot fit must not fill the disk first. */
async function requireRoom(folder: Descriptor, { path, sizeBytes }: InboxPlace): Promise<void> {
  const free = await answerOf((answer) => native().freeInboxBytes(folder.fd, answer));
  if (free < 0 || free >= sizeBytes) return;
  throw refused(`${path} of ${sizeBytes} bytes does not fit: there are ${free}`, 'diskFull', {
    hint: 'make room: `df -h`',
    facts: { sizeBytes, freeBytes: free },
  });
}

function noFolder({ path, folder }: InboxPlace): Error {
  return refused(`there is no folder for ${path}, and it is not to be made`, 'failed', {
    hint: folder.createFolders
      ? 'let the host ask for it: Copy-VMFile -CreateFullPath'
      : 'make it, or allow the host to (createFolders)',
  });
}

function temporaryName(): string {
  return `.vmbus-${randomBytes(8).toString('hex')}.part`;
}
