// SPDX-License-Identifier: MIT
//
// `trySendMany()`: payloads go into the registered send arena, rows into its index, and one native call writes them all.
// Called by: channel-core.ts. Calls: native/binding writeMany. Nothing is allocated per packet, or per call after the first.

import { ROW_WORDS, Row } from '../native/binding.js';
import { type ChannelName, tooLargeError } from './close-reasons.js';
import { publishSent, wantsSent } from './diagnostics.js';

const mostRows = 256;
const leastArenaBytes = 64 * 1024;

/** What the writer needs to know of its channel. */
export interface BatchOwner extends ChannelName {
  readonly maxPayloadBytes: number;
  setSendArena(arena: Uint8Array, rows: Int32Array): void;
  writeMany(count: number): number;
  /** Ends the channel because of a native status. */
  breakOff(status: number): void;
}

/** What all packets of a batch have in common. */
export interface BatchFields {
  readonly type: number;
  readonly flags: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly header: Uint8Array | null;
}

export class BatchWriter {
  readonly #owner: BatchOwner;
  readonly #rows = new Int32Array(mostRows * ROW_WORDS);
  #arena = new Uint8Array(0);

  constructor(owner: BatchOwner) {
    this.#owner = owner;
  }

  /**
   * Writes payloads in their order as long as they fit. Answers how many.
   * @throws VmbusError ERR_VMBUS_TOO_LARGE before anything is written, if one can never fit
   */
  write(payloads: readonly Uint8Array[], fields: BatchFields): number {
    this.#prepare(payloads, fields);
    let written = 0;
    while (written < payloads.length) {
      const filled = this.#fill(payloads, written, fields);
      const count = this.#owner.writeMany(filled);
      if (count < 0) {
        this.#owner.breakOff(count);
        return written;
      }
      if (wantsSent()) this.#publish(payloads, written, count, fields);
      written += count;
      if (count < filled) break;
    }
    return written;
  }

  // Checks all sizes, and makes the arena hold the largest packet.
  #prepare(payloads: readonly Uint8Array[], { header }: BatchFields): void {
    const headerBytes = header === null ? 0 : header.length;
    let largest = 0;
    for (let i = 0; i < payloads.length; i++) {
      const bytes = (payloads[i] as Uint8Array).length;
      if (bytes > largest) largest = bytes;
    }
    const needed = headerBytes + largest;
    const { maxPayloadBytes } = this.#owner;
    if (needed > maxPayloadBytes) throw tooLargeError(this.#owner, needed, maxPayloadBytes);
    if (needed <= this.#arena.length && this.#arena.length > 0) return;
    this.#arena = new Uint8Array(Math.max(leastArenaBytes, 2 ** Math.ceil(Math.log2(needed + 8))));
    this.#owner.setSendArena(this.#arena, this.#rows);
  }

  // Rows and bytes of the payloads from `first` on, as many as the arena holds.
  #fill(payloads: readonly Uint8Array[], first: number, fields: BatchFields): number {
    const { type, flags, idLow, idHigh, header } = fields;
    const headerBytes = header === null ? 0 : header.length;
    const flagsWord = flags | ((2 + headerBytes / 8) << 16);
    const rows = this.#rows;
    const arena = this.#arena;
    const end = Math.min(payloads.length, first + mostRows);
    let used = 0;
    let row = 0;
    for (let i = first; i < end; i++) {
      const payload = payloads[i] as Uint8Array;
      const start = used + headerBytes;
      if (start + payload.length > arena.length) break;
      if (header !== null) arena.set(header, used);
      arena.set(payload, start);
      rows[row + Row.type] = type;
      rows[row + Row.flags] = flagsWord;
      rows[row + Row.offset] = start;
      rows[row + Row.length] = payload.length;
      rows[row + Row.idLow] = idLow;
      rows[row + Row.idHigh] = idHigh;
      row += ROW_WORDS;
      used = (start + payload.length + 7) & ~7;
    }
    return row / ROW_WORDS;
  }

  #publish(payloads: readonly Uint8Array[], first: number, count: number, fields: BatchFields): void {
    for (let i = first; i < first + count; i++) {
      publishSent(this.#owner, fields.type, fields.flags, fields.idLow, fields.idHigh, payloads[i] as Uint8Array);
    }
  }
}
