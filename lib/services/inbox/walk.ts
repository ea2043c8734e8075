// SPDX-License-Identifier: MIT
//
// The way to the folder of a file: one component after the other, each looked up in the folder before it, which is held open,
// and never through a link. So there is no moment at which a link or a renamed folder could lead elsewhere.
// Called by arriving-file.ts: at the beginning, and once more before the file gets its name.

import { fchmod, fchown } from 'node:fs';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import { native } from '../../native/load.js';
import { answerOf, asSystemError, Descriptor, done, opened, systemError } from './calls.js';
import type { InboxPlace } from './types.js';

const { EEXIST, ENOENT } = constants.errno;
/** An owner or group that stays. */
const asItIs = -1;
const chmod = promisify(fchmod);
const chown = promisify(fchown);

/** Where a walk ended. */
export interface Reached {
  /** The last folder that is there. The caller closes it. */
  readonly folder: Descriptor;
  /** Names of those below it that are not. */
  readonly missing: readonly string[];
}

/** Walks as far as there are folders. @throws VmbusError ERR_VMBUS_SYSTEM: also ENOENT where the inbox itself is gone */
export async function walk(place: InboxPlace): Promise<Reached> {
  const base = place.folder.path.slice(1).split('/');
  let folder = await opened((answer) => native().openRootFolder(answer), 'open', '/');
  const parts = [...base, ...place.subfolders];
  for (const [i, part] of parts.entries()) {
    const next = await answerOf((answer) => native().openFolder(folder.fd, part, answer));
    if (next === -ENOENT && i >= base.length) return { folder, missing: parts.slice(i) };
    await folder.close();
    if (next < 0) throw systemError(-next, 'open', place.path);
    folder = new Descriptor(next);
  }
  return { folder, missing: [] };
}

/** Folders that were made on the way, to be taken back if nothing comes of it. */
export class MadeFolders {
  readonly #made: { readonly parent: Descriptor; readonly name: string }[] = [];

  /** Makes what is missing, each with its owner and mode. Answers the last one; the caller closes it. */
  async make({ folder, missing }: Reached, place: InboxPlace): Promise<Descriptor> {
    let parent = folder;
    try {
      for (const name of missing) {
        const next = await this.#enter(parent, name, place);
        // What was made in is needed to take it back.
        if (this.#made.at(-1)?.parent !== parent) await parent.close();
        parent = next;
      }
      return parent;
    } catch (error) {
      await this.undo();
      await parent.close();
      throw error;
    }
  }

  /** Removes what was made, unless somebody has put something into it. */
  async undo(): Promise<void> {
    for (const { parent, name } of this.#made.splice(0).reverse()) {
      await answerOf((answer) => native().removeInboxFolder(parent.fd, name, answer));
      await parent.close();
    }
  }

  async keep(): Promise<void> {
    for (const { parent } of this.#made.splice(0)) await parent.close();
  }

  async #enter(parent: Descriptor, name: string, place: InboxPlace): Promise<Descriptor> {
    const made = await answerOf((answer) => native().makeFolder(parent.fd, name, answer));
    // Somebody else made it meanwhile: as good as if it had been there.
    if (made === -EEXIST) return opened((answer) => native().openFolder(parent.fd, name, answer), 'open', place.path);
    if (made < 0) throw systemError(-made, 'mkdir', place.path);
    this.#made.push({ parent, name });
    const folder = new Descriptor(made);
    try {
      await own(folder, place.folder, place.folder.folderMode);
      return folder;
    } catch (error) {
      await folder.close();
      throw asSystemError(error, 'chown', place.path);
    }
  }
}

/** Gives what was made its owner and mode. The owner first: a change of owner takes rights away. @throws errors of node:fs */
export async function own(
  made: Descriptor,
  { uid, gid }: Pick<InboxPlace['folder'], 'uid' | 'gid'>,
  mode: number,
): Promise<void> {
  if (uid !== undefined || gid !== undefined) await chown(made.fd, uid ?? asItIs, gid ?? asItIs);
  await chmod(made.fd, mode);
}

/** Sees to it that names are on the disk. @throws VmbusError ERR_VMBUS_SYSTEM */
export async function syncFolder(folder: Descriptor, path: string): Promise<void> {
  await done((answer) => native().syncFolder(folder.fd, answer), 'fsync', path);
}
