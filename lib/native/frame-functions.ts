// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that moves frames of a network card between its buffers and the script.
// Part of binding.ts, which says what handles and statuses are. Counterpart: native/binding/frame_functions.cc.

/** int32 words of a row that {@link FrameFunctions.receiveFrames} fills. */
export const FRAME_ROW_WORDS = 8;
/** Positions in a row. What is no frame has other fields from `present` on: see {@link RowKind}. */
export const FrameRow = {
  kind: 0,
  /** Where the bytes begin in the arena, a multiple of 8. */
  offset: 1,
  length: 2,
  /** See {@link FrameField}. */
  present: 3,
  checksum: 4,
  vlan: 5,
  hash: 6,
  /** Of a packet: type in the lower half, flags in the upper. */
  packet: 3,
  idLow: 4,
  idHigh: 5,
} as const;

/** What a row is of. */
export const RowKind = {
  frame: 0,
  /** An RNDIS control message, with everything behind it in its piece of the receive buffer. */
  control: 1,
  /** A packet that carries neither, nor is the completion of a section. */
  packet: 2,
} as const;

/** Bits that say which fields stand beside a frame. */
export const FrameField = { checksum: 1, vlan: 2, hash: 4, largeSend: 8 } as const;

/** Words of a frame in the `infos` of {@link FrameFunctions.sendFrames}. */
export const FRAME_INFO_WORDS = 4;
/** Positions in them. */
export const FrameInfo = { present: 0, checksum: 1, vlan: 2, largeSend: 3 } as const;

/** An arena has at least room for the longest frame. */
export const LEAST_FRAME_ARENA_BYTES = 131_072;
/** Frames that one call of `sendFrames` takes at most. */
export const MOST_FRAMES_PER_CALL = 256;

/** Positions in the array that `inspectFrames` fills. */
export const FrameInspect = {
  frames: 0,
  frameBytes: 1,
  /** RNDIS control messages. */
  controls: 2,
  /** Packets with another set id, without pieces, or with more than they have room for. */
  brokenPackets: 3,
  /** Pieces outside the receive buffer, or too large. */
  brokenRanges: 4,
  /** Messages that are not what RNDIS allows. */
  brokenMessages: 5,
  /** Parts of coalesced frames, which nobody asked for. */
  coalesced: 6,
  /** Packets of the host, in all. */
  packets: 7,
  /** Given to the host. */
  completions: 8,
  /** Completions that wait for room in the ring. */
  owed: 9,
  framesSent: 10,
  frameBytesSent: 11,
  /** Of ours by the host: frames and control messages. */
  completed: 12,
  /** Of those: with another status than success. */
  refused: 13,
  /** Completions of the host that belong to nothing. */
  stray: 14,
  /** Sends that found no room. */
  full: 15,
  /** Sections of the send buffer, of all queues: in all, and free. */
  sections: 16,
  sectionsFree: 17,
  /** Sections that the host has from this queue. */
  sectionsHeld: 18,
  /** Bytes of the largest frame that fits a section; 0 before the buffers were agreed on. */
  largestFrame: 19,
  sectionBytes: 20,
  words: 21,
} as const;

/** Frames of a network card. */
export interface FrameFunctions {
  /**
   * What was agreed on with the host about the buffers of a lease, for all queues on it: the receive buffer has `pieces` of
   * `pieceBytes`, the send buffer sections of `sectionBytes`, and `messages` are looked for in one piece (1, unless the host is
   * trusted not to leave anything behind a message). 0, or a negative errno: EINVAL where it does not fit, or was done.
   */
  agreeFrames(lease: number, pieceBytes: number, pieces: number, sectionBytes: number, messages: number): number;
  /** A queue of frames on a channel of the lease, which nothing else may drain from now on. A handle, or a negative errno. */
  openFrames(lease: number, channel: number, relid: number): number;
  /** Registers what `receiveFrames` fills. Replaces an earlier one. 0 or a status. */
  setFrameArena(frames: number, arena: Uint8Array, rows: Int32Array): number;
  /**
   * Copies frames and messages into the arena and a row each into the rows, completes every packet of the host, and publishes
   * once. The count; 0 = nothing, and a wake will follow; `Status.again` = nothing for the script, call again; or a status.
   */
  receiveFrames(frames: number): number;
  /**
   * Writes frames of the list, from `first` on, into free sections and tells the host of all of them at once. How many; 0 = no
   * room, and a wake will follow when it is worth another try; or a status (`tooLarge`: the first fits no section).
   * `infos` has {@link FRAME_INFO_WORDS} for each frame of the list.
   */
  sendFrames(frames: number, list: readonly Uint8Array[], first: number, infos: Int32Array | null): number;
  /** Writes an RNDIS control message into a section and tells the host. 1, 0 = no room now, or a status. */
  sendControl(frames: number, message: Uint8Array): number;
  /** Fills `out` as {@link FrameInspect} says. 0 or a status. */
  inspectFrames(frames: number, out: Float64Array): number;
  /** The channel stays open. */
  closeFrames(frames: number): void;
}
