// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that is about TAP interfaces: interfaces of this kernel whose other end is this process.
// Part of binding.ts, which says what handles are. Counterpart: native/binding/tap_functions.cc.

/** Step at which making one failed; goes with an errno. */
export const TapStage = { open: 1, make: 2, address: 3, mtu: 4, up: 5 } as const;

/** Words of a row of `sendTap`. */
export const TapRow = { offset: 0, length: 1, isChecked: 2, words: 3 } as const;

/** TAP interfaces. A handle that is closed answers -EBADF. */
export interface TapFunctions {
  /**
   * Makes an interface, up; without a name the kernel finds one. Answers a handle or a negative errno, with `stage[0]` a
   * `TapStage`. `onReady` is called once with 1 when there are frames, or with 0 when the interface is gone; again after `awaitTap`.
   */
  openTap(
    name: string,
    mac: Uint8Array,
    mtu: number,
    stage: Float64Array,
    onReady: (isReadable: number) => void,
  ): number;
  tapName(handle: number): string;
  /**
   * Takes what the kernel sends: frames one behind the other from the arena's start, their lengths beside. Answers how many, 0
   * when nothing is left, or a negative errno: -EBADFD when the interface is gone.
   */
  receiveTap(handle: number, arena: Uint8Array, lengths: Float64Array): number;
  /**
   * Hands frames to the kernel, each a row of `TapRow`. Answers how many it took, fewer when the interface is down; or a negative
   * errno: -EBADFD when it is gone, -EINVAL for a row outside the arena.
   */
  sendTap(handle: number, arena: Uint8Array, rows: Float64Array, count: number): number;
  /** Whether a cable seems to be in. Answers 0 or an errno. */
  setTapCarrier(handle: number, isUp: boolean): number;
  awaitTap(handle: number): void;
  /** Takes the interface away. */
  closeTap(handle: number): void;
}
