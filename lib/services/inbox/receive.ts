// SPDX-License-Identifier: MIT
//
// Files of the host into folders of this machine: every file that is announced is put through the inbox's rules.
// Called by: scripts, `hv fcopy serve`.

import { createHash } from 'node:crypto';
import { checkObject, checkOptionNames } from '../../check.js';
import type { FileCopy, FileCopySink, IncomingFile } from '../../devices/fcopy.js';
import { invalidType } from '../../errors.js';
import type { Inbox, InboxEvent, InboxFile, ReceiveFilesOptions } from './types.js';

/**
 * Receives files until the service ends. Resolves then; what becomes of each file is told by `onEvent`, which must not wait: the
 * host's next file has to be decided within seconds.
 * @throws what ended the service, unless it was closed
 * @category Services
 * @example
 * const inbox = await openInbox({ folders: [{ path: '/srv/inbox', createFolders: true }], fsync: true });
 * await using copies = await openFileCopy({ wait: true });
 * await receiveFiles(copies, inbox, {
 *   onEvent(event) {
 *     if (event.kind === 'received') console.log(event.path, event.sha256);
 *     if (event.kind === 'failed') console.error(event.error.message);
 *   },
 * });
 */
export async function receiveFiles(copies: FileCopy, inbox: Inbox, options: ReceiveFilesOptions = {}): Promise<void> {
  checkObject(copies, 'copies', 'an open file copy service');
  checkObject(inbox, 'inbox', 'an open inbox');
  checkOptionNames(options, ['onEvent', 'onProgress']);
  for (const name of ['onEvent', 'onProgress'] as const) {
    const given = options[name];
    if (given !== undefined && typeof given !== 'function') throw invalidType(`options.${name}`, 'a function', given);
  }
  for await (const file of copies) await receiveOne(file, inbox, options);
}

async function receiveOne(file: IncomingFile, inbox: Inbox, options: ReceiveFilesOptions): Promise<void> {
  const tell = (event: InboxEvent): void => options.onEvent?.(event);
  const startedAt = performance.now();
  const hash = createHash('sha256');
  const { sizeBytes } = file;
  let path: string | null = null;
  let target: InboxFile | null = null;
  try {
    const place = inbox.place(file);
    path = place.path;
    target = await inbox.receive(file);
    tell({ kind: 'started', path, sizeBytes });
    await file.accept(
      watched(target, (data, offset) => {
        hash.update(data);
        options.onProgress?.({ path: place.path, receivedBytes: offset + data.length, sizeBytes });
      }),
    );
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error));
    file.reject(reason);
    await target?.discard();
    const asked = { name: file.name, path: file.path, sizeBytes };
    tell({ kind: 'failed', path, asked, receivedBytes: file.receivedBytes, error: reason });
    return;
  }
  tell({ kind: 'received', path, sizeBytes, sha256: hash.digest('hex'), durationMs: performance.now() - startedAt });
}

/** An inbox's file is a sink as it is; here it is watched as well. */
function watched(target: InboxFile, onPiece: (data: Uint8Array, offset: number) => void): FileCopySink {
  return {
    async write(data, offset) {
      await target.write(data, offset);
      onPiece(data, offset);
    },
    complete: () => target.complete(),
    discard: () => target.discard(),
  };
}
