// SPDX-License-Identifier: MIT
//
// Memory that a host reads and writes by frame numbers, cut into places of one size. JavaScript never sees the memory: bytes are
// copied in and out, once.
// Called by: devices/storvsc. Calls: slots.ts, keeper.ts, native/binding dma functions.
//
// Life: make() before the device is opened, so that what is missing costs nothing; hold() once it is open and before the first
// frame number is given to the host; release() when the channel is closed. The keeper closes the device last and lets go of its
// hold on the memory after that; only then does this process.
//
// Huge pages are nobody's but ours, whatever becomes of the device. Where there are none, a buffer that the kernel made for the
// device serves, on kernels that make one: it is the driver's, and goes with it.

import type { ChannelCore } from '../../channel/channel-core.js';
import { closedError, nameOf, rescindedError } from '../../channel/close-reasons.js';
import { errnoName, VmbusError } from '../../errors.js';
import { type Binding, Status } from '../../native/binding.js';
import { DmaInspect, DmaStage } from '../../native/dma-functions.js';
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
  /** Bytes of the device's receive buffer, 0 where it has none. */
  readonly deviceBytes: number;
}

/** By the addon's numbers. */
const kinds = ['huge pages', 'simulated', 'device buffer'] as const;
export type ArenaKind = (typeof kinds)[number];

/** What an arena is made of. */
export interface ArenaFacts {
  readonly kind: ArenaKind;
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
  readonly #bytes: number;
  /** Null as long as there is no device whose buffer it is to be. */
  #handle: number | null;
  #frames = new Float64Array(0);
  #core: ChannelCore | null = null;
  #keeper: Keeper | null = null;
  #isClosed = false;

  private constructor(binding: Binding, handle: number | null, plan: ArenaPlan, bytes: number) {
    this.#binding = binding;
    this.#handle = handle;
    this.#bytes = bytes;
    this.slotBytes = plan.slotBytes;
    this.slots = new Slots(plan.slots);
  }

  /**
   * Makes the memory.
   * @throws VmbusError ERR_VMBUS_SYSTEM (no free huge pages), ERR_VMBUS_PERMISSION, ERR_VMBUS_UNSUPPORTED
   */
  static make(plan: ArenaPlan, binding: Binding = native()): DmaArena {
    const bytes = Math.ceil((plan.slots * plan.slotBytes) / hugePageBytes) * hugePageBytes;
    const stage = new Float64Array(1);
    const handle = binding.makeDma(bytes, plan.isSimulated, stage);
    if (handle >= 0) return new DmaArena(binding, handle, plan, bytes);
    const [failed = 0] = stage;
    const isMissing = failed === DmaStage.make || failed === DmaStage.populate;
    if (isMissing && plan.deviceBytes >= bytes) return new DmaArena(binding, null, plan, bytes);
    throw makeError(bytes, -handle, failed);
  }

  /** The device has to be opened with its buffers. */
  get wantsDevice(): boolean {
    return this.#handle === null;
  }

  /**
   * Ties it to an open device: starts the keeper, and learns the frames.
   * @throws VmbusError ERR_VMBUS_NATIVE_LOAD, ERR_VMBUS_SYSTEM, ERR_VMBUS_TIMEOUT
   */
  async hold(core: ChannelCore, timeoutMs: number): Promise<void> {
    const { lease } = core;
    this.#core = core;
    this.#handle ??= this.#ofDevice(core);
    const handle = this.#handle;
    const found = new Float64Array(3);
    const held = this.#binding.heldDescriptors(lease.handle, handle, found);
    if (held === Status.closed || core.ending !== null) throw core.errorOfEnding();
    if (held < 0) throw notHeld(core, -held);
    const [node = -1, memory = -1, pin = -1] = found;
    this.#keeper = await Keeper.start({ node, memory, pin });
    if (this.#inspect().kind === 'simulated') await this.#show(core, handle, timeoutMs);
    const frames = new Float64Array(this.#bytes / gpaPageBytes);
    const count = this.#binding.dmaFrames(handle, frames);
    if (count !== frames.length) throw new VmbusError('ERR_VMBUS_SYSTEM', `the memory has ${count} frames`);
    this.#frames = frames;
  }

  /** Resolves when the keeper ended without being told: nothing protects the memory from then on. */
  get forsaken(): Promise<void> {
    const ended = this.#keeper?.ended ?? new Promise<boolean>(() => undefined);
    return ended.then((wasTold) => (wasTold ? new Promise<void>(() => undefined) : undefined));
  }

  get facts(): ArenaFacts {
    const { slotBytes, slots } = this;
    const keeperPid = this.#keeper?.pid ?? null;
    return { ...this.#inspect(), bytes: this.#bytes, slots: slots.count, slotBytes, keeperPid };
  }

  /** Frame number of the `page`-th 4096 bytes of a place. */
  frame(slot: number, page: number): number {
    return this.#frames[(slot * this.slotBytes) / gpaPageBytes + page] ?? 0;
  }

  /** Copies into a place. */
  write(slot: number, bytes: Uint8Array): void {
    const offset = this.#place(slot, bytes.length);
    const status = this.#binding.writeDma(this.#handle ?? 0, offset, bytes);
    if (status !== 0) throw this.#failed(status, slot, bytes.length);
  }

  /** Copies out of a place; what the host writes there later is not seen. */
  read(slot: number, target: Uint8Array): void {
    const offset = this.#place(slot, target.length);
    const status = this.#binding.readDma(this.#handle ?? 0, offset, target);
    if (status !== 0) throw this.#failed(status, slot, target.length);
  }

  /** The channel is closed here: has the keeper close it for good, then lets go of the memory. */
  async release(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#keeper?.release();
    if (this.#handle !== null) this.#binding.closeDma(this.#handle);
  }

  #inspect(): Pick<ArenaFacts, 'kind' | 'isPinned'> {
    if (this.#handle === null) return { kind: 'device buffer', isPinned: true };
    const words = new Float64Array(DmaInspect.words);
    this.#binding.inspectDma(this.#handle, words);
    const kind = kinds[words[DmaInspect.kind] ?? 0] ?? 'huge pages';
    return { kind, isPinned: kind !== 'simulated' && words[DmaInspect.pinError] === 0 };
  }

  /** A device's buffer goes with the device, which the channel may not have heard of yet. */
  #failed(status: number, slot: number, length: number): unknown {
    const core = this.#core;
    if (core === null || (status !== Status.rescinded && status !== Status.closed)) return misfit(slot, length);
    if (core.ending !== null) return core.errorOfEnding();
    return status === Status.rescinded ? rescindedError(core) : closedError(core);
  }

  #ofDevice(core: ChannelCore): number {
    const stage = new Float64Array(1);
    const handle = this.#binding.makeDeviceDma(core.lease.handle, this.#bytes, stage);
    if (handle >= 0) return handle;
    if (handle === Status.closed || core.ending !== null) throw core.errorOfEnding();
    const [failed = 0] = stage;
    if (failed === DmaStage.none) throw rescindedError(core);
    throw makeError(this.#bytes, -handle, failed);
  }

  async #show(core: ChannelCore, handle: number, timeoutMs: number): Promise<void> {
    const errno = await new Promise<number>((resolve) => {
      const status = this.#binding.showDma(core.lease.handle, handle, timeoutMs, resolve);
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
