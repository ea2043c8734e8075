// SPDX-License-Identifier: MIT
//
// Bytes of the SCSI commands of a disk. Big-endian.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SPC-4 and SBC-3 of T10.

import type { CdbForm, CdbProblem, ScsiCommand } from './commands.js';
import { ScsiOpcode as Op, readCapacity16Action } from './numbers.js';

/** Bytes of a command by the group of its opcode (bits 5-7); 0 where a disk has none. */
const groupBytes: readonly number[] = [6, 10, 10, 0, 16, 12, 0, 0];

const vitalProductData = 0x01;
const forceUnitAccess = 0x08;
const protection = 0xe0;
const sameUnmap = 0x08;
const sameAnchor = 0x10;
const sameNoData = 0x01;
/** The data with a block number in each block: obsolete. */
const sameNumbered = 0x06;
const unmapAnchor = 0x01;

/** The command in a CDB; a problem where it is none that a disk of ours knows. Bytes beyond the command are not looked at. */
export function decodeCdb(cdb: Uint8Array): ScsiCommand | CdbProblem {
  const opcode = cdb[0];
  if (opcode === undefined) return { kind: 'problem', about: 'length', opcode: 0 };
  const form = groupBytes[opcode >> 5] ?? 0;
  if (form === 0) return { kind: 'problem', about: 'opcode', opcode };
  if (cdb.length < form) return { kind: 'problem', about: 'length', opcode };
  const command = decodeKnown(opcode, cdb, new DataView(cdb.buffer, cdb.byteOffset, form));
  return typeof command === 'string' ? { kind: 'problem', about: command, opcode } : command;
}

function decodeKnown(opcode: number, cdb: Uint8Array, view: DataView): ScsiCommand | 'opcode' | 'field' {
  const flags = cdb[1] ?? 0;
  switch (opcode) {
    case Op.testUnitReady:
      return { kind: 'testUnitReady' };
    case Op.requestSense:
      // Descriptor format is not spoken.
      return (flags & 1) !== 0 ? 'field' : { kind: 'requestSense', allocationBytes: view.getUint8(4) };
    case Op.inquiry: {
      const page = view.getUint8(2);
      if ((flags & vitalProductData) === 0 && page !== 0) return 'field';
      const isVital = (flags & vitalProductData) !== 0;
      return { kind: 'inquiry', page: isVital ? page : null, allocationBytes: view.getUint16(3) };
    }
    case Op.modeSense6:
    case Op.modeSense10: {
      const form = opcode === Op.modeSense6 ? 6 : 10;
      const [page, subpage] = [view.getUint8(2), view.getUint8(3)];
      const allocationBytes = form === 6 ? view.getUint8(4) : view.getUint16(7);
      return { kind: 'modeSense', form, page: page & 0x3f, subpage, control: page >> 6, allocationBytes };
    }
    case Op.startStopUnit: {
      const bits = view.getUint8(4);
      return { kind: 'startStopUnit', start: (bits & 1) !== 0, eject: (bits & 2) !== 0 };
    }
    case Op.readCapacity10:
      return { kind: 'readCapacity', form: 10, allocationBytes: 8 };
    case Op.serviceActionIn16:
      if ((flags & 0x1f) !== readCapacity16Action) return 'field';
      return { kind: 'readCapacity', form: 16, allocationBytes: view.getUint32(10) };
    case Op.reportLuns:
      return { kind: 'reportLuns', select: view.getUint8(2), allocationBytes: view.getUint32(6) };
    case Op.synchronizeCache10:
    case Op.synchronizeCache16:
      return { kind: 'synchronizeCache', ...extentOf(opcode === Op.synchronizeCache10 ? 10 : 16, view) };
    case Op.unmap:
      return (flags & unmapAnchor) !== 0 ? 'field' : { kind: 'unmap', parameterBytes: view.getUint16(7) };
    case Op.writeSame10:
    case Op.writeSame16: {
      const form = opcode === Op.writeSame10 ? 10 : 16;
      const noData = (flags & sameNoData) !== 0;
      if ((flags & (protection | sameAnchor | sameNumbered)) !== 0 || (form === 10 && noData)) return 'field';
      return { kind: 'writeSame', ...extentOf(form, view), unmap: (flags & sameUnmap) !== 0, noData };
    }
    default:
      return decodeTransfer(opcode, flags, view);
  }
}

function decodeTransfer(opcode: number, flags: number, view: DataView): ScsiCommand | 'opcode' | 'field' {
  const known = transfers.find(({ code }) => code === opcode);
  if (!known) return 'opcode';
  const { kind, form } = known;
  if (form !== 6) {
    if ((flags & protection) !== 0) return 'field';
    return { kind, ...extentOf(form, view), forceUnitAccess: (flags & forceUnitAccess) !== 0 };
  }
  const lba = BigInt(view.getUint32(0) & 0x1f_ffff);
  // A byte has no room for 256, which 0 stands for.
  return { kind, form, lba, blocks: view.getUint8(4) || 256, forceUnitAccess: false };
}

const transfers = [
  { code: Op.read6, kind: 'read', form: 6 },
  { code: Op.write6, kind: 'write', form: 6 },
  { code: Op.read10, kind: 'read', form: 10 },
  { code: Op.write10, kind: 'write', form: 10 },
  { code: Op.read12, kind: 'read', form: 12 },
  { code: Op.write12, kind: 'write', form: 12 },
  { code: Op.read16, kind: 'read', form: 16 },
  { code: Op.write16, kind: 'write', form: 16 },
] as const;

/** First block and count, where they stand in the forms that have both. */
function extentOf<Form extends Exclude<CdbForm, 6>>(
  form: Form,
  view: DataView,
): { readonly form: Form; readonly lba: bigint; readonly blocks: number } {
  if (form === 16) return { form, lba: view.getBigUint64(2), blocks: view.getUint32(10) };
  return { form, lba: BigInt(view.getUint32(2)), blocks: form === 12 ? view.getUint32(6) : view.getUint16(7) };
}
