// SPDX-License-Identifier: MIT
//
// Guest memory on a served folder: the two buffers of a device that has them, and what the process that opened the node has shown
// of its own, under the frame numbers that it was told. Nothing else is there.
// Used by: device-channels.ts, device.ts, local/utils.

import { errnoName, VmbusError } from '../../errors.js';
import type { Binding } from '../../native/binding.js';
import type { GuestMemory, GuestRange, SharedBuffer } from '../types.js';

/** A node that processes show memory to. */
export interface ShownTo {
  /** False where it was not shown. */
  readMemory(address: number, target: Uint8Array): boolean;
  writeMemory(address: number, source: Uint8Array): boolean;
}

/** Has no pages and no buffers. */
export const noGuestMemory: GuestMemory = Object.freeze({
  read: () => Promise.reject(nowhere()),
  write: () => Promise.reject(nowhere()),
  buffer: () => null,
});

function read(node: ShownTo, ranges: readonly GuestRange[]): Uint8Array {
  const bytes = new Uint8Array(ranges.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const { address, length } of ranges) {
    if (!node.readMemory(address, bytes.subarray(at, at + length))) throw nowhere({ address, length });
    at += length;
  }
  return bytes;
}

function write(node: ShownTo, ranges: readonly GuestRange[], bytes: Uint8Array): void {
  let at = 0;
  for (const { address, length } of ranges) {
    if (at >= bytes.length) return;
    const part = bytes.subarray(at, at + length);
    if (!node.writeMemory(address, part)) throw nowhere({ address, length: part.length });
    at += part.length;
  }
  if (at < bytes.length) throw nowhere();
}

function nowhere(range?: GuestRange): VmbusError {
  const where = range ? ` (${range.length} bytes at 0x${range.address.toString(16)})` : '';
  const text = `the guest named memory that it does not share with a simulated host${where}`;
  return new VmbusError('ERR_VMBUS_CORRUPT', text, {
    hint: 'a guest of a served folder shares its rings, and the memory that openStorage() makes; others need a kernel',
  });
}

/** A buffer of a device, in memory of its own that takes room only where it was written. */
export class DeviceBuffer implements SharedBuffer {
  readonly gpadl: number;
  readonly sizeBytes: number;
  /** Handle of the memory. */
  readonly memory: number;
  readonly #binding: Binding;

  /** @throws VmbusError ERR_VMBUS_SYSTEM */
  constructor(binding: Binding, sizeBytes: number, gpadl: number) {
    this.#binding = binding;
    this.sizeBytes = sizeBytes;
    this.gpadl = gpadl;
    this.memory = binding.makeGuestMemory(sizeBytes);
    if (this.memory > 0) return;
    const name = errnoName(-this.memory);
    throw new VmbusError('ERR_VMBUS_SYSTEM', `cannot make a buffer of ${sizeBytes} bytes: ${name}`, {
      errno: -this.memory,
      errnoName: name,
    });
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#check(offset, length);
    const bytes = new Uint8Array(length);
    this.#done(this.#binding.readGuest(this.memory, offset, bytes));
    return bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#check(offset, bytes.length);
    this.#done(this.#binding.writeGuest(this.memory, offset, bytes));
  }

  close(): void {
    this.#binding.closeGuestMemory(this.memory);
  }

  // Before anything of that length is made.
  #check(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.sizeBytes) return;
    throw new VmbusError(
      'ERR_VMBUS_CORRUPT',
      `the guest named bytes ${offset} + ${length} of a buffer of ${this.sizeBytes}`,
    );
  }

  #done(status: number): void {
    if (status !== 0) throw new VmbusError('ERR_VMBUS_CLOSED', 'the buffer went with its device');
  }
}

/** The buffers of a device while a driver has it. */
export interface DeviceBuffers {
  readonly receive: DeviceBuffer;
  readonly send: DeviceBuffer;
}

/** What a provider sees: the memory that was shown to the node, and the buffers of its device, where it has some. */
export function memoryWith(node: ShownTo, buffers: () => DeviceBuffers | null): GuestMemory {
  return {
    read: async (ranges) => read(node, ranges),
    write: async (ranges, bytes) => write(node, ranges, bytes),
    buffer(gpadl) {
      const both = buffers();
      return [both?.receive, both?.send].find((buffer) => buffer?.gpadl === gpadl) ?? null;
    },
  };
}
