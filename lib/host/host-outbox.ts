// SPDX-License-Identifier: MIT
//
// What the host sends on one channel: packets one by one, many at once, and rows of a received batch straight back.
// Keeps what did not fit of a batch, and packets that a fault holds back; nothing else is ever queued.
// Called by: host-channel.ts, faults.ts. Calls: ring-end.ts, detour.ts.

import { VmbusError } from '../errors.js';
import { ROW_WORDS, Row, Status } from '../native/binding.js';
import { Detour } from './detour.js';
import { idFromWords } from './host-batch.js';
import type { RingEnd } from './ring-end.js';
import type { HostSendOptions } from './types.js';

/** Memory registered with the ring end for sending. The first part belongs to received rows, the second to the outbox. */
export interface SendMemory {
  readonly arena: Uint8Array;
  readonly index: Int32Array;
  /** Where the outbox's part of the arena begins, in bytes. */
  readonly ownBytes: number;
  /** Where the outbox's part of the index begins, in rows. */
  readonly ownRows: number;
}

/** What an outbox asks of its channel. */
export interface OutboxHooks {
  /** The ring end answered a violation, or is closed. */
  broke(status: number): void;
  /** There is space that the provider waits for: call {@link Outbox.flush} soon. */
  spaceSoon(): void;
}

const inband = 6;
const bodyOnly = new Uint8Array(0);

/** The sending half of a host channel. */
export class Outbox {
  readonly #end: RingEnd;
  readonly #hooks: OutboxHooks;
  /** For packet faults. */
  readonly detour: Detour;
  #memory: SendMemory = { arena: bodyOnly, index: new Int32Array(0), ownBytes: 0, ownRows: 0 };
  /** Received rows still to be sent back. */
  #first = 0;
  #count = 0;
  /** Payload bytes that the provider waits for; 0 = it does not. */
  #wanted = 0;

  constructor(end: RingEnd, hooks: OutboxHooks) {
    this.#end = end;
    this.#hooks = hooks;
    this.detour = new Detour((payload, options) => this.#write(payload, options));
  }

  /** Rows of the last batch wait for space: nothing may be received, it would overwrite them. */
  get isBlocked(): boolean {
    return this.#count > 0;
  }

  useMemory(memory: SendMemory): void {
    this.#memory = memory;
  }

  send(payload: Uint8Array, options: HostSendOptions): boolean {
    if (this.detour.isActive) return this.detour.push(payload, options);
    const bytes = Math.max(8, payload.length + (options.header?.length ?? 0));
    if (this.#count === 0) {
      if (this.#write(payload, options)) return true;
      // The guest may have read on since: what fits now must not wait for a wake that will not come.
      if (this.#end.awaitSpace(bytes) === 1 && this.#write(payload, options)) return true;
    }
    this.#wanted = Math.max(this.#wanted, bytes);
    return false;
  }

  /** As many as fit; equal neighbours are copied once. */
  sendMany(payloads: readonly Uint8Array[], options: Omit<HostSendOptions, 'header'>): number {
    let sent = 0;
    while (sent < payloads.length) {
      const staged = this.#count > 0 || this.detour.isActive ? 0 : this.#stage(payloads, sent, options);
      if (staged === 0) {
        const payload = payloads[sent];
        if (!payload || !this.send(payload, options)) return sent;
        sent += 1;
        continue;
      }
      const done = this.#writeRows(this.#memory.ownRows, staged);
      if (done < 0) return sent;
      sent += done;
      if (done < staged && !this.#fitsNow(this.#rowBytes(this.#memory.ownRows + done, staged - done))) return sent;
    }
    return sent;
  }

  /** Sends the first rows of the received batch as they stand. */
  sendRows(rows: number): void {
    if (this.detour.isActive) {
      for (let row = 0; row < rows; row += 1) this.#divertRow(row);
      return;
    }
    this.#first = 0;
    this.#count = rows;
    this.#flushRows();
  }

  /** Sends what waits. True when the provider waited for space and has it now. */
  flush(): boolean {
    if (this.#count > 0) this.#flushRows();
    if (this.#count > 0 || this.#wanted === 0) return false;
    if (this.#end.awaitSpace(this.#wanted) !== 1) return false;
    this.#wanted = 0;
    return true;
  }

  close(): void {
    this.detour.close();
    this.#count = 0;
    this.#wanted = 0;
  }

  #flushRows(): void {
    while (this.#count > 0) {
      const done = this.#writeRows(this.#first, this.#count);
      if (done < 0) {
        this.#count = 0;
        return;
      }
      this.#first += done;
      this.#count -= done;
      if (this.#count > 0 && this.#end.awaitSpace(this.#rowBytes(this.#first, this.#count)) !== 1) return;
    }
  }

  /** A write withdraws the wish for space that somebody else still has. */
  #wishAgain(): void {
    if (this.#wanted > 0 && this.#end.awaitSpace(this.#wanted) === 1) this.#hooks.spaceSoon();
  }

  /** How many rows were written, 0 when there is no room; negative when the channel is no more. */
  #writeRows(first: number, count: number): number {
    const status = this.#end.writeMany(first, count);
    if (status > 0) this.#wishAgain();
    if (status >= 0) return status;
    if (status === Status.full) return 0;
    this.#failed(status, this.#rowBytes(first, 1));
    return status;
  }

  #fitsNow(bytes: number): boolean {
    if (this.#end.awaitSpace(Math.max(8, bytes)) === 1) return true;
    this.#wanted = Math.max(8, bytes);
    return false;
  }

  /** Bytes that the rows need, so that one wake is for many packets; at least the first, at most half the ring. */
  #rowBytes(first: number, count: number): number {
    const { index } = this.#memory;
    let sum = 0;
    let least = 0;
    for (let row = first; row < first + count; row += 1) {
      const at = row * ROW_WORDS;
      sum += (index[at + Row.length] ?? 0) + ((index[at + Row.flags] ?? 0) >>> 16 || 2) * 8 + 8;
      if (row === first) least = sum - 24;
    }
    return Math.max(least, 8, Math.min(sum, this.#end.largestPayload() >>> 1));
  }

  #stage(payloads: readonly Uint8Array[], from: number, options: Omit<HostSendOptions, 'header'>): number {
    const { arena, index, ownBytes, ownRows } = this.#memory;
    const rows = Math.min(payloads.length - from, index.length / ROW_WORDS - ownRows);
    const id = options.transactionId ?? 0n;
    const idLow = Number(BigInt.asIntN(32, id));
    const idHigh = Number(BigInt.asIntN(32, id >> 32n));
    const type = options.type ?? inband;
    const flags = (options.flags ?? 0) | (2 << 16);
    let end = ownBytes;
    let offset = ownBytes;
    let last: Uint8Array | null = null;
    for (let row = 0; row < rows; row += 1) {
      const payload = payloads[from + row];
      if (!payload) return row;
      if (payload !== last) {
        if (end + payload.length > arena.length) return row;
        arena.set(payload, end);
        offset = end;
        end += Math.ceil(payload.length / 8) * 8;
        last = payload;
      }
      const at = (ownRows + row) * ROW_WORDS;
      index[at + Row.type] = type;
      index[at + Row.flags] = flags;
      index[at + Row.offset] = offset;
      index[at + Row.length] = payload.length;
      index[at + Row.idLow] = idLow;
      index[at + Row.idHigh] = idHigh;
    }
    return rows;
  }

  #divertRow(row: number): void {
    const at = row * ROW_WORDS;
    const { arena, index } = this.#memory;
    const offset = index[at + Row.offset] ?? 0;
    const flags = index[at + Row.flags] ?? 0;
    const headerBytes = Math.max(0, (flags >>> 16) * 8 - 16);
    this.detour.push(arena.subarray(offset, offset + (index[at + Row.length] ?? 0)), {
      type: index[at + Row.type] ?? inband,
      flags: flags & 0xffff,
      transactionId: idFromWords(index[at + Row.idLow] ?? 0, index[at + Row.idHigh] ?? 0),
      header: arena.subarray(offset - headerBytes, offset),
    });
  }

  #write(payload: Uint8Array, options: HostSendOptions): boolean {
    const id = options.transactionId ?? 0n;
    const header = options.header ?? bodyOnly;
    const body = header.length === 0 ? payload : Buffer.concat([header, payload]);
    const status = this.#end.write(
      options.type ?? inband,
      options.flags ?? 0,
      Number(BigInt.asUintN(32, id)),
      Number(BigInt.asUintN(32, id >> 32n)),
      2 + header.length / 8,
      body,
    );
    if (status === 0) {
      this.#wishAgain();
      return true;
    }
    this.#failed(status, body.length);
    return false;
  }

  #failed(status: number, bytes: number): void {
    if (status === Status.full) return;
    if (status === Status.tooLarge || status === Status.badRow) {
      throw new VmbusError('ERR_VMBUS_TOO_LARGE', `the ring cannot ever hold a packet of ${bytes} bytes`, {
        facts: { sizeBytes: bytes, maxBytes: this.#end.largestPayload() },
      });
    }
    this.#hooks.broke(status);
  }
}
