// SPDX-License-Identifier: MIT
//
// An addon without rings, for tests of the loop logic: packets in queues, every call counted, wakes by hand.

import { ChannelCore } from '../../dist/channel/channel-core.js';
import type { Lease } from '../../dist/channel/lease.js';
import { LeaseRegistry } from '../../dist/channel/lease-registry.js';
import { OpenedChannel } from '../../dist/channel/opened-channel.js';
import type { Guid } from '../../dist/guid.js';
import { type Binding, LeaseEvent, ROW_WORDS, Row, Status } from '../../dist/native/binding.js';

/** A packet on either ring of the fake. */
export interface FakePacket {
  readonly type?: number;
  readonly flags?: number;
  readonly idLow?: number;
  readonly idHigh?: number;
  readonly payload: Uint8Array;
  readonly headerBytes?: number;
}

type Done = (errno: number, stage: number, handle: number) => void;

export const device = '01234567-0123-0123-0123-0123456789ab' as Guid;
export const name = { device, relid: 7 };
export const plan = { ringBytes: 8192, ringFile: '', monitorId: -1, relid: 7, exclusive: true, timeoutMs: 1000 };

/** The fake addon with one lease and one channel. */
export class FakeBinding {
  /** What the host has written and the guest has not drained. */
  readonly inbound: FakePacket[] = [];
  /** What the guest has written. */
  readonly sent: Required<FakePacket>[] = [];
  /** Packets that still fit the out-ring. */
  space = Number.MAX_SAFE_INTEGER;
  isArmed = false;
  drains = 0;
  awaits = 0;
  closedLeases = 0;
  closedChannels = 0;
  /** What drain answers when nothing is left. */
  endStatus = 0;
  /** Never runs out of packets. */
  floods = false;
  onEvent: (event: number) => void = () => undefined;
  finishOpen: Done = () => undefined;
  #arena = new Uint8Array(0);
  #rows = new Int32Array(0);
  #sendArena = new Uint8Array(0);
  #sendRows = new Int32Array(0);

  get binding(): Binding {
    return this as unknown as Binding;
  }

  openLease(_path: string, _plan: unknown, onEvent: (event: number) => void, done: Done): void {
    this.onEvent = onEvent;
    this.finishOpen = done;
  }
  closeLease(_lease: number, done: (errno: number) => void): void {
    this.closedLeases += 1;
    setImmediate(() => done(0));
  }
  inspectLease(): number {
    return 0;
  }
  refLease(): void {}
  leaseToken(): number {
    return 77;
  }
  attachPrimary(): number {
    return 5;
  }
  largestPayload(): number {
    return 1000;
  }
  inspectChannel(): number {
    return 0;
  }
  violationName(violation: number): string {
    return `violation ${violation}`;
  }
  closeChannel(): void {
    this.closedChannels += 1;
  }
  newMemory(bytes: number): ArrayBuffer {
    return new ArrayBuffer(bytes);
  }
  setReceiveArena(_channel: number, arena: Uint8Array, rows: Int32Array): number {
    this.#arena = arena as Uint8Array<ArrayBuffer>;
    this.#rows = rows as Int32Array<ArrayBuffer>;
    return 0;
  }
  setSendArena(_channel: number, arena: Uint8Array, rows: Int32Array): number {
    this.#sendArena = arena as Uint8Array<ArrayBuffer>;
    this.#sendRows = rows as Int32Array<ArrayBuffer>;
    return 0;
  }

  drain(): number {
    const most = this.#rows.length / ROW_WORDS;
    this.drains += 1;
    if (this.floods && this.inbound.length === 0) this.inbound.push({ payload: Uint8Array.of(this.drains & 0xff) });
    let used = 0;
    let count = 0;
    while (count < most) {
      const packet = this.inbound[0];
      if (packet === undefined) break;
      if (used + packet.payload.length > this.#arena.length) {
        if (count > 0) break;
        this.#rows[0] = packet.payload.length;
        return Status.arenaTooSmall;
      }
      this.inbound.shift();
      const headerBytes = packet.headerBytes ?? 0;
      this.#arena.set(packet.payload, used);
      this.#row(count, packet, used + headerBytes, packet.payload.length - headerBytes);
      used += (packet.payload.length + 7) & ~7;
      count += 1;
    }
    if (count === 0) this.isArmed = this.endStatus === 0;
    return count > 0 ? count : this.endStatus;
  }

  #row(i: number, packet: FakePacket, offset: number, length: number): void {
    const row = i * ROW_WORDS;
    this.#rows[row + Row.type] = packet.type ?? 6;
    this.#rows[row + Row.flags] = (packet.flags ?? 0) | ((2 + (packet.headerBytes ?? 0) / 8) << 16);
    this.#rows[row + Row.offset] = offset;
    this.#rows[row + Row.length] = length;
    this.#rows[row + Row.idLow] = packet.idLow ?? 0;
    this.#rows[row + Row.idHigh] = packet.idHigh ?? 0;
  }

  write(
    _c: number,
    type: number,
    flags: number,
    idLow: number,
    idHigh: number,
    offset8: number,
    body: Uint8Array,
  ): number {
    if (body.length > 1000) return Status.tooLarge;
    if (this.space === 0) return Status.full;
    this.space -= 1;
    this.sent.push({ type, flags, idLow, idHigh, payload: body.slice(), headerBytes: (offset8 - 2) * 8 });
    return 0;
  }

  writeMany(_channel: number, first: number, count: number): number {
    const rows = this.#sendRows;
    let written = 0;
    for (; written < count && this.space > 0; written++) {
      const row = (first + written) * ROW_WORDS;
      const at = (i: number): number => rows[row + i] ?? 0;
      const headerBytes = ((at(Row.flags) >>> 16) - 2) * 8;
      const start = at(Row.offset) - headerBytes;
      const body = this.#sendArena.slice(start, at(Row.offset) + at(Row.length));
      this.write(0, at(Row.type), at(Row.flags) & 0xffff, at(Row.idLow), at(Row.idHigh), 2 + headerBytes / 8, body);
    }
    return written;
  }

  awaitSpace(): number {
    this.awaits += 1;
    return this.space > 0 ? 1 : 0;
  }

  /** The host writes packets, and wakes the guest if it is armed. */
  host(...packets: FakePacket[]): void {
    this.inbound.push(...packets);
    if (this.isArmed) this.wake();
  }

  wake(): void {
    this.isArmed = false;
    this.onEvent(LeaseEvent.wake);
  }

  rescind(): void {
    this.onEvent(LeaseEvent.rescinded);
  }

  /** The host answers the n-th packet that was sent. */
  complete(n: number, payload: Uint8Array = Uint8Array.of(n)): void {
    const { idLow, idHigh } = this.sent[n] as Required<FakePacket>;
    this.host({ type: 11, idLow, idHigh, payload });
  }
}

export interface FakeChannel {
  readonly fake: FakeBinding;
  readonly channel: OpenedChannel;
  readonly core: ChannelCore;
  readonly lease: Lease;
  readonly registry: LeaseRegistry;
}

/** An open channel on a fake addon. */
export async function openFake(
  sizes: { arenaBytes?: number; batchPackets?: number; isPolled?: boolean } = {},
): Promise<FakeChannel> {
  const fake = new FakeBinding();
  const registry = new LeaseRegistry(fake.binding);
  const opening = registry.open(name, '/dev/fake', plan, {});
  fake.finishOpen(0, 0, 3);
  const lease = await opening;
  const core = new ChannelCore({
    ...name,
    lease,
    handle: 5,
    ringFile: null,
    monitorId: null,
    isPolled: sizes.isPolled ?? false,
    claim: lease.claim(name.relid),
    ticket: null,
    arenaBytes: sizes.arenaBytes ?? 4096,
    batchPackets: sizes.batchPackets ?? 8,
    busyPollUs: 0,
  });
  const channel = new OpenedChannel(core, { parent: null, openedAt: '' });
  return { fake, channel, core, lease, registry };
}

/** Packets with one payload byte each: 0, 1, 2, … */
export function numbered(count: number, first = 0): FakePacket[] {
  return Array.from({ length: count }, (_, i) => ({ payload: Uint8Array.of((first + i) & 0xff) }));
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
