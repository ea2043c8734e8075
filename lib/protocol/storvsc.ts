// SPDX-License-Identifier: MIT
//
// The codec of the storage protocol (SCSI controller and IDE accelerator): one door to its numbers, packets and SRBs. Decoders
// look at nothing but the bytes given; what is too short or of the wrong kind is ERR_VMBUS_PROTOCOL. The SCSI commands inside
// are in scsi/.
// Called by devices/storvsc (guest) and host/providers/storvsp (host).

import { outOfRange } from '../errors.js';
import { type Guid, parseGuid } from '../guid.js';

export * from './storvsc-numbers.js';
export * from './storvsc-packet.js';
export * from './storvsc-srb.js';
export { storageViolation } from './storvsc-violation.js';

/** Class of the SCSI controller: many units, subchannels. */
export const scsiClass: Guid = parseGuid('ba6163d9-04a1-4d29-b605-72e2ffb1dc7f');

/** Class of the IDE accelerator: one disk a device. */
export const ideClass: Guid = parseGuid('32412632-86cb-44a2-9b5c-50d1417354f5');

/** Where an IDE disk hangs: channel and device on it, 0 or 1 each. */
export interface IdePlace {
  readonly channel: number;
  readonly device: number;
}

const ideUserDataBytes = 24;
const ideController = 2;

/** Instance GUID of the accelerator of an IDE disk; a guest takes the disk's target from it. @throws RangeError ERR_OUT_OF_RANGE */
export function ideInstanceGuid({ channel, device }: IdePlace): Guid {
  for (const part of [channel, device]) if (part !== 0 && part !== 1) throw outOfRange('place', '0 or 1', part);
  return parseGuid(`0000000${channel}-000${device}-8899-0000-000000000000`);
}

/** The target of an IDE disk, from the instance GUID of its accelerator: the second part. */
export const ideTargetOf = (instance: Guid): number => Number.parseInt(instance.slice(9, 13), 16) & 0xff;

/** User data in the offer of the accelerator of an IDE disk. */
export function ideUserData({ channel, device }: IdePlace): Uint8Array {
  const bytes = new Uint8Array(ideUserDataBytes);
  bytes[2] = channel;
  bytes[3] = device;
  new DataView(bytes.buffer).setUint32(8, ideController, true);
  return bytes;
}
