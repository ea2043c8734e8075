// SPDX-License-Identifier: MIT
//
// SRBs, the SCSI requests inside vstor packets, in both revisions: the request of a guest and the reply of a host.
// Exported by storvsc.ts. Source: struct vmscsi_request of drivers/scsi/storvsc_drv.c of the Linux kernel. Little-endian but
// for what a CDB and sense data hold.

import { outOfRange } from '../errors.js';
import { mostCdbBytes, mostSenseBytes, SrbDirection, SrbFlag, SrbStatusBit, srbBytes } from './storvsc-numbers.js';
import { storageViolation } from './storvsc-violation.js';

/** Where a unit is on its controller, each 8 bits. */
export interface ScsiAddress {
  readonly path: number;
  readonly target: number;
  readonly lun: number;
}

/** A SCSI request of a guest. */
export interface Srb extends ScsiAddress {
  /** As the guest says; more than 16 is for the host to refuse. */
  readonly cdbLength: number;
  /** The command, at most 16 bytes of it. */
  readonly cdb: Uint8Array;
  /** See {@link SrbDirection}; other numbers are possible. */
  readonly direction: number;
  /** Bytes of the buffer that the command may use. */
  readonly transferBytes: number;
  /** See {@link SrbFlag}; 0 in revision 1. */
  readonly flags: number;
  /** Advisory; 0 in revision 1. */
  readonly timeoutSeconds: number;
}

/** How a host answers a SCSI request. */
export interface SrbReply extends ScsiAddress {
  /** Code of {@link SrbStatus}, without the bits beside it. */
  readonly srbStatus: number;
  /** 0 good, 2 check condition, 8 busy, 0x18 reservation conflict. */
  readonly scsiStatus: number;
  /** Bytes moved. */
  readonly transferBytes: number;
  /** Null where there is none. */
  readonly sense: Uint8Array | null;
}

const checkCondition = 2;
const untagged = 0xff;
const simpleQueueAction = 0x20;

/** The SRB in the body of a vstor packet. @throws VmbusError ERR_VMBUS_PROTOCOL when it is too short */
export function decodeSrb(body: Uint8Array): Srb {
  const view = openSrb(body);
  const cdbLength = view.getUint8(8);
  const isNew = body.length >= srbBytes.revision2;
  return {
    ...addressIn(view),
    cdbLength,
    cdb: body.slice(16, 16 + Math.min(cdbLength, mostCdbBytes)),
    direction: view.getUint8(10),
    transferBytes: view.getUint32(12, true),
    flags: isNew ? view.getUint32(40, true) : 0,
    timeoutSeconds: isNew ? view.getUint32(44, true) : 0,
  };
}

/**
 * Writes a request into the body of a vstor packet, whose length decides on the revision.
 * @throws RangeError ERR_OUT_OF_RANGE where a number does not fit its field
 */
export function encodeSrb(body: Uint8Array, srb: Omit<Srb, 'cdbLength'>): void {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const isNew = body.length >= srbBytes.revision2;
  if (srb.cdb.length < 1 || srb.cdb.length > mostCdbBytes) throw outOfRange('cdb.length', '1 to 16', srb.cdb.length);
  view.setUint16(0, isNew ? srbBytes.revision2 : srbBytes.revision1, true);
  putAddress(view, srb);
  view.setUint8(8, srb.cdb.length);
  view.setUint8(9, isNew ? mostSenseBytes.revision2 : mostSenseBytes.revision1);
  putNumber(view, 10, srb.direction, SrbDirection.none, 'direction');
  putU32(view, 12, srb.transferBytes, 'transferBytes');
  body.set(srb.cdb, 16);
  if (!isNew) return;
  if ((srb.flags & SrbFlag.queueActionEnable) !== 0) {
    view.setUint8(38, untagged);
    view.setUint8(39, simpleQueueAction);
  }
  putU32(view, 40, srb.flags, 'flags');
  putU32(view, 44, srb.timeoutSeconds, 'timeoutSeconds');
}

/** The reply in the body of a completion. Sense is there where both status bytes say so. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeSrbReply(body: Uint8Array): SrbReply {
  const view = openSrb(body);
  const status = view.getUint8(2);
  const scsiStatus = view.getUint8(3);
  const hasSense = (status & SrbStatusBit.autosenseValid) !== 0 && scsiStatus === checkCondition;
  const senseBytes = Math.min(view.getUint8(9), mostSenseBytes.revision2);
  return {
    ...addressIn(view),
    srbStatus: status & 0x3f,
    scsiStatus,
    transferBytes: view.getUint32(12, true),
    sense: hasSense ? body.slice(16, 16 + senseBytes) : null,
  };
}

/**
 * Writes a reply into the body of a completion, whose length decides on the revision.
 * @throws RangeError ERR_OUT_OF_RANGE where a number does not fit its field
 */
export function encodeSrbReply(body: Uint8Array, reply: SrbReply): void {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const isNew = body.length >= srbBytes.revision2;
  const room = isNew ? mostSenseBytes.revision2 : mostSenseBytes.revision1;
  const { sense } = reply;
  if (sense && sense.length > room) throw outOfRange('sense.length', `at most ${room}`, sense.length);
  view.setUint16(0, isNew ? srbBytes.revision2 : srbBytes.revision1, true);
  putNumber(view, 2, reply.srbStatus, 0x3f, 'srbStatus');
  if (sense) view.setUint8(2, reply.srbStatus | SrbStatusBit.autosenseValid);
  putNumber(view, 3, reply.scsiStatus, 0xff, 'scsiStatus');
  putAddress(view, reply);
  // Hosts say how much room the two fields have, whether or not anything is in them.
  view.setUint8(8, mostCdbBytes);
  view.setUint8(9, room);
  putU32(view, 12, reply.transferBytes, 'transferBytes');
  if (sense) body.set(sense, 16);
}

function openSrb(body: Uint8Array): DataView {
  if (body.length < srbBytes.revision1)
    throw storageViolation(`${body.length} bytes are less than an SRB`, { bytes: body.length });
  return new DataView(body.buffer, body.byteOffset, body.length);
}

function addressIn(view: DataView): ScsiAddress {
  return { path: view.getUint8(5), target: view.getUint8(6), lun: view.getUint8(7) };
}

function putAddress(view: DataView, { path, target, lun }: ScsiAddress): void {
  putNumber(view, 5, path, 0xff, 'path');
  putNumber(view, 6, target, 0xff, 'target');
  putNumber(view, 7, lun, 0xff, 'lun');
}

function putNumber(view: DataView, offset: number, value: number, most: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > most) throw outOfRange(name, `0 to ${most}`, value);
  view.setUint8(offset, value);
}

function putU32(view: DataView, offset: number, value: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw outOfRange(name, '0 to 2^32 - 1', value);
  view.setUint32(offset, value, true);
}
