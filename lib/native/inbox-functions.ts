// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that makes files which somebody else names: the calls of Linux that node:fs lacks.
// Part of binding.ts. Counterpart: native/binding/inbox_functions.cc.
//
// Each works on a thread of its own and answers by `done`: a descriptor where it opens something, a number
// where it counts, else 0; or a negative errno.
// Names are single components (-EINVAL otherwise) and never followed where they are symbolic links. Descriptors are numbers as
// node:fs has them: it may write to them, change owner and mode, sync.

/** What a call answers. */
type Done = (answer: number) => void;

/** Files below a folder that is held open. */
export interface InboxFunctions {
  /** `/`, to start a walk. A descriptor of a folder is for looking up names in it, nothing else. */
  openRootFolder(done: Done): void;
  /** -ENOTDIR for a link. */
  openFolder(folder: number, name: string, done: Done): void;
  /** A new folder, mode 0700, open for changes of that. -ESTALE: somebody put another one in its place. */
  makeFolder(folder: number, name: string, done: Done): void;
  /** A file without a name: nobody finds it, and it goes with its descriptor. -EOPNOTSUPP where the file system has none. */
  createUnnamed(folder: number, done: Done): void;
  /** A new file, mode 0600; -EEXIST where anything has the name, be it a link that leads nowhere. */
  createNamed(folder: number, name: string, done: Done): void;
  /** Gives an unnamed file a name; -EEXIST where anything has it. */
  nameInboxFile(file: number, folder: number, name: string, done: Done): void;
  /** Renames at once. Replaces an ordinary file or nothing: -EEXIST. */
  renameInboxFile(fromFolder: number, from: string, toFolder: number, to: string, replaces: boolean, done: Done): void;
  /** What has the name: 0 for an ordinary file, -EEXIST for anything else, -ENOENT for nothing. */
  findInboxFile(folder: number, name: string, done: Done): void;
  removeInboxFile(folder: number, name: string, done: Done): void;
  /** -ENOTEMPTY where it is not empty. */
  removeInboxFolder(folder: number, name: string, done: Done): void;
  /** Bytes that one without privileges may still write, -EOPNOTSUPP where the file system does not count. */
  freeInboxBytes(folder: number, done: Done): void;
  /** Sees to it that the folder's names are on the disk. */
  syncFolder(folder: number, done: Done): void;
  closeInbox(fd: number, done: Done): void;
}
