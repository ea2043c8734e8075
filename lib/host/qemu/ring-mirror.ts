// SPDX-License-Identifier: MIT
//
// Rings in a guest's memory that is out of reach: the addon works on a copy here, and this keeps copy and original in step
// over the stream. Slower by a round trip a wake, and otherwise the same.
// Made by: qemu-host.ts. Calls: link.ts by way of guest-memory.ts.
//
// The peer's words are older here than they are there, so decisions that rest on them are made again after each exchange:
// whoever waits for us is signalled once too often rather than once too seldom, and after every word of ours that allows
// the guest to sleep its words are fetched once more.

import { VmbusError } from '../../errors.js';
import type { Binding } from '../../native/binding.js';
import { gpaPageBytes } from '../../protocol/gpa-direct.js';
import { type AttachedRing, featurePendingSize, featureWord, type RingPages } from '../control/attached-ring.js';
import { NativeRingEnd } from '../ring-end.js';
import type { GuestRange } from '../types.js';
import type { PhysicalMemory } from './guest-memory.js';

/** Header words that matter, as byte offsets. */
const Word = { write: 0, read: 4, mask: 8, pending: 12, features: 64 } as const;
const wordsBytes = 16;

/** One direction of the pair, in both places. */
interface Direction {
  /** First byte of the header in the copy. */
  readonly base: number;
  readonly dataBytes: number;
  /** The guest's pages, the header first. */
  readonly pages: readonly number[];
  /** Our word of the other end as it stands in the guest. */
  written: Record<'write' | 'read' | 'mask' | 'pending', number>;
}

/** A pair of rings kept in two places. */
export class RingMirror implements AttachedRing {
  readonly end: NativeRingEnd;
  readonly #binding: Binding;
  readonly #memory: PhysicalMemory;
  readonly #copy: number;
  readonly #channel: number;
  readonly #signal: () => void;
  readonly #broke: (error: unknown) => void;
  /** The guest writes it. */
  readonly #toHost: Direction;
  readonly #toGuest: Direction;
  #look: (() => void) | null = null;
  /** The guest's words may have changed; ours may have. */
  #isStale = false;
  #isTouched = false;
  #isBusy = false;
  #isClosed = false;

  private constructor(
    binding: Binding,
    memory: PhysicalMemory,
    copy: number,
    rings: readonly [Direction, Direction],
    hooks: MirrorHooks,
  ) {
    this.#binding = binding;
    this.#memory = memory;
    this.#copy = copy;
    [this.#toHost, this.#toGuest] = rings;
    this.#signal = hooks.signal;
    this.#broke = hooks.broke;
    const pageCount = (this.#toHost.dataBytes + this.#toGuest.dataBytes) / gpaPageBytes + 2;
    const split = this.#toGuest.base / gpaPageBytes;
    this.#channel = binding.attachPages(
      copy,
      Float64Array.from({ length: pageCount }, (_, i) => i),
      split,
    );
    this.end = new NativeRingEnd(binding, this.#channel, {
      wake: hooks.signal,
      touched: () => {
        this.#isTouched = true;
        this.#start();
      },
    });
  }

  /** Makes the copy. @throws VmbusError ERR_VMBUS_CORRUPT when the guest's pages cannot be rings, ERR_VMBUS_CLOSED */
  static async attach(
    binding: Binding,
    memory: PhysicalMemory,
    { pages, split }: RingPages,
    hooks: MirrorHooks,
  ): Promise<RingMirror> {
    if (!(split >= 2 && split + 2 <= pages.length))
      throw new VmbusError('ERR_VMBUS_CORRUPT', `rings cannot be in ${pages.length} pages, split at ${split}`);
    const toHost = direction(0, pages.slice(0, split));
    const toGuest = direction(split * gpaPageBytes, pages.slice(split));
    const headers = await memory.read([headerOf(toHost), headerOf(toGuest)]);
    const copy = binding.makeGuestMemory(pages.length * gpaPageBytes);
    if (copy < 0) throw new VmbusError('ERR_VMBUS_SYSTEM', 'no memory for a copy of the rings', { errno: -copy });
    // What the guest has put there before it opened the channel; its data come with the first look.
    binding.writeGuest(copy, toHost.base + Word.write, word(headers, Word.read));
    binding.writeGuest(copy, toHost.base + Word.read, word(headers, Word.read));
    binding.writeGuest(copy, toGuest.base + Word.write, word(headers, wordsBytes + Word.write));
    binding.writeGuest(copy, toGuest.base + Word.read, word(headers, wordsBytes + Word.read));
    for (const [ring, at] of [[toHost, 0] as const, [toGuest, wordsBytes] as const]) {
      for (const name of ['write', 'read', 'mask', 'pending'] as const)
        ring.written[name] = number(headers, at + Word[name]);
    }
    toHost.written.write = toHost.written.read;
    const mirror = new RingMirror(binding, memory, copy, [toHost, toGuest], hooks);
    mirror.end.pokeHeader(1, featureWord, featurePendingSize);
    await memory.write(
      [{ address: (toGuest.pages[0] ?? 0) * gpaPageBytes + Word.features, length: 4 }],
      Uint8Array.of(featurePendingSize, 0, 0, 0),
    );
    return mirror;
  }

  onSignal(look: () => void): void {
    this.#look = look;
    this.#isStale = true;
    this.#start();
  }

  flush(): void {
    if (this.#isClosed || !this.#isTouched) return;
    this.#isTouched = false;
    this.#push().catch((error: unknown) => this.#broke(error));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.end.close();
    this.#binding.closeGuestMemory(this.#copy);
  }

  #start(): void {
    if (this.#isBusy || this.#isClosed) return;
    this.#isBusy = true;
    // After the calls that are under way, so that many packets make one exchange.
    queueMicrotask(() => void this.#exchange());
  }

  async #exchange(): Promise<void> {
    try {
      while ((this.#isStale || this.#isTouched) && !this.#isClosed) {
        if (this.#isStale) {
          this.#isStale = false;
          await this.#pull();
          if (this.#isClosed) return;
          this.#look?.();
        }
        this.#isTouched = false;
        if (!this.#isClosed) await this.#push();
      }
    } catch (error) {
      if (!this.#isClosed) this.#broke(error);
    } finally {
      this.#isBusy = false;
    }
  }

  /** Brings the guest's words and data here. */
  async #pull(): Promise<void> {
    const [toHost, toGuest] = [this.#toHost, this.#toGuest];
    const headers = await this.#memory.read([headerOf(toHost), headerOf(toGuest)]);
    if (this.#isClosed) return;
    const write = number(headers, Word.write);
    const before = toHost.written.write;
    // An index that cannot be is handed on as it is: the ring code says what is wrong with it.
    if (write !== before && write % 8 === 0 && write < toHost.dataBytes) {
      const length = (write - before + toHost.dataBytes) % toHost.dataBytes;
      const bytes = await this.#memory.read(dataRanges(toHost, before, length));
      if (this.#isClosed) return;
      this.#putData(toHost, before, bytes);
    }
    toHost.written.write = write;
    const pending = number(headers, Word.pending);
    this.#put(toHost, Word.pending, pending);
    this.#put(toHost, Word.write, write);
    this.#put(toGuest, Word.mask, number(headers, wordsBytes + Word.mask));
    this.#put(toGuest, Word.read, number(headers, wordsBytes + Word.read));
    // It may have begun to wait after we freed the space.
    if (pending !== 0) this.#signal();
  }

  /** Brings our words and data there: all at once, the stream keeps the order. */
  async #push(): Promise<void> {
    const [toHost, toGuest] = [this.#toHost, this.#toGuest];
    const write = this.#get(toGuest, Word.write);
    const before = toGuest.written.write;
    const writes: Promise<void>[] = [];
    this.#binding.takeSignals(this.#channel);
    if (write !== before) {
      const length = (write - before + toGuest.dataBytes) % toGuest.dataBytes;
      writes.push(this.#memory.write(dataRanges(toGuest, before, length), this.#getData(toGuest, before, length)));
    }
    const carry = (ring: Direction, name: 'write' | 'read' | 'mask' | 'pending', value: number): boolean => {
      if (ring.written[name] === value) return false;
      writes.push(this.#carry(ring, name, value));
      return true;
    };
    const didWrite = carry(toGuest, 'write', write);
    const pending = this.#get(toGuest, Word.pending);
    const didWait = carry(toGuest, 'pending', pending) && pending !== 0;
    const didRead = carry(toHost, 'read', this.#get(toHost, Word.read));
    const didMask = carry(toHost, 'mask', this.#get(toHost, Word.mask));
    if (didWrite) this.#signal();
    if (didWait || didRead || didMask) this.#isStale = true;
    await Promise.all(writes);
  }

  async #carry(ring: Direction, name: 'write' | 'read' | 'mask' | 'pending', value: number): Promise<void> {
    ring.written[name] = value;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    await this.#memory.write([{ address: (ring.pages[0] ?? 0) * gpaPageBytes + Word[name], length: 4 }], bytes);
  }

  #put(ring: Direction, at: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.#binding.writeGuest(this.#copy, ring.base + at, bytes);
  }

  #get(ring: Direction, at: number): number {
    const bytes = new Uint8Array(4);
    this.#binding.readGuest(this.#copy, ring.base + at, bytes);
    return number(bytes, 0);
  }

  #putData(ring: Direction, from: number, bytes: Uint8Array): void {
    const first = Math.min(bytes.length, ring.dataBytes - from);
    const data = ring.base + gpaPageBytes;
    this.#binding.writeGuest(this.#copy, data + from, bytes.subarray(0, first));
    this.#binding.writeGuest(this.#copy, data, bytes.subarray(first));
  }

  #getData(ring: Direction, from: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const first = Math.min(length, ring.dataBytes - from);
    const data = ring.base + gpaPageBytes;
    this.#binding.readGuest(this.#copy, data + from, bytes.subarray(0, first));
    this.#binding.readGuest(this.#copy, data, bytes.subarray(first));
    return bytes;
  }
}

/** What a mirror asks of its channel. */
export interface MirrorHooks {
  /** Interrupts the guest. */
  signal(): void;
  /** The stream or the guest's memory failed. */
  broke(error: unknown): void;
}

function direction(base: number, pages: readonly number[]): Direction {
  return {
    base,
    pages,
    dataBytes: (pages.length - 1) * gpaPageBytes,
    written: { write: 0, read: 0, mask: 0, pending: 0 },
  };
}

function headerOf({ pages }: Direction): GuestRange {
  return { address: (pages[0] ?? 0) * gpaPageBytes, length: wordsBytes };
}

/** Guest memory of `length` data bytes from `from` on, around the end of the ring; neighbouring pages are one range. */
function dataRanges({ pages, dataBytes }: Direction, from: number, length: number): GuestRange[] {
  const ranges: { address: number; length: number }[] = [];
  for (let at = from, left = length; left > 0; ) {
    const inPage = at % gpaPageBytes;
    const bytes = Math.min(left, gpaPageBytes - inPage);
    const address = (pages[1 + Math.floor(at / gpaPageBytes)] ?? 0) * gpaPageBytes + inPage;
    const last = ranges.at(-1);
    if (last && last.address + last.length === address) last.length += bytes;
    else ranges.push({ address, length: bytes });
    at = (at + bytes) % dataBytes;
    left -= bytes;
  }
  return ranges;
}

function number(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

function word(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.subarray(at, at + 4);
}
