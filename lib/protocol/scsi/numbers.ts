// SPDX-License-Identifier: MIT
//
// Numbers of SCSI that a disk needs: operation codes, statuses, sense keys, pages. Source: SPC-4 and SBC-3 of T10.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host).

/** First byte of a CDB. */
export const ScsiOpcode = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  read6: 0x08,
  write6: 0x0a,
  inquiry: 0x12,
  modeSense6: 0x1a,
  startStopUnit: 0x1b,
  readCapacity10: 0x25,
  read10: 0x28,
  write10: 0x2a,
  synchronizeCache10: 0x35,
  writeSame10: 0x41,
  unmap: 0x42,
  modeSense10: 0x5a,
  read16: 0x88,
  write16: 0x8a,
  synchronizeCache16: 0x91,
  writeSame16: 0x93,
  serviceActionIn16: 0x9e,
  reportLuns: 0xa0,
  read12: 0xa8,
  write12: 0xaa,
} as const;

/** Service action of READ CAPACITY (16). */
export const readCapacity16Action = 0x10;

/** Status byte of a command. */
export const ScsiStatus = { good: 0x0, checkCondition: 0x2, busy: 0x8, reservationConflict: 0x18 } as const;

/** What kind of trouble sense data speak of. */
export const SenseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  abortedCommand: 0xb,
  miscompare: 0xe,
} as const;

/** Pages of vital product data. */
export const VpdPage = {
  supported: 0x00,
  serial: 0x80,
  identification: 0x83,
  blockLimits: 0xb0,
  characteristics: 0xb1,
  provisioning: 0xb2,
} as const;

/** Pages of MODE SENSE. */
export const ModePage = { caching: 0x08, all: 0x3f } as const;
