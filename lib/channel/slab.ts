// SPDX-License-Identifier: MIT
//
// Memory for the copies that scripts keep: small ones are cut from a common slab, because a typed array with memory of
// its own costs a microsecond and a view 20 ns.
// Called by: packet.ts, packet-batch.ts. Slabs are not zeroed twice and never reused: a script may keep its bytes for ever.

import { markAsUntransferable } from 'node:worker_threads';

const slabBytes = 64 * 1024;
const largestShare = slabBytes / 4;

const nothing: Uint8Array = new Uint8Array(0);

let slab = new Uint8Array(0);
let used = 0;

/** Where the copies of many packets are: views on it are made one by one. */
export interface SlabPart {
  readonly buffer: ArrayBuffer;
  /** What to add to an offset in the source to get one in the buffer. */
  readonly shift: number;
}

/** A copy of `length` bytes of `source` at `offset`, a multiple of 8, to be cut into views. */
export function partOf(source: Uint8Array, offset: number, length: number): SlabPart {
  if (length > largestShare) return { buffer: ownCopy(source, offset, length).buffer, shift: -offset };
  const start = reserve(length);
  slab.set(source.subarray(offset, offset + length), start);
  return { buffer: slab.buffer, shift: start - offset };
}

/** A copy of `length` bytes of `source` at `offset`. */
export function copyOf(source: Uint8Array, offset: number, length: number): Uint8Array {
  if (length === 0) return nothing;
  if (length > largestShare) return ownCopy(source, offset, length);
  const start = reserve(length);
  const copy = new Uint8Array(slab.buffer, start, length);
  copy.set(source.subarray(offset, offset + length));
  return copy;
}

function ownCopy(source: Uint8Array, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const copy = unwritten(length);
  copy.set(source.subarray(offset, offset + length));
  return copy;
}

/** Memory that is written before anybody sees it: zeros would cost as much as the copy. */
function unwritten(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer);
}

/** Room for so many bytes in the slab, 8-byte aligned: so that a packet's words can be read through any typed array. */
function reserve(length: number): number {
  if (used + length > slab.length) {
    slab = unwritten(slabBytes);
    // A transfer to another thread would take the bytes of other packets with it.
    markAsUntransferable(slab.buffer);
    used = 0;
  }
  const start = used;
  used += (length + 7) & ~7;
  return start;
}
