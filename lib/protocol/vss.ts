// SPDX-License-Identifier: MIT
//
// Bodies of the backup service (volume snapshots): the host asks whether file systems can be frozen, freezes and thaws them.
// Shared by host/providers/vss.ts and devices/. Source of the facts: struct hv_vss_msg in include/uapi/linux/hyperv.h,
// drivers/hv/hv_snapshot.c; the details of a freeze: vss definitions of OpenVMM.
//
// Body: u8 operation, 7 bytes zero, u32 flags. A freeze may go on: u32 backup type in place of the flags, u32 flags, u32 count,
// then so many disks of 24 bytes: u8 bus, 3 zero, controller GUID[16], u8 port, u8 target, u8 LUN, 1 zero.

import { outOfRange } from '../errors.js';
import { type Guid, guidFromBytes, guidToBytes, parseGuid } from '../guid.js';
import { needBytes, protocolViolation, putUint, viewOf } from './wire-fields.js';

/** Class GUID of the backup device. */
export const vssClass: Guid = parseGuid('35fa2e29-ea23-4236-96ae-3a6ebacba440');
/** Instance GUID that Hyper-V gives it. */
export const vssInstance: Guid = parseGuid('2450ee40-33bf-4fbd-892e-9fb06e9214cf');

/** Numbers of the operations. */
export const VssOperation = {
  createSnapshot: 0,
  deleteSnapshot: 1,
  /** Whether the guest can be backed up while it runs. */
  hotBackup: 2,
  directMappedInfo: 3,
  backupComplete: 4,
  freeze: 5,
  thaw: 6,
  autoRecover: 7,
  clusterInfo: 8,
} as const;

/** Bits of the flags with which a guest answers {@link VssOperation.hotBackup}. Linux means both: no automatic recovery. */
export const VssFlag = { noAutoRecovery: 5 } as const;

const flagsOffset = 8;
const plainBytes = 12;
const disksOffset = 20;
const diskBytes = 24;
/** Records that a freeze has room for. */
export const mostVssDisks = 260;

/** A disk that is backed up. */
export interface VssDisk {
  readonly bus: number;
  /** Instance GUID of its controller. */
  readonly controller: Guid;
  readonly port: number;
  readonly target: number;
  readonly lun: number;
}

/** What a host may say about the backup that it freezes for. */
export interface VssFreezeDetails {
  readonly backupType: number;
  readonly flags: number;
  readonly disks: readonly VssDisk[];
}

/** A message, either way. */
export interface VssMessage {
  /** See {@link VssOperation}; others are possible. */
  readonly operation: number;
  /** Answers: see {@link VssFlag}. With details of a freeze there is no room for them. */
  readonly flags: number;
  readonly details: VssFreezeDetails | null;
}

/** Body of a message. @throws TypeError, RangeError */
export function encodeVss({ operation, flags, details }: VssMessage): Uint8Array {
  const disks = details?.disks ?? [];
  if (disks.length > mostVssDisks) throw outOfRange('disks.length', `at most ${mostVssDisks}`, disks.length);
  const body = new Uint8Array(details ? disksOffset + disks.length * diskBytes : plainBytes);
  const view = viewOf(body);
  putUint(view, 0, 8, operation, 'operation');
  putUint(view, flagsOffset, 32, details ? details.backupType : flags, details ? 'backupType' : 'flags');
  if (!details) return body;
  if (operation !== VssOperation.freeze) throw outOfRange('operation', 'a freeze, with details', operation);
  putUint(view, 12, 32, details.flags, 'details.flags');
  view.setUint32(16, disks.length, true);
  for (const [i, disk] of disks.entries()) {
    const at = disksOffset + i * diskBytes;
    putUint(view, at, 8, disk.bus, 'bus');
    body.set(guidToBytes(disk.controller), at + 4);
    putUint(view, at + 20, 8, disk.port, 'port');
    putUint(view, at + 21, 8, disk.target, 'target');
    putUint(view, at + 22, 8, disk.lun, 'lun');
  }
  return body;
}

/** The message in a body. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeVss(body: Uint8Array): VssMessage {
  needBytes(viewOf(body), plainBytes, 'vss', 'message');
  const view = viewOf(body);
  const operation = view.getUint8(0);
  const word = view.getUint32(flagsOffset, true);
  if (operation !== VssOperation.freeze || body.length < disksOffset) return { operation, flags: word, details: null };
  const count = view.getUint32(16, true);
  if (count > mostVssDisks || disksOffset + count * diskBytes > body.length)
    throw protocolViolation('vss', `a freeze of ${body.length} bytes announces ${count} disks`, {
      count,
      bytes: body.length,
    });
  const disks = Array.from({ length: count }, (_, i): VssDisk => {
    const at = disksOffset + i * diskBytes;
    return {
      bus: view.getUint8(at),
      controller: guidFromBytes(body.subarray(at + 4, at + 20)),
      port: view.getUint8(at + 20),
      target: view.getUint8(at + 21),
      lun: view.getUint8(at + 22),
    };
  });
  return { operation, flags: 0, details: { backupType: word, flags: view.getUint32(12, true), disks } };
}

/** Body of the answer to a request: the same with other flags. @throws VmbusError ERR_VMBUS_PROTOCOL; TypeError, RangeError */
export function encodeVssReply(request: Uint8Array, flags: number): Uint8Array {
  needBytes(viewOf(request), plainBytes, 'vss', 'message');
  const body = Uint8Array.from(request);
  putUint(viewOf(body), flagsOffset, 32, flags, 'flags');
  return body;
}
