// SPDX-License-Identifier: MIT
//
// Runs a function as a user who may not see everything, also where the tests run as root.

import { chmodSync } from 'node:fs';
import type { BusTree } from './bus-tree.js';

const nobody = 65534;

/** Answers what the function answers. It must do its work before it returns: a promise is made without root, not kept so. */
export function withoutRoot<T>(tree: BusTree, run: () => T): T {
  chmodSync(tree.root, 0o755);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  try {
    return run();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/** Gives a file or folder of the tree this mode: none at all where absent. */
export function lock(tree: BusTree, entry: string, mode = 0): void {
  chmodSync(tree.path(entry), mode);
}
