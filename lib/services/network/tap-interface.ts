// SPDX-License-Identifier: MIT
//
// A network interface of this kernel whose cable ends in this process (TAP): frames that the kernel sends on it come out here,
// and what is handed in here the kernel receives.
// Called by: tap-join.ts. Calls: the addon. Source: Documentation/networking/tuntap.rst of the Linux kernel.

import { constants } from 'node:os';

import { errnoName, VmbusError } from '../../errors.js';
import type { Binding } from '../../native/binding.js';
import { native } from '../../native/load.js';
import { TapRow, TapStage } from '../../native/tap-functions.js';
import { parseMac } from '../../protocol/ethernet/address.js';

const arenaBytes = 512 * 1024;
const mostFrames = 256;

/** What an interface is to be like. */
export interface TapPlan {
  /** Left out: the kernel finds one. */
  readonly name: string | undefined;
  readonly mac: string;
  readonly mtu: number;
}

/** A frame for the kernel: its place in an arena, and whether its checksums were verified already. */
export type TapFrame = readonly [offset: number, length: number, isChecked: boolean];

export class TapInterface {
  readonly name: string;
  readonly #binding: Binding;
  readonly #handle: number;
  readonly #arena = new Uint8Array(arenaBytes);
  readonly #lengths = new Float64Array(mostFrames);
  #rows = new Float64Array(mostFrames * TapRow.words);
  #isReady = false;
  #isClosed = false;
  #wake: (() => void) | null = null;

  /**
   * Makes the interface, up.
   * @throws VmbusError ERR_VMBUS_PERMISSION, ERR_VMBUS_BUSY (the name is taken), ERR_VMBUS_MODULE_MISSING, ERR_VMBUS_SYSTEM
   */
  constructor(plan: TapPlan, binding: Binding = native()) {
    const stage = new Float64Array(1);
    const onReady = (): void => {
      this.#isReady = true;
      this.#wake?.();
    };
    const handle = binding.openTap(plan.name ?? '', parseMac(plan.mac), plan.mtu, stage, onReady);
    if (handle < 0) throw openError(plan, -handle, stage[0] ?? 0);
    this.#binding = binding;
    this.#handle = handle;
    this.name = binding.tapName(handle);
  }

  /**
   * The frames that the kernel has sent since; waits for one. They are views on memory that the next call uses again.
   * @returns none when the interface was closed here
   * @throws VmbusError ERR_VMBUS_RESCINDED when somebody has taken the interface away
   */
  async receive(): Promise<readonly Uint8Array[]> {
    while (!this.#isClosed) {
      const count = this.#binding.receiveTap(this.#handle, this.#arena, this.#lengths);
      if (count < 0) throw goneError(this.name, -count);
      if (count > 0) return this.#views(count);
      await this.#readable();
    }
    return [];
  }

  /**
   * Hands frames to the kernel.
   * @returns how many it took; fewer when the interface is down
   * @throws VmbusError ERR_VMBUS_RESCINDED as receive()
   */
  send(arena: Uint8Array, frames: readonly TapFrame[]): number {
    if (this.#isClosed || frames.length === 0) return 0;
    if (this.#rows.length < frames.length * TapRow.words) this.#rows = new Float64Array(frames.length * TapRow.words);
    for (const [i, [offset, length, isChecked]] of frames.entries()) {
      const at = i * TapRow.words;
      this.#rows[at + TapRow.offset] = offset;
      this.#rows[at + TapRow.length] = length;
      this.#rows[at + TapRow.isChecked] = isChecked ? 1 : 0;
    }
    const taken = this.#binding.sendTap(this.#handle, arena, this.#rows, frames.length);
    if (taken < 0) throw goneError(this.name, -taken);
    return taken;
  }

  /** Shows the kernel a cable, or none. Kernels before 5.0 can't be told; nothing happens there. */
  setCarrier(isUp: boolean): void {
    this.#binding.setTapCarrier(this.#handle, isUp);
  }

  /** Takes the interface away. Safe to call twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#binding.closeTap(this.#handle);
    this.#wake?.();
  }

  #views(count: number): Uint8Array[] {
    const views = new Array<Uint8Array>(count);
    let offset = 0;
    for (let i = 0; i < count; i += 1) {
      const end = offset + (this.#lengths[i] ?? 0);
      views[i] = this.#arena.subarray(offset, end);
      offset = end;
    }
    return views;
  }

  async #readable(): Promise<void> {
    if (!this.#isReady)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#wake = null;
    this.#isReady = false;
    // Told once more of what came meanwhile: the descriptor is looked at, not its changes.
    this.#binding.awaitTap(this.#handle);
  }
}

function openError({ name, mtu }: TapPlan, errno: number, stage: number): VmbusError {
  const what = name === undefined ? 'an interface' : `the interface ${name}`;
  const path = '/dev/net/tun';
  const facts = { stage };
  const details = { path, errno, errnoName: errnoName(errno), facts };
  const { ENOENT, ENODEV, EPERM, EACCES, EBUSY } = constants.errno;
  if (stage === TapStage.open && (errno === ENOENT || errno === ENODEV))
    return new VmbusError('ERR_VMBUS_MODULE_MISSING', `${path} is not there: the kernel's module tun is not loaded`, {
      ...details,
      hint: 'modprobe tun',
    });
  if (errno === EPERM || errno === EACCES)
    return new VmbusError('ERR_VMBUS_PERMISSION', `making ${what} needs the right CAP_NET_ADMIN`, {
      ...details,
      hint: 'run the command as root (`sudo hv …`)',
    });
  if (stage === TapStage.make && errno === EBUSY)
    return new VmbusError('ERR_VMBUS_BUSY', `there is ${what} already`, { ...details, hint: `ip link show ${name}` });
  const step = Object.entries(TapStage).find(([, number]) => number === stage)?.[0] ?? 'watch';
  return new VmbusError('ERR_VMBUS_SYSTEM', `${what} can't be made (${step}): ${errnoName(errno)}`, {
    ...details,
    hint: stage === TapStage.mtu ? `an MTU of ${mtu} is refused by the kernel` : 'journalctl -k | tail',
  });
}

function goneError(name: string, errno: number): VmbusError {
  return new VmbusError('ERR_VMBUS_RESCINDED', `the interface ${name} was taken away: ${errnoName(errno)}`, {
    errno,
    errnoName: errnoName(errno),
    hint: 'somebody deleted it (ip link del); join the card again',
  });
}
