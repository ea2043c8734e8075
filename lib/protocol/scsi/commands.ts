// SPDX-License-Identifier: MIT
//
// The SCSI commands of a disk as plain objects: names, numbers and units. Their bytes are in cdb.ts.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SPC-4 and SBC-3 of T10.

/** Length of a command in bytes, which comes with the widths of its fields. */
export type CdbForm = 6 | 10 | 12 | 16;

/** READ and WRITE. */
export interface TransferCommand {
  readonly kind: 'read' | 'write';
  readonly form: CdbForm;
  /** First block. */
  readonly lba: bigint;
  readonly blocks: number;
  /** Not done before the medium has it. Not in the form of 6 bytes. */
  readonly forceUnitAccess: boolean;
}

/** One block's data for many blocks. */
export interface WriteSameCommand {
  readonly kind: 'writeSame';
  readonly form: 10 | 16;
  readonly lba: bigint;
  readonly blocks: number;
  /** The blocks may be unmapped instead, where that reads as the same data. */
  readonly unmap: boolean;
  /** Zeroes, and no data come with the command. In the form of 16 bytes only. */
  readonly noData: boolean;
}

/** Everything in the cache, or some blocks of it, to the medium. */
export interface SynchronizeCommand {
  readonly kind: 'synchronizeCache';
  readonly form: 10 | 16;
  readonly lba: bigint;
  /** 0 = to the end. */
  readonly blocks: number;
}

/** What the unit is. */
export interface InquiryCommand {
  readonly kind: 'inquiry';
  /** See {@link VpdPage}; null for the standard data. */
  readonly page: number | null;
  readonly allocationBytes: number;
}

/** How the unit is set. */
export interface ModeSenseCommand {
  readonly kind: 'modeSense';
  readonly form: 6 | 10;
  /** See {@link ModePage}. */
  readonly page: number;
  readonly subpage: number;
  /** 0 current, 1 what can be changed, 2 default, 3 saved. */
  readonly control: number;
  readonly allocationBytes: number;
}

/** A command of a disk. */
export type ScsiCommand =
  | TransferCommand
  | WriteSameCommand
  | SynchronizeCommand
  | InquiryCommand
  | ModeSenseCommand
  | { readonly kind: 'testUnitReady' }
  | { readonly kind: 'requestSense'; readonly allocationBytes: number }
  | { readonly kind: 'startStopUnit'; readonly start: boolean; readonly eject: boolean }
  | { readonly kind: 'readCapacity'; readonly form: 10 | 16; readonly allocationBytes: number }
  | { readonly kind: 'reportLuns'; readonly select: number; readonly allocationBytes: number }
  | { readonly kind: 'unmap'; readonly parameterBytes: number };

/** Why a CDB is no command: shorter than its opcode has it, an opcode or a field that a disk of ours does not know. */
export interface CdbProblem {
  readonly kind: 'problem';
  readonly about: 'length' | 'opcode' | 'field';
  readonly opcode: number;
}
