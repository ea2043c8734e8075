// SPDX-License-Identifier: MIT
//
// The typed surface of the addon: numbers in, numbers out. Each function names its C++ counterpart by the same name in
// native/binding/. No logic here; errors are made by the callers.
//
// Handles are positive integers, valid in the environment (main thread or worker) that made them, and never reused.
// A function given a handle that is not open answers `Status.closed`.

import type { ClockFunctions } from './clock-functions.js';
import type { DmaFunctions } from './dma-functions.js';
import type { FileLockFunctions } from './file-lock-functions.js';
import type { FrameFunctions } from './frame-functions.js';
import type { GuestMemoryFunctions } from './guest-memory-functions.js';
import type { InboxFunctions } from './inbox-functions.js';
import type { OpenPlan } from './open-plan.js';
import type { ServiceFunctions } from './service-functions.js';
import type { TapFunctions } from './tap-functions.js';

export type { BufferPlan, OpenPlan } from './open-plan.js';

/** Version of this surface; an addon of another one is not used. */
export const ABI = 2;

/** What calls answer instead of a count, always negative. Violations of the ring rules are `-1 … -99`. */
export const Status = {
  /** The handle is closed. */
  closed: -1000,
  /** The device was rescinded. */
  rescinded: -1001,
  /** `drain`: the next packet does not fit the arena; `index[0]` holds the bytes that it needs. */
  arenaTooSmall: -1002,
  /** `write`, `writeMany`: the packet can never fit this ring. */
  tooLarge: -1003,
  /** `write`: no room now; `writeMany` answers the number written instead. */
  full: -1004,
  /**
   * A row of the send index points outside the arena, or has a field out of range; or there is nothing to fill or read: no
   * arena is registered, it was detached, or the count is not positive.
   */
  badRow: -1005,
  /** `receiveFrames`: nothing for the script yet, and there may be more. */
  again: -1006,
} as const;

/** Step at which opening a node failed; goes with an errno. */
export const OpenStage = {
  none: 0,
  /** The path itself: missing, no permission. */
  find: 1,
  /** The node is neither a character device nor a socket (errno is 0). */
  kind: 2,
  /** open(2) of the device: connects the channel with the host. */
  open: 3,
  /** connect(2) to a simulated node, or its answer did not come. */
  connect: 4,
  /** The simulated node's answer breaks the rules (errno is EPROTO). */
  handshake: 5,
  /** Another process holds the node (errno is EWOULDBLOCK). */
  lock: 6,
  /** mmap(2) of the rings. */
  mapRing: 7,
  /** mmap(2) of the interrupt or monitor page. */
  mapPages: 8,
  /** The ring header is not one of an open channel (violation number in errno's place). */
  header: 9,
  /**
   * The two buffers: mmap(2) of them; of a simulated node also ENODATA (it has none) and EPROTO (others than were planned).
   */
  mapBuffers: 10,
} as const;

/** Why a lease's callback is called. */
export const LeaseEvent = {
  /** The host woke us: look at every channel of the lease. */
  wake: 0,
  /** The host withdrew the device, or the node broke. No event follows. */
  rescinded: 1,
  /** The lease's owner, in another environment, closed it. No event follows. */
  ownerClosed: 2,
  /**
   * The host can't be told of packets: it offered a subchannel that the kernel has not opened in 10 s, and a doorbell would
   * crash the guest. Comes once, to the owner; the slow channels of the lease are of no use from then on.
   */
  unsignalled: 3,
} as const;

/** Why a served node's callback is called; the second argument is given in brackets. */
export const NodeEvent = {
  /** First connection [0]: the guest opens the channel. The rings were reset just before; its open returns when this has; `drain` to arm. */
  opened: 0,
  /** Last connection gone [0]: the guest closed it. */
  closed: 1,
  /** A 4-byte write of the guest [its value], non-zero for the doorbell; or its bit in the monitor page [1]. The rings' masks are left alone. */
  doorbell: 2,
} as const;

/** int32 words of a row in the receive and send indexes. */
export const ROW_WORDS = 6;
/** Positions in a row. `flags` carries offset8 in its upper half: extra header bytes lie directly before the payload. */
export const Row = { type: 0, flags: 1, offset: 2, length: 3, idLow: 4, idHigh: 5 } as const;

/** Positions in the array that `inspectChannel` fills (numbers, doubles). */
export const Inspect = {
  /** Words of the ring this end reads: write index, read index, interrupt mask, pending send size, feature bits. */
  inWrite: 0,
  inRead: 1,
  inMask: 2,
  inPending: 3,
  inFeatures: 4,
  /** The same of the ring this end writes. */
  outWrite: 5,
  outRead: 6,
  outMask: 7,
  outPending: 8,
  outFeatures: 9,
  /** Data bytes of one ring. */
  dataBytes: 10,
  packetsIn: 11,
  bytesIn: 12,
  packetsOut: 13,
  bytesOut: 14,
  /** Signals given to the peer: after writing, and after freeing space it waits for. */
  doorbells: 15,
  /** Times a write found the ring full. */
  fulls: 16,
  /** Last violation, 0 for none. */
  violation: 17,
  /** Times `drain` found the ring empty and armed the interrupt. */
  arms: 18,
  words: 19,
} as const;

/** Positions in the array that `inspectLease` fills. */
export const LeaseInspect = {
  /** 0 character device, 1 simulated node. */
  kind: 0,
  ringBytes: 1,
  /** The in-ring's mask right after the first open: tells how this kernel treats it. */
  maskAtOpen: 2,
  wakes: 3,
  /** 4-byte writes made as doorbells. */
  doorbellWrites: 4,
  /** 1 once a SIGBUS was caught in a mapping of this lease. */
  faulted: 5,
  /** 1 where the rings are mapped from the sysfs ring file instead of map 0. */
  fromRingFile: 6,
  /** Numbers of the device node that was opened (st_rdev), to be compared with sysfs `dev`; both 0 for a simulated node. */
  major: 7,
  minor: 8,
  words: 9,
} as const;

/** What `awaitSpace` is given by whoever waits no more. Not 0: a packet without payload can wait for space, too. */
export const NOTHING_AWAITED = -1;

/** The addon. */
export interface Binding
  extends ClockFunctions,
    DmaFunctions,
    FileLockFunctions,
    FrameFunctions,
    GuestMemoryFunctions,
    InboxFunctions,
    ServiceFunctions,
    TapFunctions {
  /** Version of this surface; load.ts refuses another. */
  readonly abi: number;
  /** Compiler, flags and versions, for `hv doctor` and reports. */
  readonly buildInfo: string;

  /** Name of a violation number, e.g. 'write index beyond the data area'. */
  violationName(violation: number): string;

  // -- leases: the guest's hold on a UIO device ---------------------------------------------------------------------

  /**
   * Opens a node off the event loop, maps its rings and starts listening. `onEvent` gets a `LeaseEvent`, once per wake.
   * `done` gets (errno, stage, lease): 0, 0, handle on success.
   */
  openLease(
    path: string,
    plan: OpenPlan,
    onEvent: (event: number) => void,
    done: (errno: number, stage: number, lease: number) => void,
  ): void;
  /** A number that names this lease in the whole process, for {@link attachLease} in a worker thread. */
  leaseToken(lease: number): number;
  /** Opens the node of a living lease once more for this environment: own wakes, same mapping. Ends with the owner. */
  attachLease(
    token: number,
    onEvent: (event: number) => void,
    done: (errno: number, stage: number, lease: number) => void,
  ): void;
  /**
   * Closes all channels of the lease, unmaps, closes the node off the event loop; `done(errno)` when the kernel is through.
   * ETIMEDOUT: a worker attached to the lease has not let go of its descriptor within 5 s, so the channel is still connected.
   */
  closeLease(lease: number, done: (errno: number) => void): void;
  /** Whether the lease keeps the event loop alive. */
  refLease(lease: number, keep: boolean): void;
  inspectLease(lease: number, out: Float64Array): number;

  // -- channels: one pair of rings, from either end --------------------------------------------------------------------

  /** The primary channel of a lease: a channel handle, or a negative status. */
  attachPrimary(lease: number): number;
  /** A subchannel by its sysfs `ring` file: a handle, or a negative errno. `monitorId` -1 for a slow channel. */
  attachSubchannel(lease: number, ringFile: string, relid: number, monitorId: number): number;
  /** Zeros for an arena. What is registered in them is found quicker than in other buffers, and they stay as long as in use. */
  newMemory(bytes: number): ArrayBuffer;
  /** Registers what `drain` fills and `writeMany` reads; kept until the channel closes. Replaces earlier ones. */
  setReceiveArena(channel: number, arena: Uint8Array, index: Int32Array): number;
  setSendArena(channel: number, arena: Uint8Array, index: Int32Array): number;
  /**
   * Copies packets (all that there is room for, or up to `maxPackets`) into the arena and a row each into the index, publishes
   * once, tells the host if it waits for space. Answers the count; 0 = empty and the interrupt is armed; or a status.
   */
  drain(channel: number, maxPackets?: number): number;
  /**
   * Whether an empty `drain` arms the interrupt (it does from the start). Off: the in-ring stays masked, `drain` answers 0 for
   * empty and no wake follows. For subchannels on kernels where their interrupts do harm. 0 or a status.
   */
  setArming(channel: number, on: boolean): number;
  /** Writes one packet, publishes, rings the doorbell if needed. 0 or a status. `offset8` is 2 for plain packets. */
  write(
    channel: number,
    type: number,
    flags: number,
    idLow: number,
    idHigh: number,
    offset8: number,
    body: Uint8Array,
  ): number;
  /** Writes `count` packets from row `first` of the send index; one publish, one doorbell. Answers how many, or a status. */
  writeMany(channel: number, first: number, count: number): number;
  /**
   * Asks the host for a wake when `bytes` of payload fit. 1 = they fit now, 0 = a wake will follow. {@link NOTHING_AWAITED}
   * takes the request back and answers 1.
   */
  awaitSpace(channel: number, bytes: number): number;
  /** Payload bytes that a plain packet can have at most on this ring. */
  largestPayload(channel: number): number;
  /** Fills `out` as {@link Inspect} says. The words of the rings are 0 once the device is rescinded: they are not looked at then. */
  inspectChannel(channel: number, out: Float64Array): number;
  closeChannel(channel: number): void;

  // -- serving: the simulated host's end --------------------------------------------------------------------------------

  /** Serves a simulated UIO node: a seqpacket socket at `path`, rings of `ringBytes` (both) in sealed memory. */
  serveNode(
    path: string,
    ringBytes: number,
    monitorId: number,
    onEvent: (event: number, value: number) => void,
  ): number;
  /** Adds rings for a subchannel; answers a ring number > 0 (the primary's is 0) or a negative errno. */
  addRing(node: number, ringBytes: number, monitorId: number): number;
  removeRing(node: number, ring: number): void;
  /** File descriptor of a ring's memory, to be linked as `channels/<relid>/ring`; stays the node's own. */
  ringDescriptor(node: number, ring: number): number;
  /** The host's end of a ring: a channel handle (its `drain` reads what the guest wrote). */
  attachHost(node: number, ring: number): number;
  /** Zeroes the header of a ring as the kernel does at open, and lets the host's end start afresh. */
  resetRing(node: number, ring: number): number;
  /**
   * Gives the node's guests two buffers from now on, pieces of guest memory of whole pages, under the handles. 0, or a negative
   * errno. The node keeps the memory.
   */
  shareBuffers(
    node: number,
    receiveMemory: number,
    receiveGpadl: number,
    sendMemory: number,
    sendGpadl: number,
  ): number;
  /** Wakes the guest whatever the rings say. */
  wakeGuest(node: number): void;
  /** Drops the next `count` signals that this end would give: a fault for tests. */
  dropSignals(channel: number, count: number): void;
  /** Stores a header word (0 write index, 1 read index, 2 mask, 3 pending, 16 features) of the in (0) or out (1) ring: a fault. */
  pokeHeader(channel: number, ring: number, word: number, value: number): number;
  /** Writes raw bytes at the write position of the ring this end writes and publishes them: a fault. */
  writeRaw(channel: number, bytes: Uint8Array): number;
  /** Ends all connections (the guest sees a rescind), stops listening, unlinks the node. */
  closeNode(node: number): void;
  refNode(node: number, keep: boolean): void;

  // -- the rest of the system ----------------------------------------------------------------------------------------------

  /**
   * Kernel uevents by netlink; `onMessage` gets each raw message, a fresh copy. An empty one says that messages were lost: look
   * at everything again. A handle, or a negative errno.
   */
  openUevents(onMessage: (message: Uint8Array) => void): number;
  closeUevents(handle: number): void;
  /** One write(2) of `text` to a sysfs attribute, off the event loop; a socket at the path is connected to instead. */
  writeAttribute(path: string, text: string, done: (errno: number) => void): void;
  /** CPUID leaf into out[0..3] (eax, ebx, ecx, edx). False where the processor has no such instruction or leaf. */
  cpuid(leaf: number, subleaf: number, out: Uint32Array): boolean;
}
