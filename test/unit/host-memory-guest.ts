// SPDX-License-Identifier: MIT
//
// A guest of the dynamic memory device without a ring: its messages as hexadecimal digits, and what the device says to it.

import { mock } from 'node:test';
import {
  type DynamicMemoryEvent,
  type DynamicMemoryOptions,
  type DynamicMemoryProvider,
  dynamicMemory,
  type HostChannel,
  type ProviderSession,
} from '../../dist/host/index.js';

export const versionRequest = '0100 1000 01000000 00000200 00000000';
export const capabilities = '0300 2000 02000000 1f00000000000000 0000000000000000 ffffffffffffffff';

/** An open dynamic memory device: 4 GiB of memory, more from 8 GiB on. Timers are mocked; see `reset`. */
export class ScriptedMemoryGuest {
  readonly memory: DynamicMemoryProvider;
  readonly events: DynamicMemoryEvent[] = [];
  session: ProviderSession;
  /** Whether the ring has room for what the device sends. */
  hasSpace = true;
  readonly #sent: string[] = [];

  constructor(options: DynamicMemoryOptions = {}) {
    this.memory = dynamicMemory({ ramPages: 0x10_0000, hotAddBase: 0x20_0000, ...options });
    this.memory.subscribe((event) => this.events.push(event));
    this.session = this.open();
  }

  /** Mocks timers afresh. */
  static reset(): void {
    mock.timers.reset();
    mock.timers.enable({ apis: ['setTimeout'] });
  }

  open(): ProviderSession {
    const channel = {
      send: (payload: Uint8Array) => {
        if (this.hasSpace) this.#sent.push(Buffer.from(payload).toString('hex'));
        return this.hasSpace;
      },
    };
    this.session = this.memory.onOpen(channel as unknown as HostChannel);
    return this.session;
  }

  /** Says a message, hexadecimal digits with blanks. */
  say(hex: string): void {
    const payload = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    this.session.onPacket({ type: 6, flags: 0, transactionId: 0n, header: new Uint8Array(), payload });
  }

  /** What the device said since the last call. */
  heard(): string[] {
    return this.#sent.splice(0);
  }

  handshake(report = capabilities): this {
    this.say(versionRequest);
    this.say(report);
    mock.timers.tick(0);
    this.heard();
    return this;
  }

  get warnings(): string[] {
    return this.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
  }

  /** A balloon response of ranges, each first page and page count. */
  balloon(ranges: readonly (readonly [number, number])[], { more = 0, count = ranges.length } = {}): void {
    const bytes = Buffer.alloc(16 + ranges.length * 8);
    bytes.writeUInt16LE(7, 0);
    bytes.writeUInt16LE(bytes.length, 2);
    bytes.writeUInt32LE(((count << 1) | more) >>> 0, 12);
    for (const [i, [first, pages]] of ranges.entries()) {
      bytes.writeBigUInt64LE(BigInt(first) | (BigInt(pages) << 40n), 16 + i * 8);
    }
    this.say(bytes.toString('hex'));
  }

  hotAdd(pages: number): void {
    const bytes = Buffer.from('0b001000060000000000000001000000', 'hex');
    bytes.writeUInt32LE(pages, 8);
    this.say(bytes.toString('hex'));
  }
}
