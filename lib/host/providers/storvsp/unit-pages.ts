// SPDX-License-Identifier: MIT
//
// What a unit says of itself: standard inquiry data and pages of vital product data, as a virtual disk of Hyper-V does.
// Called by: unit.ts, absent-unit.ts.

import { createHash } from 'node:crypto';

import { encodeInquiry } from '../../../protocol/scsi/inquiry.js';
import { VpdPage } from '../../../protocol/scsi/numbers.js';
import {
  encodeBlockLimits,
  encodeCharacteristics,
  encodeDesignators,
  encodeProvisioning,
  encodeSerial,
  encodeSupportedPages,
} from '../../../protocol/scsi/vpd.js';
import { mostClearedBytes, mostUnmapExtents } from './unit-blocks.js';

/** Most bytes that one request may move; controllers say it, and so do their disks. */
export const mostTransferBytes: number = 256 * 1024;
/** Bytes of a physical block, whatever the logical one. */
export const physicalBlockBytes = 4096;

const texts = { vendor: 'Msft', product: 'Virtual Disk', revision: '1.0' } as const;
const spc3 = 5;

/** Standard inquiry data of a disk, or of an address where there is none. */
export function inquiryData(isPresent: boolean): Uint8Array {
  return encodeInquiry({ isPresent, deviceType: 0, isRemovable: false, version: spc3, ...texts });
}

/** A page of vital product data; null for one that a disk does not have. */
export function vitalPage(
  page: number,
  disk: { readonly serial: string; readonly blockBytes: number },
): Uint8Array | null {
  const { serial, blockBytes } = disk;
  switch (page) {
    case VpdPage.supported:
      return encodeSupportedPages(Object.values(VpdPage));
    case VpdPage.serial:
      return encodeSerial(serial);
    case VpdPage.identification:
      return encodeDesignators([
        { type: 1, isText: true, bytes: Buffer.from(`${texts.vendor.padEnd(8)}${serial}`, 'latin1') },
        { type: 3, isText: false, bytes: nameOf(serial) },
      ]);
    case VpdPage.blockLimits:
      return encodeBlockLimits({
        maxTransferBlocks: mostTransferBytes / blockBytes,
        maxUnmapBlocks: mostClearedBytes / blockBytes,
        maxUnmapDescriptors: mostUnmapExtents,
        unmapGranularity: physicalBlockBytes / blockBytes,
        maxWriteSameBlocks: BigInt(mostClearedBytes / blockBytes),
      });
    case VpdPage.characteristics:
      return encodeCharacteristics();
    case VpdPage.provisioning:
      return encodeProvisioning({ unmap: true, writeSame16: true, writeSame10: true, readsZeroes: true, isThin: true });
    default:
      return null;
  }
}

/** The serial number of a unit that was given none: the same whenever the device has the same GUID. */
export function serialOf(device: string, lun: number): string {
  return createHash('sha256').update(`${device} ${lun}`).digest('hex').slice(0, 32);
}

/** Name of NAA format 6, with the number that Hyper-V's disks begin with, then digits that hang on the serial number. */
function nameOf(serial: string): Uint8Array {
  const digits = createHash('sha256').update(serial).digest('hex').slice(0, 25);
  return Buffer.from(`6002248${digits}`, 'hex');
}
