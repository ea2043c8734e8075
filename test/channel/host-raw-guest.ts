// SPDX-License-Identifier: MIT
//
// The barest guest: the addon's functions on one node, for tests of the simulated host that shall not depend on lib/channel.

import { connect } from 'node:net';
import { type Binding, LeaseEvent, ROW_WORDS, Row } from '../../dist/native/binding.js';
import { native } from '../../dist/native/load.js';

/** A packet as it came. */
export interface RawPacket {
  readonly type: number;
  readonly flags: number;
  readonly id: bigint;
  readonly header: Buffer;
  readonly payload: Buffer;
}

/** Opening a node failed. */
export class RawOpenError extends Error {
  constructor(
    readonly errno: number,
    readonly stage: number,
  ) {
    super(`opening failed with errno ${errno} at stage ${stage}`);
  }
}

/** One pair of rings of an open node. */
export class RawChannel {
  readonly handle: number;
  readonly #binding: Binding;
  readonly #node: RawGuest;
  #arena = new Uint8Array(1024 * 1024);
  #index = new Int32Array(256 * ROW_WORDS);
  #waiting: RawPacket[] = [];

  constructor(binding: Binding, node: RawGuest, handle: number) {
    this.#binding = binding;
    this.#node = node;
    this.handle = handle;
    binding.setReceiveArena(handle, this.#arena, this.#index);
  }

  /** 0 or a status. */
  trySend(payload: Uint8Array | string, { type = 6, flags = 0, id = 0n, header = Buffer.alloc(0) } = {}): number {
    const body = Buffer.concat([header, typeof payload === 'string' ? Buffer.from(payload) : payload]);
    const [low, high] = [Number(BigInt.asUintN(32, id)), Number(id >> 32n)];
    return this.#binding.write(this.handle, type, flags, low, high, 2 + header.length / 8, body);
  }

  /** Packets there now, or a negative status. */
  drain(): RawPacket[] | number {
    const count = this.#binding.drain(this.handle, 256);
    if (count < 0) return count;
    return Array.from({ length: count }, (_, row) => this.#packet(row * ROW_WORDS));
  }

  /** The next packet; throws the status as a number when the channel ends. */
  async receive(): Promise<RawPacket> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next) return next;
      const wake = this.#node.wake;
      const drained = this.drain();
      if (typeof drained === 'number') throw new Error(`drain answered ${drained}`);
      this.#waiting = drained;
      if (drained.length === 0) await wake;
    }
  }

  #packet(at: number): RawPacket {
    const word = (name: keyof typeof Row): number => this.#index[at + Row[name]] ?? 0;
    const offset = word('offset');
    const headerBytes = (word('flags') >>> 16) * 8 - 16;
    return {
      type: word('type'),
      flags: word('flags') & 0xffff,
      id: (BigInt(word('idHigh') >>> 0) << 32n) | BigInt(word('idLow') >>> 0),
      header: Buffer.from(this.#arena.slice(offset - headerBytes, offset)),
      payload: Buffer.from(this.#arena.slice(offset, offset + word('length'))),
    };
  }
}

/** An open node. */
export class RawGuest {
  readonly binding: Binding;
  lease = 0;
  wakes = 0;
  /** Resolves at the next wake, or at the end. */
  wake: Promise<void>;
  /** Resolves when the host withdraws the device. */
  readonly rescinded: Promise<void>;
  #onWake: () => void = () => undefined;
  #onRescind: () => void = () => undefined;

  private constructor() {
    this.binding = native();
    this.wake = new Promise((resolve) => {
      this.#onWake = resolve;
    });
    this.rescinded = new Promise((resolve) => {
      this.#onRescind = resolve;
    });
  }

  /** Opens `dev/uio<minor>` below a root. */
  static async open(root: string, { minor = 0, exclusive = true } = {}): Promise<RawGuest> {
    const guest = new RawGuest();
    const plan = { ringBytes: 0x40_0000, ringFile: '', monitorId: -1, relid: 1, exclusive, timeoutMs: 5000 };
    await new Promise<void>((resolve, reject) => {
      const onEvent = (event: number): void => guest.#onEvent(event);
      guest.binding.openLease(`${root}/dev/uio${minor}`, plan, onEvent, (errno, stage, lease) => {
        guest.lease = lease;
        if (errno === 0 && stage === 0) resolve();
        else reject(new RawOpenError(errno, stage));
      });
    });
    return guest;
  }

  primary(): RawChannel {
    return new RawChannel(this.binding, this, this.binding.attachPrimary(this.lease));
  }

  subchannel(ringFile: string, relid: number, monitorId = -1): RawChannel {
    const handle = this.binding.attachSubchannel(this.lease, ringFile, relid, monitorId);
    if (handle < 0) throw new Error(`attachSubchannel answered ${handle}`);
    return new RawChannel(this.binding, this, handle);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.binding.closeLease(this.lease, () => resolve()));
  }

  #onEvent(event: number): void {
    const wake = this.#onWake;
    this.wake = new Promise((resolve) => {
      this.#onWake = resolve;
    });
    if (event === LeaseEvent.wake) this.wakes += 1;
    else this.#onRescind();
    wake();
  }
}

/** Writes to a write-only attribute below a root; answers its errno. */
export function writeAttribute(root: string, entry: string, text: string): Promise<number> {
  return new Promise((resolve) => native().writeAttribute(`${root}/${entry}`, text, resolve));
}

/** One uevent by its variables; `header` is its first line. */
export type RawUevent = Readonly<Record<string, string>> & { readonly header: string };

/** Collects uevents of a root until closed. */
export class UeventLog {
  readonly events: RawUevent[] = [];
  readonly close: () => void;
  readonly #waiting: { readonly test: (event: RawUevent) => boolean; readonly resolve: (event: RawUevent) => void }[] =
    [];

  private constructor(close: () => void) {
    this.close = close;
  }

  static async listen(root: string): Promise<UeventLog> {
    const socket = connect(`${root}/run/vmbus/uevents`);
    const log = new UeventLog(() => socket.destroy());
    let rest = '';
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      const messages = rest.split('\0\0');
      rest = messages.pop() ?? '';
      for (const message of messages) log.#take(message);
    });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    // Accepted in a later turn of the host's loop, when the host is in this process.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    return log;
  }

  /** The next event that passes; those that came already count. */
  async next(test: (event: RawUevent) => boolean): Promise<RawUevent> {
    const known = this.events.find(test);
    return known ?? new Promise((resolve) => this.#waiting.push({ test, resolve }));
  }

  /** Everything so far as `action subsystem`, in order. */
  get summary(): string[] {
    return this.events.map((event) => `${event.ACTION} ${event.SUBSYSTEM}`);
  }

  #take(message: string): void {
    const [header = '', ...lines] = message.split('\0');
    const event = { header, ...Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2))) } as RawUevent;
    this.events.push(event);
    for (const waiting of this.#waiting) if (waiting.test(event)) waiting.resolve(event);
  }
}
