// SPDX-License-Identifier: MIT
//
// Opens folders for files that a host copies here.
// Called by: scripts, receive.ts.

import { realpath, stat } from 'node:fs/promises';
import { errorCode } from '../../bus/system-error.js';
import { VmbusError } from '../../errors.js';
import { beginFile } from './arriving-file.js';
import { checkInboxOptions, type FolderRules, judge } from './policy.js';
import type { Inbox, InboxFile, InboxOptions, InboxPlace, InboxRequest } from './types.js';

/**
 * Opens an inbox: folders that files may arrive in, and the rules for them.
 * @throws VmbusError ERR_VMBUS_SYSTEM where a folder is missing or is none; TypeError, RangeError
 * @category Services
 * @example
 * const inbox = await openInbox({ folders: [{ path: '/srv/inbox', mode: 0o640, maxFileBytes: 2 ** 31 }] });
 * await using copies = await openFileCopy();
 * for await (const file of copies) {
 *   try {
 *     await file.accept(await inbox.receive(file));
 *   } catch (error) {
 *     file.reject(error);
 *     console.error(error.message);
 *   }
 * }
 */
export async function openInbox(options: InboxOptions): Promise<Inbox> {
  const folders = checkInboxOptions(options);
  const real = new Map<string, string>();
  for (const { path } of folders) real.set(path, await realFolder(path));
  return new FolderInbox(folders, real, options.fsync ?? false);
}

class FolderInbox implements Inbox {
  readonly #folders: readonly FolderRules[];
  /** Where each really is: links in its own path were the script's word, links that come later are nobody's. */
  readonly #real: ReadonlyMap<string, string>;
  readonly #fsync: boolean;

  constructor(folders: readonly FolderRules[], real: ReadonlyMap<string, string>, fsync: boolean) {
    this.#folders = folders;
    this.#real = real;
    this.#fsync = fsync;
  }

  place(request: InboxRequest): InboxPlace {
    const place = judge(this.#folders, request);
    const path = this.#real.get(place.folder.path) ?? place.folder.path;
    return { ...place, folder: { ...place.folder, path } };
  }

  async receive(request: InboxRequest): Promise<InboxFile> {
    return beginFile(this.place(request), { fsync: this.#fsync });
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is no folder',
  ELOOP: 'it is a link to the whole machine',
};

async function realFolder(path: string): Promise<string> {
  try {
    const real = await realpath(path);
    if (!(await stat(real)).isDirectory()) throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' });
    if (real !== '/') return real;
    throw Object.assign(new Error('the root'), { code: 'ELOOP' });
  } catch (cause) {
    const errno = errorCode(cause);
    const reason = reasons[errno] ?? errno;
    throw new VmbusError('ERR_VMBUS_SYSTEM', `files cannot arrive in ${path}: ${reason}`, {
      path,
      errnoName: errno,
      hint: `make it: \`install -d -m 0750 ${path}\``,
      cause,
    });
  }
}
