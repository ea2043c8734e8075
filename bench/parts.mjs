// SPDX-License-Identifier: MIT
//
// The parts of the bench by name. Each is loaded when it is wanted, and answers rows.

export const parts = {
  core: { load: async () => (await import('./core.mjs')).coreRows },
  receive: { load: async () => (await import('./receive.mjs')).receiveRows },
  batches: { load: async () => (await import('./batch-cost.mjs')).batchCostRows },
  send: { load: async () => (await import('./send.mjs')).sendRows },
  threads: { load: async () => (await import('./threads.mjs')).threadRows },
  net: { load: async () => (await import('./net.mjs')).netRows },
  storage: { load: async () => (await import('./storage.mjs')).storageRows },
  roundtrip: { load: async () => (await import('./roundtrip.mjs')).roundTripRows },
  alternatives: { load: async () => (await import('./alternatives.mjs')).alternativeRows },
  channels: { load: async () => (await import('./channels.mjs')).channelRows },
  tree: { load: async () => (await import('./tree.mjs')).treeRows },
  heap: { load: async () => (await import('./heap.mjs')).heapRows },
};
