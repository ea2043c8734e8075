// SPDX-License-Identifier: MIT
//
// Type tests of file copy: this file passes by compiling. Each `@ts-expect-error` fails the build the day its line
// becomes legal.

import { describeFileCopy, type FileCopySink, type InboxPlace, openFileCopy, openInbox, receiveFiles } from 'vmbus';

export async function receive(signal: AbortSignal): Promise<InboxPlace | null> {
  const inbox = await openInbox({
    folders: [{ path: '/srv/inbox', mode: 0o640, uid: 1, overwrite: true }],
    fsync: true,
  });
  // @ts-expect-error: modes are numbers
  await openInbox({ folders: [{ path: '/srv/inbox', mode: '0640' }] });
  await using copies = await openFileCopy({ root: '/', wait: true, answerMs: 1000, signal });
  await receiveFiles(copies, inbox, {
    onEvent(event) {
      if (event.kind === 'received') console.log(event.sha256);
      // @ts-expect-error: only a file that came has a digest
      else console.log(event.sha256);
    },
  });
  const sink: FileCopySink = { write: async () => undefined, complete: () => undefined, discard: () => undefined };
  for await (const file of copies) {
    // @ts-expect-error: names are the host's
    file.name = 'mine';
    // A file of an inbox is a sink as it is.
    const bytes: number = await file.accept(file.sizeBytes > 5 ? await inbox.receive(file) : sink);
    if (bytes === 0 && !file.reject('empty')) return inbox.place(file);
  }
  return describeFileCopy().holder === null ? null : inbox.place({ ...asked, name: 'a' });
}

const asked = { path: '/srv/inbox', name: '', sizeBytes: 5, overwrite: false, createPath: false };
