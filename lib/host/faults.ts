// SPDX-License-Identifier: MIT
//
// Things that go wrong on purpose: the faults of one channel, and every kind of ring state and packet that a hostile host
// could show to a guest, by name.
// Called by: host-channel.ts; tests by `malformations`. Calls: ring-end.ts, host-outbox.ts.
// Source of the ring's rules: include/linux/hyperv.h (struct hv_ring_buffer, struct vmpacket_descriptor).

import { Inspect } from '../native/binding.js';
import type { Outbox } from './host-outbox.js';
import type { RingEnd } from './ring-end.js';
import type { ChannelFaults, HeaderWord, PacketChange } from './types.js';

/** Word numbers in the ring header. */
const wordNumber: Readonly<Record<HeaderWord, number>> = {
  writeIndex: 0,
  readIndex: 1,
  mask: 2,
  pending: 3,
  features: 16,
};
/** Position of a word's value among those of its ring in an inspection. */
const inspected: Readonly<Record<HeaderWord, number>> = {
  writeIndex: 0,
  readIndex: 1,
  mask: 2,
  pending: 3,
  features: 4,
};

/** What faults do to the channel they are of. */
export interface FaultHooks {
  resumed(): void;
  rescind(): void;
}

/** The faults of one opening of a channel. */
export class RingFaults implements ChannelFaults {
  readonly #end: RingEnd;
  readonly #outbox: Outbox;
  readonly #hooks: FaultHooks;
  #isStalled = false;
  #untilRescind = 0;

  constructor(end: RingEnd, outbox: Outbox, hooks: FaultHooks) {
    this.#end = end;
    this.#outbox = outbox;
    this.#hooks = hooks;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  get ringDataBytes(): number {
    return this.#inspect()[Inspect.dataBytes] ?? 0;
  }

  dropSignals(count: number): void {
    this.#end.dropSignals(count);
  }

  delay(ms: number): void {
    this.#outbox.detour.delay(ms);
  }

  dropPackets(count: number): void {
    this.#outbox.detour.drop(count);
  }

  alterPackets(change: PacketChange | null): void {
    this.#outbox.detour.alter(change);
  }

  reverseCompletions(count: number): void {
    this.#outbox.detour.reverse(count);
  }

  stall(on: boolean): void {
    this.#isStalled = on;
    if (!on) this.#hooks.resumed();
  }

  rescindAtPacket(n: number): void {
    this.#untilRescind = n;
  }

  writeRaw(bytes: Uint8Array): void {
    this.#end.writeRaw(bytes);
  }

  pokeHeader(ring: 'in' | 'out', word: HeaderWord, value: number): void {
    // The guest's in-ring is the one that this end writes.
    this.#end.pokeHeader(ring === 'in' ? 1 : 0, wordNumber[word], value);
  }

  peekHeader(ring: 'in' | 'out', word: HeaderWord): number {
    return this.#inspect()[(ring === 'in' ? Inspect.outWrite : Inspect.inWrite) + inspected[word]] ?? 0;
  }

  wake(): void {
    this.#end.wake();
  }

  /** How many of `count` arriving packets are still to be handled; fewer means that the device is to be withdrawn. */
  packetsUntilRescind(count: number): number {
    if (this.#untilRescind === 0) return count;
    if (count < this.#untilRescind) {
      this.#untilRescind -= count;
      return count;
    }
    const taken = this.#untilRescind - 1;
    this.#untilRescind = 0;
    return taken;
  }

  #inspect(): Float64Array {
    const words = new Float64Array(Inspect.words);
    this.#end.inspect(words);
    return words;
  }
}

/** A ring state or packet that breaks a rule. */
export interface Malformation {
  /** Name of the violation that a guest must report, as the addon names it. */
  readonly violation: string;
  /** Ring whose rules are broken. A guest sees `in` when it is woken, `out` when it looks for space in a ring that was full. */
  readonly ring: 'in' | 'out';
  /** Puts the state there and wakes the guest. For `out` the channel is stalled, else the host would put it right again. */
  apply(faults: ChannelFaults): void;
}

interface Descriptor {
  readonly type?: number;
  readonly offset8?: number;
  readonly len8?: number;
  readonly flags?: number;
}

/** A packet with a payload of 8 bytes and any descriptor. */
function packet(descriptor: Descriptor): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, descriptor.type ?? 6, true);
  view.setUint16(2, descriptor.offset8 ?? 2, true);
  view.setUint16(4, descriptor.len8 ?? 3, true);
  view.setUint16(6, descriptor.flags ?? 0, true);
  return bytes;
}

function raw(violation: string, bytes: Uint8Array): Malformation {
  return {
    violation,
    ring: 'in',
    apply(faults) {
      faults.writeRaw(bytes);
      faults.wake();
    },
  };
}

function poke(
  violation: string,
  ring: 'in' | 'out',
  word: HeaderWord,
  value: (faults: ChannelFaults) => number,
): Malformation {
  return {
    violation,
    ring,
    apply(faults) {
      if (ring === 'out') faults.stall(true);
      faults.pokeHeader(ring, word, value(faults));
      faults.wake();
    },
  };
}

/** Name of a {@link malformations} entry. Stable. */
export type MalformationName =
  | 'write-index-range'
  | 'write-index-huge'
  | 'write-index-misaligned'
  | 'read-index-range'
  | 'read-index-misaligned'
  | 'read-index-beyond-write'
  | 'partial-descriptor'
  | 'packet-too-short'
  | 'packet-empty'
  | 'packet-beyond-used'
  | 'packet-longest'
  | 'payload-offset-inside'
  | 'payload-offset-after'
  | 'unknown-flag'
  | 'unknown-type'
  | 'type-zero';

/** Every hostile state by name. */
export const malformations: Readonly<Record<MalformationName, Malformation>> = {
  'write-index-range': poke('write index out of range', 'in', 'writeIndex', (faults) => faults.ringDataBytes),
  'write-index-huge': poke('write index out of range', 'in', 'writeIndex', () => 0xffff_fff8),
  'write-index-misaligned': poke(
    'write index misaligned',
    'in',
    'writeIndex',
    (f) => f.peekHeader('in', 'writeIndex') + 4,
  ),
  'read-index-range': poke('read index out of range', 'out', 'readIndex', (faults) => faults.ringDataBytes),
  'read-index-misaligned': poke(
    'read index misaligned',
    'out',
    'readIndex',
    (f) => f.peekHeader('out', 'readIndex') + 4,
  ),
  'read-index-beyond-write': poke(
    'read index beyond published bytes',
    'out',
    'readIndex',
    (faults) => (faults.peekHeader('out', 'writeIndex') + 8) % faults.ringDataBytes,
  ),
  'partial-descriptor': raw('less than a packet descriptor published', new Uint8Array(8)),
  'packet-too-short': raw('packet shorter than its descriptor', packet({ len8: 1 })),
  'packet-empty': raw('packet shorter than its descriptor', packet({ len8: 0 })),
  'packet-beyond-used': raw('packet longer than the published bytes', packet({ len8: 4 })),
  'packet-longest': raw('packet longer than the published bytes', packet({ len8: 0xffff })),
  'payload-offset-inside': raw('payload offset out of range', packet({ offset8: 1 })),
  'payload-offset-after': raw('payload offset out of range', packet({ offset8: 4 })),
  'unknown-flag': raw('unknown packet flag', packet({ flags: 0x8000 })),
  'unknown-type': raw('unknown packet type', packet({ type: 0x7777 })),
  'type-zero': raw('unknown packet type', packet({ type: 0 })),
};
