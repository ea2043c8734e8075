// SPDX-License-Identifier: MIT
//
// Numbers of the storage protocol: operations, versions, SRB and NT status codes, flags, sizes.
// Exported by storvsc.ts. Source: drivers/scsi/storvsc_drv.c of the Linux kernel; NT status codes from [MS-ERREF].

/** First word of a vstor packet. */
export const VstorOperation = {
  completeIo: 1,
  removeDevice: 2,
  executeSrb: 3,
  resetLun: 4,
  resetAdapter: 5,
  resetBus: 6,
  beginInitialization: 7,
  endInitialization: 8,
  queryVersion: 9,
  queryProperties: 10,
  enumerateBus: 11,
  fibreChannelData: 12,
  createSubchannels: 13,
  eventNotification: 14,
} as const;

/** Protocol versions, major in the upper byte. */
export const StorageVersion = { win6: 0x0200, win7: 0x0402, win8: 0x0501, win8_1: 0x0600, win10: 0x0602 } as const;

/** Every version there is, newest first, as a guest offers them. */
export const storageVersions: readonly number[] = Object.values(StorageVersion).sort((a, b) => b - a);

/** Bytes of a vstor packet: with an SRB of revision 1 (versions 2.0 and 4.2), and of revision 2 (since 5.1). */
export const vstorBytes = { revision1: 48, revision2: 64 } as const;

/** Bytes before the body of a vstor packet. */
export const vstorHeaderBytes = 12;

/** Bytes of an SRB of either revision. */
export const srbBytes = { revision1: 36, revision2: 52 } as const;

/** Most bytes of a command descriptor block. */
export const mostCdbBytes = 16;

/** Most bytes of sense data in an SRB of either revision. */
export const mostSenseBytes = { revision1: 18, revision2: 20 } as const;

/** Which way the data of an SRB goes. */
export const SrbDirection = { toDevice: 0, fromDevice: 1, none: 2 } as const;

/** Bits 0-5 of the SRB status. */
export const SrbStatus = {
  pending: 0x0,
  success: 0x1,
  aborted: 0x2,
  abortFailed: 0x3,
  error: 0x4,
  busy: 0x5,
  invalidRequest: 0x6,
  invalidPath: 0x7,
  noDevice: 0x8,
  timeout: 0x9,
  selectionTimeout: 0xa,
  commandTimeout: 0xb,
  rejected: 0xd,
  busReset: 0xe,
  dataOverrun: 0x12,
  badLength: 0x15,
  flushed: 0x16,
  invalidLun: 0x20,
  invalidTarget: 0x21,
  badFunction: 0x22,
  internalError: 0x30,
} as const;

/** Bits of the SRB status beside the code. */
export const SrbStatusBit = { queueFrozen: 0x40, autosenseValid: 0x80 } as const;

/** Bits of the SRB flags. */
export const SrbFlag = {
  queueActionEnable: 0x2,
  disableSynchronousTransfer: 0x8,
  disableAutosense: 0x20,
  dataIn: 0x40,
  dataOut: 0x80,
  noQueueFreeze: 0x100,
} as const;

/** Status words of vstor packets. */
export const NtStatus = {
  success: 0,
  bufferOverflow: 0x8000_0005,
  deviceBusy: 0x8000_0011,
  unsuccessful: 0xc000_0001,
  invalidParameter: 0xc000_000d,
  invalidDeviceRequest: 0xc000_0010,
  revisionMismatch: 0xc000_0059,
  deviceNotConnected: 0xc000_009d,
  ioTimeout: 0xc000_00b5,
  deviceDoesNotExist: 0xc000_00c0,
  cancelled: 0xc000_0120,
  invalidDeviceState: 0xc000_0184,
  ioDeviceError: 0xc000_0185,
} as const;

const statusOfSrb: ReadonlyMap<number, number> = new Map<number, number>([
  [SrbStatus.success, NtStatus.success],
  [SrbStatus.busy, NtStatus.deviceBusy],
  [SrbStatus.dataOverrun, NtStatus.bufferOverflow],
  [SrbStatus.invalidLun, NtStatus.deviceDoesNotExist],
  [SrbStatus.invalidTarget, NtStatus.deviceDoesNotExist],
  [SrbStatus.noDevice, NtStatus.deviceDoesNotExist],
  [SrbStatus.timeout, NtStatus.ioTimeout],
  [SrbStatus.commandTimeout, NtStatus.ioTimeout],
  [SrbStatus.selectionTimeout, NtStatus.deviceNotConnected],
  [SrbStatus.badFunction, NtStatus.invalidDeviceRequest],
  [SrbStatus.badLength, NtStatus.invalidDeviceRequest],
  [SrbStatus.flushed, NtStatus.unsuccessful],
  [SrbStatus.aborted, NtStatus.cancelled],
]);

/** The status word that goes with an SRB status; its two upper bits don't matter. */
export function ntStatusOfSrb(srbStatus: number): number {
  return statusOfSrb.get(srbStatus & 0x3f) ?? NtStatus.ioDeviceError;
}
