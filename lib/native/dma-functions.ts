// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that is about memory with known frames: what protocols need that name guest physical pages.
// Part of binding.ts, which says what handles and statuses are. Counterpart: native/binding/dma_functions.cc.

/** Where making memory failed; goes with an errno. */
export const DmaStage = {
  none: 0,
  /** The kernel has no memory of that kind. */
  make: 1,
  /** There is not enough of it (ENOMEM). */
  populate: 2,
  /** The page map of the process can't be read. */
  pagemap: 3,
  /** It can, but the kernel hides the frames (EPERM). */
  hidden: 4,
  /** Pages moved, and could not be pinned (EAGAIN). */
  moved: 5,
} as const;

/** Positions in the array that `inspectDma` fills. */
export const DmaInspect = {
  /** 0 huge pages, 1 memory for a simulated host, 2 a buffer of the device. */
  kind: 0,
  bytes: 1,
  /** 0: its pages are pinned for good; else the errno that stood in the way. */
  pinError: 2,
  words: 3,
} as const;

/** Memory with known frames. */
export interface DmaFunctions {
  /**
   * Makes memory of so many bytes, a multiple of 2 MiB: huge pages, locked, populated, pinned where that can be; or plain memory
   * for a simulated host, whose frames `showDma` fetches. A handle, or a negative errno with the `DmaStage` in `stage[0]`.
   */
  makeDma(bytes: number, simulated: boolean, stage: Float64Array): number;
  /**
   * The beginning of a lease's receive buffer as such memory, for which the lease must have been opened with its buffers; whole
   * pages. Gone with the lease. A handle, a negative errno with the stage (ENODEV: the device is gone), or a status.
   */
  makeDeviceDma(lease: number, bytes: number, stage: Float64Array): number;
  /** Fills `out` as {@link DmaInspect} says. 0 or a status. */
  inspectDma(memory: number, out: Float64Array): number;
  /** Fills `out` with the frame of every 4096 bytes and answers how many there are, 0 before `showDma`; or a status. */
  dmaFrames(memory: number, out: Float64Array): number;
  /** Copies in. 0, -EFAULT for what lies outside, or a status: closed, or rescinded with a device whose buffer it is. */
  writeDma(memory: number, offset: number, source: Uint8Array): number;
  /** Copies out. */
  readDma(memory: number, offset: number, target: Uint8Array): number;
  /**
   * Shows plain memory to the host of a simulated node, off the event loop; `done` gets an errno, 0 once the frames are there.
   * 0, a negative errno or a status; only after 0 is `done` called.
   */
  showDma(lease: number, memory: number, timeoutMs: number, done: (errno: number) => void): number;
  /**
   * Descriptors for the keeper: of the node, the memory (-1 for a device's buffer), and what pins it (-1 where nothing does). They stay their owners'. From
   * here on the lease has the node by the highest number of them as well, so that it is let go first when this process is killed.
   * 0, a negative errno or a status.
   */
  heldDescriptors(lease: number, memory: number, out: Float64Array): number;
  /** The host's side: copies from what guests have shown to a node. 0, -EFAULT for what they have not, or a status. */
  readShown(node: number, address: number, target: Uint8Array): number;
  writeShown(node: number, address: number, source: Uint8Array): number;
  /** Lets go of memory. What a host may still write to must be held by a keeper. */
  closeDma(memory: number): void;
}
