// SPDX-License-Identifier: MIT
//
// What a network card looks like to a script: options, frames, events and figures. Nothing runs here.

import type { ChannelShare, OpenChannelOptions } from '../../channel/types.js';

/** Options of `openNic`. */
export interface NicOptions {
  /** Channels wanted in all, 1 to 64; as many as the host grants come. Default 1. */
  readonly queues?: number;
  /** Channels that this thread serves itself; the others are for worker threads (`nic.shareQueue`). Default all. */
  readonly localQueues?: number;
  /** Longest packet inside a frame that the host may hand over, in bytes. Default 1500. */
  readonly mtu?: number;
  /** Every frame on the wire, not only the card's own, multicast and broadcast. Default false. */
  readonly promiscuous?: boolean;
  /** How long the host may take for each step of the beginning and the end. Default 5000. */
  readonly handshakeTimeoutMs?: number;
  /** Batches that are received ahead of a reader that is busy; after that frames wait at the host. Default 4. */
  readonly batchesAhead?: number;
  /** Ends opening, and later the card, with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly channel?: Pick<OpenChannelOptions, 'timeoutMs' | 'force' | 'shared'>;
}

/** A VLAN tag, which travels beside its frame. */
export interface VlanTag {
  readonly id: number;
  /** 0 to 7. Default 0 where a tag is sent. */
  readonly priority?: number;
  readonly dropEligible?: boolean;
}

/** What the host has checked of a frame; null: it did not. */
export interface ReceivedChecksum {
  readonly ip: 'good' | 'bad' | null;
  readonly tcp: 'good' | 'bad' | null;
  readonly udp: 'good' | 'bad' | null;
}

/** A frame with what stands beside it. `bytes` is the script's own copy. */
export interface ReceivedFrame {
  readonly bytes: Uint8Array;
  readonly queue: number;
  readonly vlan: VlanTag | null;
  readonly checksum: ReceivedChecksum | null;
  /** Flow hash that the host computed. */
  readonly hash: number | null;
}

/**
 * Frames of one drain of one queue. Valid until the next step of the iteration, and reused then. An `i` outside the batch
 * throws ERR_OUT_OF_RANGE.
 */
export interface FrameBatch {
  readonly length: number;
  readonly queue: number;
  /** The frame's bytes in the arena, without a copy. */
  view(i: number): Uint8Array;
  vlan(i: number): VlanTag | null;
  checksum(i: number): ReceivedChecksum | null;
  hash(i: number): number | null;
  /** A copy that lasts. */
  frame(i: number): ReceivedFrame;
  [Symbol.iterator](): IterableIterator<ReceivedFrame>;
}

/** Options of `nic.send`. */
export interface SendFrameOptions {
  /** Tag that goes beside each of the frames. */
  readonly vlan?: VlanTag;
  /** Queue to send on. Default: by the frame's flow, as the host's table says. */
  readonly queue?: number;
  /** Gives up what does not yet have room. */
  readonly signal?: AbortSignal;
}

/** What the card tells. */
export type NicEvent =
  | { readonly kind: 'link'; readonly isUp: boolean }
  | { readonly kind: 'speed'; readonly mbps: number }
  /** The host wants flows on other queues: the queue of each of the table's entries. */
  | { readonly kind: 'table'; readonly queues: readonly number[] }
  /** Frames of the host that a direct device (SR-IOV) could take; this library does not use one. */
  | { readonly kind: 'virtual-function'; readonly isOffered: boolean };

/** Counters since opening. */
export interface NicStats {
  readonly framesIn: number;
  readonly bytesIn: number;
  readonly framesOut: number;
  readonly bytesOut: number;
  /** Frames that came while nobody read. */
  readonly unread: number;
  /** Sends that the host completed with a failure. */
  readonly refused: number;
  /** Frames and messages of the host that broke the rules: not delivered, and completed with a failure. */
  readonly malformed: number;
  /** Messages and completions of the host that belong to nothing. */
  readonly stray: number;
  readonly queues: readonly NicQueueStats[];
}

/** Counters of a queue of this thread. */
export interface NicQueueStats {
  readonly queue: number;
  readonly relid: number;
  readonly framesIn: number;
  readonly bytesIn: number;
  readonly framesOut: number;
  readonly bytesOut: number;
  readonly packetsIn: number;
  readonly completions: number;
  /** Sections of the send buffer that the host has from this queue. */
  readonly sectionsHeld: number;
  /** Sends that wait for room. */
  readonly waiting: number;
}

/** A picture of the card; plain JSON. */
export interface NicInspection {
  readonly state: 'opening' | 'up' | 'closed';
  readonly device: string;
  readonly mac: string;
  readonly permanentMac: string;
  readonly name: string | null;
  readonly mtu: number;
  /** Longest frame that can be sent, in bytes. */
  readonly maxFrameBytes: number;
  /** Version of NVSP, such as `6.1`. */
  readonly version: string;
  readonly link: NicLink;
  readonly queues: { readonly wanted: number; readonly granted: number; readonly local: number };
  readonly receiveBuffer: { readonly pieceBytes: number; readonly pieces: number };
  readonly sendBuffer: { readonly sectionBytes: number; readonly sections: number; readonly free: number };
  readonly stats: NicStats;
}

export interface NicLink {
  readonly isUp: boolean;
  readonly speedMbps: number;
}

/** A queue for a worker thread: posted to it, and attached there with `attachNicQueue`. */
export interface NicQueueShare {
  readonly channel: ChannelShare;
  readonly queue: number;
  readonly maxFrameBytes: number;
}
