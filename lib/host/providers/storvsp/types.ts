// SPDX-License-Identifier: MIT
//
// What scripts see of the storage devices of the simulated host. Nothing runs here.

import type { Provider } from '../../types.js';
import type { Disk } from './disk.js';
import type { DiskOptions, UnitOptions } from './disk-choice.js';
import type { StorageState } from './negotiation.js';

/** Options that storage devices have in common. */
interface StorageOptions extends DiskOptions {
  /** Highest protocol version accepted, major in the upper byte. Default 6.2 = 0x602. */
  readonly newestVersion?: number;
  /** Makes the channel a fast one. */
  readonly monitorId?: number;
  /** Size of one ring with its header page, in bytes. Default: as the guest's kernel has it. */
  readonly ringBytes?: number;
  /** Name that commands know the device by. Default `scsi` or `ide`. */
  readonly name?: string;
}

/** Options of `scsi`. Those of a disk stand for a list with one disk. */
export interface ScsiOptions extends StorageOptions {
  /** May be empty. Default: one disk. */
  readonly disks?: readonly (Disk | UnitOptions)[];
  /** Most subchannels that the guest gets. Default 0. */
  readonly subchannels?: number;
  readonly instanceGuid?: string;
}

/** Options of `ide`. Those of a disk stand for `disk`. */
export interface IdeOptions extends StorageOptions {
  readonly disk?: Disk;
  /** 0 or 1. Default 0. */
  readonly channel?: number;
  /** On the channel, 0 or 1. Default 0. */
  readonly device?: number;
  /** Serial number, at most 36 printable characters. Default: made from the device's GUID. */
  readonly serial?: string;
}

/** What {@link StorageProvider.raiseAttention} can tell. */
export type AttentionName = 'capacityChanged' | 'inquiryChanged' | 'lunsChanged';

/** A storage device, and what can be seen of it. */
export interface StorageProvider extends Provider {
  /** What the guest has to say next on the primary channel; `ready` once it can use disks. */
  readonly state: StorageState | 'closed';
  /** Protocol version that was agreed on, major in the upper byte. */
  readonly version: number | null;
  /** SCSI requests that were answered so far. */
  readonly commands: number;
  /** Addresses that have a disk, in order. */
  readonly luns: readonly number[];
  /**
   * Makes a disk larger or smaller; the guest is told with its next command to it (unit attention).
   * @throws RangeError for a LUN without a disk; VmbusError ERR_VMBUS_UNSUPPORTED for a disk that cannot be resized
   */
  resize(lun: number, sizeBytes: number): Promise<void>;
  /** Tells the guest with its next command to that disk that something changed. @throws RangeError for a LUN without a disk */
  raiseAttention(lun: number, what: AttentionName): void;
}

/** A SCSI controller, and what can be done with it. */
export interface ScsiProvider extends StorageProvider {
  /**
   * Adds a disk, and tells the guest to look again. @returns its LUN
   * @throws TypeError, RangeError for wrong options; VmbusError ERR_VMBUS_IN_USE for a LUN that has a disk; for a file that cannot
   * be a disk as `openFileDisk`
   */
  add(disk: Disk | UnitOptions): number;
  /**
   * Takes a disk away, and tells the guest: to look at the bus (the default), that a device went, or nothing. Resolves when the
   * disk is closed.
   * @throws RangeError for a LUN without a disk
   */
  remove(lun: number, notice?: 'enumerateBus' | 'removeDevice' | 'nothing'): Promise<void>;
  /** Tells the guest to look again which disks there are. */
  rescan(): void;
}
