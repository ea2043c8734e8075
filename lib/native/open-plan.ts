// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that says what of a device is to be mapped.
// Part of binding.ts. Counterpart: native/os/open_plan.h.

/** The two buffers of a device that has them, beside its rings: UIO maps 3 and 4. */
export interface BufferPlan {
  readonly receiveBytes: number;
  /** Handle that the host knows it by. */
  readonly receiveGpadl: number;
  readonly sendBytes: number;
  readonly sendGpadl: number;
}

/** What is to be mapped of a character device; a simulated node says it by itself and ignores this. */
export interface OpenPlan {
  /** Size of map 0, both rings with their headers, in bytes. */
  readonly ringBytes: number;
  /** Path of the sysfs `ring` file where map 0 is dangerous, else ''. */
  readonly ringFile: string;
  /** Monitor id of the primary channel, -1 for a slow channel (signalled by a 4-byte write). */
  readonly monitorId: number;
  /** Relid of the primary channel. */
  readonly relid: number;
  /**
   * The device's `channels` folder, looked at before each doorbell by a 4-byte write, which is held back while a subchannel is
   * offered and not open. Absent: sysfs is asked for that of a character device; a simulated node has none.
   */
  readonly channelsFolder?: string;
  /** Map the buffers, too. A simulated node must have these. */
  readonly buffers?: BufferPlan;
  /** Fail with stage `lock` if another process holds the node. */
  readonly exclusive: boolean;
  /** Milliseconds to wait for a simulated node's answer. */
  readonly timeoutMs: number;
}
