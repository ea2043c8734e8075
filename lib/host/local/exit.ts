// SPDX-License-Identifier: MIT
//
// Removes the folders of hosts that were not closed when the process ends. One listener, however many hosts there are.
// Called by: simulated-host.ts.

import type { Tree } from './tree.js';

const trees = new Set<Tree>();

function removeAll(): void {
  for (const tree of trees) tree.dispose();
}

export function removeAtExit(tree: Tree): void {
  if (trees.size === 0) process.on('exit', removeAll);
  trees.add(tree);
}

export function forgetAtExit(tree: Tree): void {
  trees.delete(tree);
  if (trees.size === 0) process.off('exit', removeAll);
}
