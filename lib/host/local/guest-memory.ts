// SPDX-License-Identifier: MIT
//
// Guest memory where there is no guest: rings, and the two buffers of a device that has them, are all that a process on the
// served folder shares with its host.
// Used by: device-channels.ts, device.ts.

import { errnoName, VmbusError } from '../../errors.js';
import type { Binding } from '../../native/binding.js';
import type { GuestMemory, SharedBuffer } from '../types.js';

/** Has no pages and no buffers. */
export const noGuestMemory: GuestMemory = Object.freeze({
  read: () => Promise.reject(nowhere()),
  write: () => Promise.reject(nowhere()),
  buffer: () => null,
});

function nowhere(): VmbusError {
  return new VmbusError('ERR_VMBUS_CORRUPT', 'the guest named memory that it does not share with a simulated host', {
    hint: 'a served folder shares rings and buffers alone; devices that take page numbers need a guest with a kernel',
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

/** What a provider sees of a device with buffers; null where it has none. */
export function memoryWith(buffers: () => DeviceBuffers | null): GuestMemory {
  return {
    ...noGuestMemory,
    buffer(gpadl) {
      const both = buffers();
      return [both?.receive, both?.send].find((buffer) => buffer?.gpadl === gpadl) ?? null;
    },
  };
}
