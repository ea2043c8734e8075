// SPDX-License-Identifier: MIT
//
// Memory that a host reads and writes by frame numbers, cut into places of one size. JavaScript never sees the memory: bytes are
// copied in and out, once.
// Called by: devices/storvsc. Calls: slots.ts, keeper.ts, native/binding dma functions.
//
// Life: make() before the device is opened, so that what is missing costs nothing; hold() once it is open and before the first
// frame number is given to the host; release() when the channel is closed. The keeper closes the device last and lets go of its
// hold on the memory after that; only then does this process.

import type { ChannelCore } from '../../channel/channel-core.js';
import { nameOf } from '../../channel/close-reasons.js';
import { errnoName, VmbusError } from '../../errors.js';
import { type Binding, Status } from '../../native/binding.js';
import { DmaInspect } from '../../native/dma-functions.js';
import { native } from '../../native/load.js';
import { gpaPageBytes } from '../../protocol/gpa-direct.js';
import { Keeper } from './keeper.js';
import { makeError } from './make-errors.js';
import { Slots } from './slots.js';

const hugePageBytes = 2 * 2 ** 20;

/** How large an arena is. */
export interface ArenaPlan {
  /** Places, that is requests at a time. */
  readonly slots: number;
  /** Bytes of a place, a multiple of 4096. */
  readonly slotBytes: number;
  /** For the host of a served folder, which gives the frame numbers. */
  readonly isSimulated: boolean;
}

/** What an arena is made of. */
export interface ArenaFacts {
  readonly kind: 'huge pages' | 'simulated';
  readonly bytes: number;
  readonly slots: number;
  readonly slotBytes: number;
  /** Its pages can't move, whatever happens to the machine's memory. */
  readonly isPinned: boolean;
  /** Process that closes the device should this one die; null before it is open. */
  readonly keeperPid: number | null;
}

/** Memory for a host. */
export class DmaArena {
  readonly slotBytes: number;
  readonly slots: Slots;
  readonly #binding: Binding;
  readonly #handle: number;
  readonly #facts: Omit<ArenaFacts, 'keeperPid'>;
  #frames = new Float64Array(0);
  #keeper: Keeper | null = null;
  #isClosed = false;

  private constructor(binding: Binding, handle: number, plan: ArenaPlan, bytes: number) {
    this.#binding = binding;
    this.#handle = handle;
    this.slotBytes = plan.slotBytes;
    this.slots = new Slots(plan.slots);
    const words = new Float64Array(DmaInspect.words);
    binding.inspectDma(handle, words);
    this.#facts = {
      kind: words[DmaInspect.kind] === 1 ? 'simulated' : 'huge pages',
      bytes,
      slots: plan.slots,
      slotBytes: plan.slotBytes,
      isPinned: words[DmaInspect.kind] === 0 && words[DmaInspect.pinError] === 0,
    };
  }

  /**
   * Makes the memory.
   * @throws VmbusError ERR_VMBUS_SYSTEM (no free huge pages), ERR_VMBUS_PERMISSION, ERR_VMBUS_UNSUPPORTED
   */
  static make(plan: ArenaPlan, binding: Binding = native()): DmaArena {
    const bytes = Math.ceil((plan.slots * plan.slotBytes) / hugePageBytes) * hugePageBytes;
    const stage = new Float64Array(1);
    const handle = binding.makeDma(bytes, plan.isSimulated, stage);
    if (handle < 0) throw makeError(bytes, -handle, stage[0] ?? 0);
    return new DmaArena(binding, handle, plan, bytes);
  }

  /**
   * Ties it to an open device: starts the keeper, and learns the frames.
   * @throws VmbusError ERR_VMBUS_NATIVE_LOAD, ERR_VMBUS_SYSTEM, ERR_VMBUS_TIMEOUT
   */
  async hold(core: ChannelCore, timeoutMs: number): Promise<void> {
    const { lease } = core;
    const found = new Float64Array(3);
    const held = this.#binding.heldDescriptors(lease.handle, this.#handle, found);
    if (held === Status.closed || core.ending !== null) throw core.errorOfEnding();
    if (held < 0) throw notHeld(core, -held);
    const [node = -1, memory = -1, pin = -1] = found;
    this.#keeper = await Keeper.start({ node, memory, pin });
    if (this.#facts.kind === 'simulated') await this.#show(core, timeoutMs);
    const frames = new Float64Array(this.#facts.bytes / gpaPageBytes);
    const count = this.#binding.dmaFrames(this.#handle, frames);
    if (count !== frames.length) throw new VmbusError('ERR_VMBUS_SYSTEM', `the memory has ${count} frames`);
    this.#frames = frames;
  }

  /** Resolves when the keeper ended without being told: nothing protects the memory from then on. */
  get forsaken(): Promise<void> {
    const ended = this.#keeper?.ended ?? new Promise<boolean>(() => undefined);
    return ended.then((wasTold) => (wasTold ? new Promise<void>(() => undefined) : undefined));
  }

  get facts(): ArenaFacts {
    return { ...this.#facts, keeperPid: this.#keeper?.pid ?? null };
  }

  /** Frame number of the `page`-th 4096 bytes of a place. */
  frame(slot: number, page: number): number {
    return this.#frames[(slot * this.slotBytes) / gpaPageBytes + page] ?? 0;
  }

  /** Copies into a place. */
  write(slot: number, bytes: Uint8Array): void {
    const offset = this.#place(slot, bytes.length);
    if (this.#binding.writeDma(this.#handle, offset, bytes) !== 0) throw misfit(slot, bytes.length);
  }

  /** Copies out of a place; what the host writes there later is not seen. */
  read(slot: number, target: Uint8Array): void {
    const offset = this.#place(slot, target.length);
    if (this.#binding.readDma(this.#handle, offset, target) !== 0) throw misfit(slot, target.length);
  }

  /** The channel is closed here: has the keeper close it for good, then lets go of the memory. */
  async release(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#keeper?.release();
    this.#binding.closeDma(this.#handle);
  }

  async #show(core: ChannelCore, timeoutMs: number): Promise<void> {
    const errno = await new Promise<number>((resolve) => {
      const status = this.#binding.showDma(core.lease.handle, this.#handle, timeoutMs, resolve);
      if (status < 0) resolve(-status);
    });
    if (errno === 0) return;
    if (core.ending !== null || errno === -Status.closed) throw core.errorOfEnding();
    const name = errnoName(errno);
    throw new VmbusError('ERR_VMBUS_SYSTEM', `the simulated host did not take the memory of ${nameOf(core)}: ${name}`, {
      device: core.device,
      errno,
      errnoName: name,
      hint: 'a host of another version? start it anew with this one',
    });
  }

  // The addon looks at the bounds of the whole memory alone.
  #place(slot: number, length: number): number {
    if (slot < 0 || slot >= this.slots.count || length > this.slotBytes) throw misfit(slot, length);
    return slot * this.slotBytes;
  }
}

function notHeld(core: ChannelCore, errno: number): VmbusError {
  const name = errnoName(errno);
  return new VmbusError('ERR_VMBUS_SYSTEM', `${nameOf(core)} cannot be held for its memory: ${name}`, {
    device: core.device,
    errno,
    errnoName: name,
    hint: 'too many open files? ulimit -n',
  });
}

function misfit(slot: number, length: number): VmbusError {
  return new VmbusError('ERR_VMBUS_SYSTEM', `a copy of ${length} bytes does not fit place ${slot}`, {
    hint: 'this is a defect of vmbus: please report it',
  });
}
