// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that is about a whole guest's memory: what the simulated host of a kernel works on.
// Part of binding.ts, which says what handles and statuses are. Counterpart: native/binding/guest_memory_functions.cc.

/** Guest memory, mapped. */
export interface GuestMemoryFunctions {
  /** Maps a guest's memory from a shared file. A handle, or a negative errno. */
  openGuestMemory(path: string): number;
  /** Maps fresh memory of so many bytes, a multiple of 4096. A handle, or a negative errno. */
  makeGuestMemory(bytes: number): number;
  /** Bytes of a memory, or a status. */
  guestMemoryBytes(memory: number): number;
  /** Copies guest memory into `target`. 0, or a negative errno (EFAULT: outside). */
  readGuest(memory: number, address: number, target: Uint8Array): number;
  writeGuest(memory: number, address: number, source: Uint8Array): number;
  /**
   * The host's end of rings in these pages of 4096 bytes, of which the guest writes the first `split`: a channel handle, or a
   * negative errno (EINVAL: pages outside, or no room for data).
   */
  attachPages(memory: number, pages: Float64Array, split: number): number;
  /** Signals that the channel would have given the guest since the last call. They are the caller's to give. */
  takeSignals(channel: number): number;
  /** Takes the pending bits of a monitor page into out[0..3]. 1 = some were set, 0 = none, or a negative errno. */
  takeMonitorBits(memory: number, address: number, out: Float64Array): number;
  /** Unmaps, and ends every channel on it. */
  closeGuestMemory(memory: number): void;
}
