// SPDX-License-Identifier: MIT
//
// Joins a network card that a script holds to a TAP interface, so that this system's kernel, and all that runs on it, goes on
// using the card: through the script.
// Called by: scripts, `hv net tap`. Calls: tap-interface.ts, devices/netvsc.

import type { CloseReason } from '../../channel/types.js';
import { checkLimits, checkObject, checkOptionNames, checkText } from '../../check.js';
import type { FrameBatch, Nic, VlanTag } from '../../devices/netvsc.js';
import { invalidType, outOfRange, VmbusError } from '../../errors.js';
import { frameHeaderBytes, tagOf, vlanTagBytes, withoutTag, withTag } from '../../protocol/ethernet/frame.js';
import { type TapFrame, TapInterface } from './tap-interface.js';
import type { JoinTapOptions, TapJoinStats } from './types.js';

/** What the kernel lets an interface be called. */
const interfaceName = /^[^\s/:%]{1,15}$/u;

/**
 * Makes a TAP interface with the card's address and MTU, up, and carries frames between the two from here on. The kernel sees
 * the card's link as its own cable. Needs root's right to change networks (CAP_NET_ADMIN).
 * @throws VmbusError ERR_VMBUS_PERMISSION, ERR_VMBUS_BUSY (the name is taken, or somebody reads the card's frames),
 * ERR_VMBUS_MODULE_MISSING, ERR_VMBUS_SYSTEM; TypeError, RangeError for options that make no sense
 * @example
 * await using join = await joinTap(nic, { name: 'lan0' });
 * console.log(`ip addr add 10.9.9.7/24 dev ${join.interface}`);
 * await join.closed;
 * @category Services
 */
export async function joinTap(nic: Nic, options: JoinTapOptions = {}): Promise<TapJoin> {
  checkObject(options, 'options', 'an object');
  checkOptionNames(options, ['name', 'signal']);
  checkLimits(options);
  checkText(options.name, 'options.name');
  if (typeof nic?.frames !== 'function') throw invalidType('nic', 'what openNic() gave', nic);
  const { name, signal } = options;
  if (name !== undefined && (!interfaceName.test(name) || name === '.' || name === '..'))
    throw outOfRange('options.name', "a name of an interface: 1 … 15 bytes without '/', ':', '%' and spaces", name);
  signal?.throwIfAborted();
  const frames = nic.frames();
  try {
    return new TapJoin(nic, frames, new TapInterface({ name, mac: nic.mac, mtu: mtuOf(nic) }), signal);
  } catch (error) {
    await frames.return?.();
    throw error;
  }
}

/**
 * A card and an interface that are joined. Made by {@link joinTap}.
 * @category Services
 */
export class TapJoin implements AsyncDisposable {
  /** The name of the kernel's interface. */
  readonly interface: string;
  /** Of the interface: the card's, or what fits into the host's buffer. */
  readonly mtu: number;
  /** Resolves when frames are carried no more, whoever ended it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #nic: Nic;
  readonly #tap: TapInterface;
  readonly #frames: AsyncIterableIterator<FrameBatch, undefined>;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#end({ by: 'abort', error: this.#signal?.reason as Error });
  #reason: CloseReason | null = null;
  #toKernel = 0;
  #fromKernel = 0;
  #refused = 0;
  #tooLong = 0;

  /** @internal */
  constructor(nic: Nic, frames: AsyncIterableIterator<FrameBatch, undefined>, tap: TapInterface, signal?: AbortSignal) {
    this.#nic = nic;
    this.#frames = frames;
    this.#tap = tap;
    this.#signal = signal;
    this.interface = tap.name;
    this.mtu = mtuOf(nic);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    const ways = [this.#carryIn(), this.#carryOut(), this.#showLink()];
    this.closed = Promise.all(ways.map((way) => this.#watched(way))).then(() => this.#reason ?? { by: 'user' });
  }

  /** Counters since joining. */
  stats(): TapJoinStats {
    return { toKernel: this.#toKernel, fromKernel: this.#fromKernel, refused: this.#refused, tooLong: this.#tooLong };
  }

  /** Takes the interface away; the card stays open. Safe to call twice. */
  async close(): Promise<void> {
    this.#end({ by: 'user' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** From the card to the kernel. */
  async #carryIn(): Promise<void> {
    for await (const batch of this.#frames) {
      if (this.#reason) return;
      const plain: TapFrame[] = [];
      let arena: Uint8Array | null = null;
      for (let i = 0; i < batch.length; i += 1) {
        const view = batch.view(i);
        const vlan = batch.vlan(i);
        if (vlan !== null) {
          const frame = withTag(view, tagNumber(vlan));
          this.#count(this.#tap.send(frame, [[0, frame.length, isChecked(batch, i)]]), 1);
          continue;
        }
        arena ??= new Uint8Array(view.buffer);
        plain.push([view.byteOffset, view.length, isChecked(batch, i)]);
      }
      if (arena) this.#count(this.#tap.send(arena, plain), plain.length);
    }
    if (!this.#reason) this.#end(await this.#nic.closed);
  }

  #count(taken: number, offered: number): void {
    this.#toKernel += taken;
    this.#refused += offered - taken;
  }

  /** From the kernel to the card. */
  async #carryOut(): Promise<void> {
    for (;;) {
      const frames = await this.#tap.receive();
      if (frames.length === 0) return;
      const { signal } = this.#stop;
      const plain: Uint8Array[] = [];
      // A card has the tag of a frame beside it.
      for (const frame of frames) {
        const tag = tagOf(frame);
        // Somebody has made the interface's MTU larger.
        if (frame.length > this.#nic.maxFrameBytes) this.#tooLong += 1;
        else if (tag === null) plain.push(frame);
        else await this.#sendTagged(frame, tag);
      }
      await this.#nic.send(plain, { signal });
      this.#fromKernel += plain.length;
    }
  }

  async #sendTagged(frame: Uint8Array, tag: number): Promise<void> {
    await this.#nic.send(withoutTag(frame), { vlan: vlanOf(tag), signal: this.#stop.signal });
    this.#fromKernel += 1;
  }

  async #showLink(): Promise<void> {
    this.#tap.setCarrier(this.#nic.link.isUp);
    for await (const event of this.#nic.events({ signal: this.#stop.signal }))
      if (event.kind === 'link') this.#tap.setCarrier(event.isUp);
  }

  async #watched(way: Promise<void>): Promise<void> {
    try {
      await way;
    } catch (error) {
      // What ends the ways from here is not why they end.
      if (this.#reason) return;
      this.#end(this.#nic.isOpen ? { by: 'error', error: error as Error } : await this.#nic.closed);
    }
  }

  #end(reason: CloseReason): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#tap.close();
    this.#stop.abort(new VmbusError('ERR_VMBUS_CLOSED', `the interface ${this.interface} was closed`));
    void this.#frames.return?.();
  }
}

const mtuOf = (nic: Nic): number => Math.min(nic.mtu, nic.maxFrameBytes - frameHeaderBytes - vlanTagBytes);

const tagNumber = ({ id, priority = 0, dropEligible = false }: VlanTag): number =>
  (priority << 13) | (dropEligible ? 0x1000 : 0) | id;

const vlanOf = (tag: number): VlanTag => ({
  id: tag & 0xfff,
  priority: tag >>> 13,
  dropEligible: (tag & 0x1000) !== 0,
});

function isChecked(batch: FrameBatch, i: number): boolean {
  const verdict = batch.checksum(i);
  return verdict !== null && (verdict.tcp === 'good' || verdict.udp === 'good');
}
