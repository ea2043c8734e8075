// SPDX-License-Identifier: MIT
//
// The guest's memory behind a link: mapped from a shared file where there is one, else read and written through the stream.
// Made by: qemu-host.ts. Used by: providers through HostChannel.memory, ring-mirror.ts.

import { VmbusError } from '../../errors.js';
import type { Binding } from '../../native/binding.js';
import { gpaPageBytes } from '../../protocol/gpa-direct.js';
import type { Gpadl } from '../control/gpadl-table.js';
import type { GuestMemory, GuestRange, SharedBuffer } from '../types.js';
import type { Link } from './link.js';

/** Bytes asked for at once over the stream. */
const mostAtOnce = 4 * 1024 * 1024;

/** Physical memory of the guest. */
export interface PhysicalMemory {
  /** Whether a page of 4096 bytes is memory. */
  isMemory(page: number): boolean;
  read(ranges: readonly GuestRange[]): Promise<Uint8Array>;
  write(ranges: readonly GuestRange[], bytes: Uint8Array): Promise<void>;
}

/** Over the stream. */
export class StreamMemory implements PhysicalMemory {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Unknown on this side: QEMU answers zeros where there is none. */
  isMemory(): boolean {
    return true;
  }

  async read(ranges: readonly GuestRange[]): Promise<Uint8Array> {
    const total = ranges.reduce((sum, { length }) => sum + length, 0);
    if (total <= mostAtOnce) return this.#link.read(ranges);
    const parts: Uint8Array[] = [];
    for (const { address, length } of ranges) {
      for (let at = 0; at < length; at += mostAtOnce)
        parts.push(await this.#link.read([{ address: address + at, length: Math.min(mostAtOnce, length - at) }]));
    }
    return Buffer.concat(parts);
  }

  async write(ranges: readonly GuestRange[], bytes: Uint8Array): Promise<void> {
    for (const [{ address }, part] of spread(ranges, bytes)) {
      for (let at = 0; at < part.length; at += mostAtOnce)
        this.#link.write(address + at, part.subarray(at, at + mostAtOnce));
    }
  }
}

/** From a file that QEMU has its memory in. */
export class MappedMemory implements PhysicalMemory {
  readonly #binding: Binding;
  readonly #handle: number;
  readonly #pages: number;

  /** @param handle Handle of `openGuestMemory`; stays the caller's. */
  constructor(binding: Binding, handle: number) {
    this.#binding = binding;
    this.#handle = handle;
    this.#pages = binding.guestMemoryBytes(handle) / gpaPageBytes;
  }

  isMemory(page: number): boolean {
    return page < this.#pages;
  }

  async read(ranges: readonly GuestRange[]): Promise<Uint8Array> {
    const bytes = new Uint8Array(ranges.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const { address, length } of ranges) {
      this.#check(this.#binding.readGuest(this.#handle, address, bytes.subarray(at, at + length)), address, length);
      at += length;
    }
    return bytes;
  }

  async write(ranges: readonly GuestRange[], bytes: Uint8Array): Promise<void> {
    for (const [{ address }, part] of spread(ranges, bytes))
      this.#check(this.#binding.writeGuest(this.#handle, address, part), address, part.length);
  }

  #check(status: number, address: number, length: number): void {
    if (status !== 0) throw outside(`${length} bytes at 0x${address.toString(16)}, where it has no memory`);
  }
}

/** What a provider sees: memory, and the buffers of its own device. */
export function guestMemoryOf(memory: PhysicalMemory, gpadl: (handle: number) => Gpadl | null): GuestMemory {
  return {
    read: async (ranges) => memory.read(ranges),
    write: async (ranges, bytes) => memory.write(ranges, bytes),
    buffer(handle) {
      const shared = gpadl(handle);
      return shared === null ? null : sharedBuffer(memory, shared);
    },
  };
}

function sharedBuffer(memory: PhysicalMemory, gpadl: Gpadl): SharedBuffer {
  const extents = (offset: number, length: number): readonly GuestRange[] => {
    const found = gpadl.extents(offset, length);
    if (found === null) throw outside(`bytes ${offset} + ${length} of a buffer of ${gpadl.sizeBytes}`);
    return found;
  };
  return {
    sizeBytes: gpadl.sizeBytes,
    read: async (offset, length) => memory.read(extents(offset, length)),
    write: async (offset, bytes) => memory.write(extents(offset, bytes.length), bytes),
  };
}

/** Pieces of the bytes for each range. @throws VmbusError ERR_VMBUS_CORRUPT when the ranges hold less */
function spread(ranges: readonly GuestRange[], bytes: Uint8Array): [GuestRange, Uint8Array][] {
  const pieces: [GuestRange, Uint8Array][] = [];
  let at = 0;
  for (const range of ranges) {
    if (at >= bytes.length) break;
    pieces.push([range, bytes.subarray(at, at + range.length)]);
    at += range.length;
  }
  if (at < bytes.length) throw outside(`ranges of ${at} bytes for ${bytes.length}`);
  return pieces;
}

function outside(what: string): VmbusError {
  return new VmbusError('ERR_VMBUS_CORRUPT', `the guest named ${what}`);
}
