// SPDX-License-Identifier: MIT
//
// What the channel promises, as ratios between rows of one run (higher = faster than the other) and as limits.

export const anchorA = 'A: DPDK in a C loop';
export const anchorB = 'B: kernel tree in a C loop';
export const ownCore = 'C++ core in a C++ loop';

const sizes = [64, 1024, 4096, 16384];
const bySize = (...figures) => Object.fromEntries(figures.map((figure, i) => [sizes[i], figure]));
/** Payloads and rows that are in the arena already. */
export const sendAgain = 'send: trySendArena, the same again';
const net = 'instead: net, a write per packet';
const port = 'instead: MessagePort, a message per packet';
const koffi = 'instead: koffi, a C call per packet';

/** `least` has the promised ratio by key of the row: a payload size, or a figure's name. */
export const ratios = [
  { row: 'receive: drain(visitor)', against: `receive: ${anchorA}`, least: bySize(1.7, 1, 0.95, 0.9) },
  { row: 'receive: drain(visitor)', against: `receive: ${anchorB}`, least: bySize(0.85, 0.7, 0.88, 0.88) },
  { row: sendAgain, against: `send: ${anchorA}`, least: bySize(4, 1.5, 1.05, 1) },
  { row: 'receive: batches()', against: `receive: ${anchorA}`, least: bySize(1.5, 0.9, 0.8, 0.7) },
  { row: 'receive: batches(), a view each', against: `receive: ${anchorA}`, least: bySize(0.3, 0.3, 0.45, 0.5) },
  { row: 'receive: for await (packet)', against: `receive: ${anchorA}`, least: bySize(0.15, 0.2, 0.38, 0.5) },
  { row: 'two threads: drain(visitor)', against: `two threads: ${anchorA}`, least: bySize(3, 1.5, 1, 1) },
  { row: `receive: ${ownCore}`, against: `receive: ${anchorB}`, least: bySize(1, 1, 1, 1) },
  { row: `send: ${ownCore}`, against: `send: ${anchorB}`, least: bySize(1, 1, 1, 1) },
  { row: 'receive: drain(visitor)', against: net, least: { 64: 5 } },
  { row: 'receive: drain(visitor)', against: port, least: { 64: 5 } },
  { row: 'receive: drain(visitor)', against: `${koffi} received`, least: { 64: 5 } },
  { row: sendAgain, against: net, least: { 64: 5 } },
  { row: sendAgain, against: port, least: { 64: 5 } },
  { row: sendAgain, against: `${koffi} sent`, least: { 64: 5 } },
  // At most 1.3 times as long.
  { row: 'round trip: for await (packet)', against: 'round trip: C++ program', least: { p50: 0.77 } },
  { row: 'round trip: drain(visitor)', against: 'round trip: C++ program', least: { p50: 0.77 } },
  { row: 'channels: 8 open, one busy', against: 'channels: 1 open, one busy', least: { 64: 1 } },
  { row: 'channels: 64 open, one busy', against: 'channels: 1 open, one busy', least: { 64: 1 } },
  { row: 'channels: 64 open, all busy', against: 'channels: 1 open, one busy', least: { 64: 0.8 } },
  // At most 3 times as long.
  { row: 'tree: bus.devices()', against: 'tree: the devices in C', least: { ms: 0.33 } },
  { row: 'tree: bus.devices(), all channels', against: 'tree: all channels in C', least: { ms: 0.33 } },
];

/** `most` has the largest figure that keeps the promise. Bytes per packet: nothing, to the nearest byte. */
export const limits = [
  { row: 'heap: drain(visitor)', most: { 'bytes/packet': 0.5 }, unit: 'bytes' },
  { row: 'heap: drain(visitor)', most: { collections: 0 }, unit: 'times' },
  { row: 'heap: trySendArena', most: { 'bytes/packet': 0.5 }, unit: 'bytes' },
  { row: 'heap: trySendArena', most: { collections: 0 }, unit: 'times' },
  { row: 'start: hv ls beyond node -e 0', most: { ms: 100 }, unit: 'ms' },
  { row: 'channels: an idle one beyond its ring', most: { memory: 64 * 1024 }, unit: 'bytes' },
];
