// SPDX-License-Identifier: MIT
//
// A guest's memory without a guest: plain bytes behind the interface that providers use. Every answer comes later,
// as over a real attachment, and a test can hold answers back, reorder them, or make them fail.

import type { GuestMemory, GuestRange, SharedBuffer } from '../../../dist/host/index.js';
import { VmbusError } from '../../../dist/index.js';

/** One access of a provider. */
export interface MemoryAccess {
  readonly kind: 'read' | 'write';
  /** Handle of the shared buffer; null for pages. */
  readonly gpadl: number | null;
  /** Into the buffer, or the address of the first range. */
  readonly offset: number;
  readonly length: number;
}

/** Physical memory of a scripted guest, and the buffers that it shares. */
export class ScriptedMemory implements GuestMemory {
  /** Guest physical memory from address 0 on. */
  readonly bytes: Uint8Array;
  /** Every access so far, in order of its beginning. */
  readonly accesses: MemoryAccess[] = [];
  /** Awaited before an access happens; throw in it to fail the access. */
  before: (access: MemoryAccess) => Promise<void> | void = () => undefined;
  readonly #shared = new Map<number, Uint8Array>();

  constructor(sizeBytes = 0x1_0000) {
    this.bytes = new Uint8Array(sizeBytes);
  }

  /** Shares a buffer under a handle, as a GPADL of pages that lie anywhere. Answers its bytes. */
  share(gpadl: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    this.#shared.set(gpadl, bytes);
    return bytes;
  }

  /** Takes a shared buffer away: whoever kept it fails. */
  unshare(gpadl: number): void {
    this.#shared.delete(gpadl);
  }

  /** Bytes of a shared buffer, as the guest sees them. */
  shared(gpadl: number): Uint8Array {
    const bytes = this.#shared.get(gpadl);
    if (!bytes) throw new Error(`this guest shares no buffer ${gpadl}`);
    return bytes;
  }

  async read(ranges: readonly GuestRange[]): Promise<Uint8Array> {
    const length = ranges.reduce((sum, range) => sum + range.length, 0);
    await this.#turn({ kind: 'read', gpadl: null, offset: ranges[0]?.address ?? 0, length });
    return Buffer.concat(ranges.map(({ address, length: part }) => this.#slice(this.bytes, address, part)));
  }

  async write(ranges: readonly GuestRange[], bytes: Uint8Array): Promise<void> {
    await this.#turn({ kind: 'write', gpadl: null, offset: ranges[0]?.address ?? 0, length: bytes.length });
    let done = 0;
    for (const { address, length } of ranges) {
      const part = bytes.subarray(done, done + length);
      this.#slice(this.bytes, address, length).set(part);
      done += part.length;
    }
    if (done < bytes.length) throw outside(`${bytes.length} bytes do not fit into ranges of ${done}`);
  }

  buffer(gpadl: number): SharedBuffer | null {
    const first = this.#shared.get(gpadl);
    if (!first) return null;
    const now = (): Uint8Array => this.#shared.get(gpadl) ?? new Uint8Array();
    return {
      sizeBytes: first.length,
      read: async (offset, length) => {
        await this.#turn({ kind: 'read', gpadl, offset, length });
        return Uint8Array.from(this.#slice(now(), offset, length));
      },
      write: async (offset, bytes) => {
        const copy = Uint8Array.from(bytes);
        await this.#turn({ kind: 'write', gpadl, offset, length: copy.length });
        this.#slice(now(), offset, copy.length).set(copy);
      },
    };
  }

  async #turn(access: MemoryAccess): Promise<void> {
    this.accesses.push(access);
    await this.before(access);
  }

  #slice(memory: Uint8Array, at: number, length: number): Uint8Array {
    if (!(Number.isInteger(at) && Number.isInteger(length) && at >= 0 && length >= 0 && at + length <= memory.length))
      throw outside(`${at} + ${length} of ${memory.length} bytes`);
    return memory.subarray(at, at + length);
  }
}

function outside(text: string): VmbusError {
  return new VmbusError('ERR_VMBUS_CORRUPT', `the guest named memory that it does not have: ${text}`);
}
