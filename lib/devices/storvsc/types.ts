// SPDX-License-Identifier: MIT
//
// Shapes of a storage controller that a script drives. Nothing runs here.

import type { OpenChannelOptions } from '../../channel/types.js';
import type { Guid } from '../../guid.js';
import type { Sense } from '../../protocol/scsi/sense.js';
import type { ArenaFacts } from '../dma/arena.js';

/** Options of `openStorage`. */
export interface StorageOptions {
  /** Allow what changes a disk. Default false: only commands that are known to change nothing are sent. */
  readonly write?: boolean;
  /**
   * Channels to spread requests over: the primary one, and subchannels that the host is asked for, as many as it grants. Default 1.
   * How many came of it is in {@link StorageInspection}.
   */
  readonly channels?: number;
  /** Requests at a time, each with its place in memory. Default 16, at most 256. */
  readonly queueDepth?: number;
  /** Most bytes of one request; the host may want less. A multiple of 4096, default 262144. */
  readonly maxTransferBytes?: number;
  /** How long a call may take, all its requests together, unless it says otherwise. Default 30 s. */
  readonly timeoutMs?: number;
  /** Ends everything. */
  readonly signal?: AbortSignal;
  /** Options of the channel under it. */
  readonly channel?: Pick<OpenChannelOptions, 'timeoutMs' | 'force' | 'shared'>;
}

/** Limits of one call. */
export interface StorageCallOptions {
  /** Gives the call up. The host may still do what was asked; its place in memory is not used again before it is done. */
  readonly signal?: AbortSignal;
  /** Gives the call up after so long. Default: as the controller was opened. */
  readonly timeoutMs?: number;
}

/** Options of `execute`. */
export interface ExecuteOptions extends StorageCallOptions {
  /** Default 0. */
  readonly lun?: number;
  /** Bytes to send with the command. */
  readonly data?: Uint8Array;
  /** Room for the bytes that come back. Not together with `data`. */
  readonly responseBytes?: number;
}

/** How the host answered a command. */
export interface ScsiResult {
  /** True when the command was done. */
  readonly isGood: boolean;
  /** Code of the SRB status, without the bits beside it. 1 is success. */
  readonly srbStatus: number;
  /** 0 good, 2 check condition, 8 busy, 24 reservation conflict. */
  readonly scsiStatus: number;
  /** What the unit says is wrong, where it says so. */
  readonly sense: Sense | null;
  /** The same as it came. */
  readonly senseBytes: Uint8Array | null;
  /** Bytes moved, at most those asked for. */
  readonly transferBytes: number;
  /** What came back; empty where nothing was asked for. */
  readonly data: Uint8Array;
}

/** A unit of a controller, of whatever type. */
export interface StorageUnit {
  readonly lun: number;
  /** 0 for a disk, 5 for an optical drive. */
  readonly deviceType: number;
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
}

/** What changed on a controller. */
export interface StorageChange {
  readonly kind: 'added' | 'removed' | 'resized';
  readonly lun: number;
  readonly unit: StorageUnit;
  /** Bytes of the disk now; null where it is none, or gone. */
  readonly sizeBytes: bigint | null;
}

/** Counters since opening; numbers only. */
export interface StorageStats {
  /** Requests that were given to the host. */
  readonly requests: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Commands sent again because a unit had something to say first, or was busy. */
  readonly retries: number;
  /** Calls given up by their timeout. */
  readonly timeouts: number;
  /** Calls given up by their signal. */
  readonly aborts: number;
  /** Requests that their callers gave up and the host still has. */
  readonly abandoned: number;
  /** Requests that the host has now. */
  readonly outstanding: number;
  /** Answers of the host that broke the protocol; their requests failed. */
  readonly violations: number;
  /** Packets of the host that nobody asked for; dropped. */
  readonly droppedPackets: number;
  /** Times the host said that something changed, and times it was looked at. */
  readonly notices: number;
  readonly rescans: number;
}

/** Plain JSON picture of a controller. */
export interface StorageInspection {
  readonly device: Guid;
  readonly kind: 'scsi' | 'ide';
  readonly isOpen: boolean;
  readonly canWrite: boolean;
  /** `6.2` */
  readonly version: string;
  readonly maxTransferBytes: number;
  readonly queueDepth: number;
  /** Relids, the primary channel first. */
  readonly channels: readonly number[];
  /** Channels that the host granted, with the primary one: more than `channels` where it did not offer them all in 5 s. */
  readonly grantedChannels: number;
  readonly memory: ArenaFacts;
  readonly units: readonly (StorageUnit & { readonly sizeBytes: string | null; readonly blockBytes: number | null })[];
  readonly stats: StorageStats;
}
