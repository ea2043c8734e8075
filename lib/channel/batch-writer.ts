// SPDX-License-Identifier: MIT
//
// `trySendMany()`: payloads are copied into a send arena, and one native call writes them all.
// Called by: send.ts. Calls: send-arena.ts. Nothing is allocated per packet, or per call after the first.

import { tooLargeError } from './close-reasons.js';
import { wantsSent } from './diagnostics.js';
import { OwnSendArena, type SendArenaOwner } from './send-arena.js';

const mostRows = 256;
const leastArenaBytes = 64 * 1024;

/** What the writer needs to know of its channel. */
export interface BatchOwner extends SendArenaOwner {
  /** Writes rows `first … first + count - 1`; how many, or a native status. */
  writeArena(arena: OwnSendArena, first: number, count: number): number;
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
  #arena: OwnSendArena | null = null;

  constructor(owner: BatchOwner) {
    this.#owner = owner;
  }

  /**
   * Writes payloads in their order as long as they fit. Answers how many.
   * @throws VmbusError ERR_VMBUS_TOO_LARGE before anything is written, if one can never fit
   */
  write(payloads: readonly Uint8Array[], fields: BatchFields): number {
    const arena = this.#arenaFor(payloads, fields);
    let written = 0;
    while (written < payloads.length) {
      fill(arena, payloads, written, fields);
      const count = this.writeRows(arena, 0);
      written += count;
      if (count < arena.length) break;
    }
    return written;
  }

  /** Writes an arena's packets from `first` on, as long as they fit. Answers how many. */
  writeRows(arena: OwnSendArena, first: number): number {
    const count = this.#owner.writeArena(arena, first, arena.length - first);
    if (count < 0) {
      this.#owner.breakOff(count);
      return 0;
    }
    if (wantsSent()) arena.publish(first, count);
    return count;
  }

  // One that holds the largest packet. All sizes are checked.
  #arenaFor(payloads: readonly Uint8Array[], { header }: BatchFields): OwnSendArena {
    const headerBytes = header === null ? 0 : header.length;
    let largest = 0;
    for (let i = 0; i < payloads.length; i++) {
      const bytes = (payloads[i] as Uint8Array).length;
      if (bytes > largest) largest = bytes;
    }
    const needed = headerBytes + largest;
    const { maxPayloadBytes } = this.#owner;
    if (needed > maxPayloadBytes) throw tooLargeError(this.#owner, needed, maxPayloadBytes);
    if (this.#arena === null || this.#arena.bytes.length < needed) {
      const bytes = Math.max(leastArenaBytes, 2 ** Math.ceil(Math.log2(needed + 8)));
      this.#arena = new OwnSendArena(this.#owner, bytes, mostRows);
    }
    return this.#arena;
  }
}

/** The payloads from `first` on, as many as the arena holds. */
function fill(arena: OwnSendArena, payloads: readonly Uint8Array[], first: number, fields: BatchFields): void {
  const { type, flags, idLow, idHigh, header } = fields;
  const { bytes } = arena;
  const headerBytes = header === null ? 0 : header.length;
  const flagsWord = flags | ((2 + headerBytes / 8) << 16);
  const end = Math.min(payloads.length, first + mostRows);
  let used = 0;
  arena.clear();
  for (let i = first; i < end; i++) {
    const payload = payloads[i] as Uint8Array;
    const start = used + headerBytes;
    if (start + payload.length > bytes.length) break;
    if (header !== null) bytes.set(header, used);
    bytes.set(payload, start);
    arena.put(start, payload.length, idLow, idHigh, type, flagsWord);
    used = (start + payload.length + 7) & ~7;
  }
}
