// SPDX-License-Identifier: MIT
//
// What an open channel looks like to a script: the public shapes of lib/channel, and nothing that runs.

import type { Guid } from '../guid.js';

/** Packet types of a ring, as the descriptor carries them. */
export const PacketType = {
  inband: 6,
  transferPages: 7,
  gpaDirect: 9,
  completion: 11,
} as const;

/**
 * A received packet. Payload and header are the script's own copies; small ones share an ArrayBuffer with other packets
 * of the channel, as small Buffers do, so post copies (not transfers) of them to other threads.
 */
export interface Packet {
  /** See {@link PacketType}; others are possible. */
  readonly type: number;
  /** Payload, rounded up to 8 bytes by the sender's ring; the true length is inside the protocol. */
  readonly payload: Uint8Array;
  /** Chosen by the sender of a request, echoed in its completion. */
  readonly transactionId: bigint;
  /** The sender wants a packet of type completion with the same transaction id. */
  readonly wantsCompletion: boolean;
  /** Header bytes between descriptor and payload (transfer pages, GPA direct); empty for plain packets. */
  readonly header: Uint8Array;
}

/**
 * Packets of one drain. Rows can be read without making objects. Valid until the next step of the iteration, and reused
 * then; `packet(i)` and `payload(i)` copy, `view(i)` does not. An `i` outside the batch throws ERR_OUT_OF_RANGE.
 */
export interface PacketBatch {
  readonly length: number;
  type(i: number): number;
  flags(i: number): number;
  idLow(i: number): number;
  idHigh(i: number): number;
  payloadOffset(i: number): number;
  payloadLength(i: number): number;
  transactionId(i: number): bigint;
  /** The memory that all offsets refer to. Overwritten by a later drain. */
  readonly arena: Uint8Array;
  view(i: number): Uint8Array;
  payload(i: number): Uint8Array;
  packet(i: number): Packet;
  [Symbol.iterator](): IterableIterator<Packet>;
}

/**
 * Called once per packet by {@link Channel.drain} with numbers only: the payload stands in `arena` at `offset`, for the
 * time of the call. `flags` is the descriptor's flags word (bit 0: wants a completion), with the header's length plus 16
 * bytes, in units of 8, in its upper half; the header stands right before the payload. The id words are signed.
 * Answer `false` to stop after this packet. It counts as read, also when the visitor throws; the rest is kept.
 */
export type PacketVisitor = (
  arena: Uint8Array,
  offset: number,
  length: number,
  type: number,
  idLow: number,
  idHigh: number,
  flags: number,
) => unknown;

/** Options of one send. */
export interface SendOptions {
  /** Packet type; in-band data by default. */
  readonly type?: number;
  /** Default 0n: unsolicited. */
  readonly transactionId?: bigint;
  /** Ask the peer for a completion; see {@link Channel.request}, which does the bookkeeping. */
  readonly wantsCompletion?: boolean;
  /** Header bytes between descriptor and payload, a multiple of 8 (GPA direct). */
  readonly header?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Give up when there was no space for so long. */
  readonly timeoutMs?: number;
}

/** Options of {@link Channel.sendArena}. */
export interface SendArenaOptions {
  /** Bytes for payloads. Default 64 KiB, at most 64 MiB. */
  readonly bytes?: number;
  /** Packets that it has room for. Default 256. */
  readonly packets?: number;
}

/**
 * Packets that are sent from where their payloads are: a script writes into `bytes`, adds a packet for each, and sends them
 * with {@link Channel.trySendArena}. Nothing is copied or allocated in JavaScript; packets may be sent again as they are.
 */
export interface SendArena {
  /** Where payloads are written. It stays here: its buffer is not to be transferred to another thread. */
  readonly bytes: Uint8Array;
  /** Packets that it has room for. */
  readonly capacity: number;
  /** Packets added since it was made or cleared. */
  readonly length: number;
  /**
   * Adds a packet whose payload is `length` bytes at `offset`; several may share a place. The id's words are 32 bits each, 0n
   * by default; `type` is in-band data by default; `flags` 1 asks for a completion.
   * @throws RangeError beyond `bytes` or `capacity`; ERR_VMBUS_TOO_LARGE
   */
  add(offset: number, length: number, idLow?: number, idHigh?: number, type?: number, flags?: number): void;
  /** Forgets all packets, not the bytes. */
  clear(): void;
}

/** Options of a request. */
export interface RequestOptions extends Omit<SendOptions, 'transactionId' | 'wantsCompletion' | 'timeoutMs'> {
  /** Give up when there was no completion for so long, counted from the call. Default: wait for ever. */
  readonly timeoutMs?: number;
}

/** Why a channel is closed. */
export interface CloseReason {
  /**
   * `user`: its own script closed it, or the channel that it is a subchannel of. `rescind`: the host withdrew the device.
   * `violation`: the host broke the rules of the ring, or of what is spoken over it. `abort`: the signal given at open. `owner`: the channel or thread it belongs to closed or took it back.
   */
  readonly by: 'user' | 'rescind' | 'violation' | 'abort' | 'owner' | 'error';
  /** Set unless `by` is 'user'. */
  readonly error?: Error;
}

/** Counters since open; numbers only. */
export interface ChannelStats {
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
  readonly wakes: number;
  readonly doorbells: number;
  readonly ringFull: number;
  readonly pendingRequests: number;
  /** Sends that wait for space. */
  readonly queuedSends: number;
  /** Packets taken out of the ring that no reader has read yet. */
  readonly unreadPackets: number;
  /**
   * Completions of requests of this channel that came twice or after the request was given up; they are dropped.
   * A completion with an id that the channel never gave out is a packet like any other (see SendOptions.transactionId).
   */
  readonly unexpectedCompletions: number;
}

/** Plain JSON picture of a channel. */
export interface ChannelInspection {
  readonly device: Guid;
  readonly relid: number;
  readonly state: 'open' | 'closing' | 'closed';
  readonly node: { readonly path: string; readonly kind: 'uio' | 'simulated'; readonly maskAtOpen: number };
  readonly signalling: 'hypercall' | 'monitor';
  /** `poll` for subchannels on kernels where their interrupts do harm. */
  readonly wakes: 'interrupt' | 'poll';
  readonly in: RingInspection;
  readonly out: RingInspection;
  readonly stats: ChannelStats;
}

export interface RingInspection {
  readonly dataBytes: number;
  readonly writeIndex: number;
  readonly readIndex: number;
  readonly interruptMask: number;
  readonly pendingSendBytes: number;
  readonly featureBits: number;
  /** Bytes in the ring, not yet read. */
  readonly usedBytes: number;
}

/** Options of {@link openChannel}. */
export interface OpenChannelOptions {
  /** Gives up opening; once the channel is open, closes it. */
  readonly signal?: AbortSignal;
  /** How long opening may take before it is given up; the kernel's own open has no timeout. Default 10 s. */
  readonly timeoutMs?: number;
  /** Take a node that another process holds. Default false. */
  readonly shared?: boolean;
  /** Open on kernels known to be dangerous. Default false. */
  readonly force?: boolean;
  /** Bytes of the arena that packets are copied into; grows when a packet needs more. Default 32 KiB. */
  readonly arenaBytes?: number;
  /** Packets per drain at most. Default 256. */
  readonly batchPackets?: number;
  /** Keep looking for so long (µs) before sleeping; blocks the event loop meanwhile. Default 0, at most 1000. */
  readonly busyPollUs?: number;
}

/** Options of {@link attachChannel}; as for {@link openChannel}. */
export interface AttachChannelOptions extends Pick<OpenChannelOptions, 'arenaBytes' | 'batchPackets' | 'busyPollUs'> {}

/** Options of {@link Channel.openSubchannel}. */
export interface OpenSubchannelOptions {
  readonly signal?: AbortSignal;
  /** How long the subchannel's ring may take to appear. Default 10 s. */
  readonly timeoutMs?: number;
  /** Open on kernels known to crash with subchannels. Default false. */
  readonly force?: boolean;
}

/**
 * An open channel of a device: the primary one, or a subchannel attached to it.
 *
 * Iterate it for packets (`for await (const packet of channel)`), or use `batches()` or `drain()`; one reader at a time,
 * another gets ERR_VMBUS_BUSY. Leaving a loop early gives the reader's place back and keeps the packets not yet read.
 * The iteration ends when the channel is closed by its own script and throws ERR_VMBUS_RESCINDED, ERR_VMBUS_CORRUPT …
 * when it ended otherwise, after the packets that were received before. Completions of {@link request} are taken out
 * first and do not appear. While nobody reads and no request waits, nothing is taken from the ring: it fills, and the
 * host waits. While a request waits and nobody reads, other packets are kept for the reader, up to a limit.
 */
export interface Channel extends AsyncIterable<Packet>, AsyncDisposable {
  readonly device: Guid;
  readonly relid: number;
  readonly isOpen: boolean;
  /** Largest payload of a plain packet, in bytes. */
  readonly maxPayloadBytes: number;
  /** Resolves when the channel is closed, whoever closed it. Never rejects. */
  readonly closed: Promise<CloseReason>;

  /** Copies and publishes one packet; waits for space. @throws ERR_VMBUS_TOO_LARGE, _CLOSED, _RESCINDED, _TIMEOUT */
  send(payload: Uint8Array, options?: SendOptions): Promise<void>;
  /** The same without waiting: false when the ring is full (or sends are queued before it). */
  trySend(payload: Uint8Array, options?: Omit<SendOptions, 'signal' | 'timeoutMs'>): boolean;
  /** Publishes as many of the payloads as fit, with one doorbell; answers how many. */
  trySendMany(payloads: readonly Uint8Array[], options?: Omit<SendOptions, 'signal' | 'timeoutMs'>): number;
  /** Memory that packets are sent from without a copy in JavaScript. */
  sendArena(options?: SendArenaOptions): SendArena;
  /** Publishes the packets of an arena from number `first` on, as many as fit, with one doorbell; answers how many. */
  trySendArena(arena: SendArena, first?: number): number;
  /** Sends with a transaction id of our own and waits for the completion. */
  request(payload: Uint8Array, options?: RequestOptions): Promise<Packet>;
  /** Answers a packet that wants a completion. */
  complete(
    packet: Pick<Packet, 'transactionId'>,
    payload: Uint8Array,
    options?: Pick<SendOptions, 'signal' | 'timeoutMs'>,
  ): Promise<void>;

  /** Batches as the host sent them: one per drain. */
  batches(): AsyncIterable<PacketBatch>;
  /** Visits what is there now, synchronously; answers the number of packets. 0 = nothing, see {@link readable}. */
  drain(visitor: PacketVisitor, maxPackets?: number): number;
  /**
   * Resolves true when there is something to drain, false when its own script closed the channel.
   * @throws ERR_VMBUS_RESCINDED, _CORRUPT, … when the channel ended otherwise
   */
  readable(options?: { readonly signal?: AbortSignal }): Promise<boolean>;

  /**
   * Attaches a subchannel that the host has offered, or is about to: waits for its ring. Closes with this channel.
   * @throws ERR_VMBUS_NO_CHANNEL, _TIMEOUT, _UNSUPPORTED (kernels that crash with subchannels), _BUSY
   */
  openSubchannel(relid: number, options?: OpenSubchannelOptions): Promise<Channel>;
  /**
   * Lends this channel, or a subchannel by its relid, to another thread: a value to post to a worker, where
   * {@link attachChannel} makes a channel of it, once. Here it can't be used until that one is closed, or is taken back
   * with {@link reclaim}; this channel still owns the device: closing it ends the other.
   * @throws ERR_VMBUS_BUSY while packets, sends, requests or a reader are left here
   */
  share(relid?: number): ChannelShare;
  /** Takes a shared channel back from a thread that is done with it or has ended; a channel that is still there ends. */
  reclaim(relid?: number): void;

  close(): Promise<void>;
  /** Whether the open channel keeps the process alive (default yes). */
  ref(): void;
  unref(): void;
  stats(): ChannelStats;
  inspect(): ChannelInspection;
}

/** Structured-cloneable name of an open device's channel within this process. */
export interface ChannelShare {
  readonly token: number;
  /** Who has the channel now; common memory of the threads. */
  readonly claim: SharedArrayBuffer;
  /** What {@link claim} holds while this share has not been attached. */
  readonly ticket: number;
  readonly device: Guid;
  readonly relid: number;
  readonly ringFile: string | null;
  readonly monitorId: number | null;
  readonly nodePath: string;
  /** Its interrupt must stay off. */
  readonly isPolled: boolean;
}
