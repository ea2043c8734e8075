// SPDX-License-Identifier: MIT
//
// A folder for files of a host, and what else is on the disk around it, for tests.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Inbox, type InboxFolder, type InboxOptions, type InboxRequest, openInbox } from '../../dist/index.js';

/** A folder `inbox`, and beside it a folder `outside`, where nothing may ever arrive. */
export interface InboxScene extends Disposable {
  readonly root: string;
  readonly folder: string;
  readonly outside: string;
  /** An inbox with these rules for the folder. */
  open(rules?: Partial<InboxFolder>, options?: Partial<InboxOptions>): Promise<Inbox>;
  /** What the host asks for, with defaults. */
  ask(request?: Partial<InboxRequest>): InboxRequest;
  /** Everything in the two folders, by path. */
  tree(): string[];
}

/** @param parent A file system of the test's choice */
export function makeInbox(parent: string = tmpdir()): InboxScene {
  const root = mkdtempSync(path.join(parent, 'hv-inbox-'));
  const folder = path.join(root, 'inbox');
  const outside = path.join(root, 'outside');
  mkdirSync(folder);
  mkdirSync(outside);
  return {
    root,
    folder,
    outside,
    open: (rules = {}, options = {}) => openInbox({ folders: [{ path: folder, ...rules }], ...options }),
    ask: (request = {}) => ({
      name: 'file',
      path: folder,
      sizeBytes: 4,
      overwrite: false,
      createPath: false,
      ...request,
    }),
    tree: () =>
      readdirSync(root, { recursive: true })
        .map(String)
        .filter((name) => !['inbox', 'outside'].includes(name))
        .sort(),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
