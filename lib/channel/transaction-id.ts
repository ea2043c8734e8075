// SPDX-License-Identifier: MIT
//
// Transaction ids between the two 32-bit words of a row and a bigint, without making intermediate bigints.
// Called by: packet.ts, outbox.ts, diagnostics.ts. Both words are signed, as they stand in an Int32Array.

const word = new Int32Array(2);
const whole = new BigUint64Array(word.buffer);

/** The id of two words. Rings are little-endian, and so is every machine that Hyper-V runs on. */
export function joinId(low: number, high: number): bigint {
  if (low === 0 && high === 0) return 0n;
  word[0] = low;
  word[1] = high;
  return whole[0] as bigint;
}

/** Low word of an id in 0 … 2^64-1. */
export function lowWord(id: bigint): number {
  whole[0] = id;
  return word[0] as number;
}

/** High word of an id in 0 … 2^64-1. */
export function highWord(id: bigint): number {
  whole[0] = id;
  return word[1] as number;
}
