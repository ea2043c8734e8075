// SPDX-License-Identifier: MIT
//
// CDBs of the SCSI commands of a disk, for whoever commands one. Big-endian.
// Called by devices/storvsc and tests. The other way: cdb.ts. Source: SPC-4 and SBC-3 of T10.

import { outOfRange } from '../../errors.js';
import type { CdbForm, ScsiCommand, TransferCommand } from './commands.js';
import { ScsiOpcode as Op, readCapacity16Action } from './numbers.js';

const opcodes = {
  read: { 6: Op.read6, 10: Op.read10, 12: Op.read12, 16: Op.read16 },
  write: { 6: Op.write6, 10: Op.write10, 12: Op.write12, 16: Op.write16 },
} as const;

/** The CDB of a command. @throws RangeError ERR_OUT_OF_RANGE where a number does not fit its field */
export function encodeCdb(command: ScsiCommand): Uint8Array {
  switch (command.kind) {
    case 'testUnitReady':
      return cdb(6, Op.testUnitReady);
    case 'requestSense':
      return cdb(6, Op.requestSense, 0, [4, 1, command.allocationBytes]);
    case 'inquiry': {
      const page: Field = [2, 1, command.page ?? 0];
      return cdb(6, Op.inquiry, command.page === null ? 0 : 1, page, [3, 2, command.allocationBytes]);
    }
    case 'modeSense': {
      const { form, page, subpage, control, allocationBytes } = command;
      const place: Field = form === 6 ? [4, 1, allocationBytes] : [7, 2, allocationBytes];
      const bytes = cdb(form, form === 6 ? Op.modeSense6 : Op.modeSense10, 0, [3, 1, subpage], place);
      if (page > 0x3f || control > 3) throw outOfRange('page', '0 to 63, with control 0 to 3', page);
      bytes[2] = (control << 6) | page;
      return bytes;
    }
    case 'startStopUnit':
      return cdb(6, Op.startStopUnit, 0, [4, 1, (command.start ? 1 : 0) | (command.eject ? 2 : 0)]);
    case 'readCapacity':
      if (command.form === 10) return cdb(10, Op.readCapacity10);
      return cdb(16, Op.serviceActionIn16, readCapacity16Action, [10, 4, command.allocationBytes]);
    case 'reportLuns':
      return cdb(12, Op.reportLuns, 0, [2, 1, command.select], [6, 4, command.allocationBytes]);
    case 'unmap':
      return cdb(10, Op.unmap, 0, [7, 2, command.parameterBytes]);
    case 'synchronizeCache': {
      const opcode = command.form === 10 ? Op.synchronizeCache10 : Op.synchronizeCache16;
      return cdb(command.form, opcode, 0, ...extent(command.form, command));
    }
    case 'writeSame': {
      const flags = (command.unmap ? 8 : 0) | (command.noData ? 1 : 0);
      if (command.noData && command.form === 10) throw outOfRange('form', '16 where no data come along', 10);
      const opcode = command.form === 10 ? Op.writeSame10 : Op.writeSame16;
      return cdb(command.form, opcode, flags, ...extent(command.form, command));
    }
    case 'read':
    case 'write':
      return encodeTransfer(command);
    default:
      return command satisfies never;
  }
}

function encodeTransfer(command: TransferCommand): Uint8Array {
  const { kind, form, lba, blocks } = command;
  const opcode = opcodes[kind][form];
  if (form !== 6) return cdb(form, opcode, command.forceUnitAccess ? 8 : 0, ...extent(form, command));
  if (lba < 0n || lba > 0x1f_ffffn) throw outOfRange('lba', '0 to 2^21 - 1', lba);
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > 256) throw outOfRange('blocks', '1 to 256', blocks);
  if (command.forceUnitAccess) throw outOfRange('form', '10 or more for forced unit access', form);
  return cdb(6, opcode, Number(lba >> 16n), [2, 2, Number(lba & 0xffffn)], [4, 1, blocks % 256]);
}

/** Offset, bytes and value of a number. */
type Field = readonly [offset: number, bytes: number, value: number | bigint];

function extent(form: Exclude<CdbForm, 6>, { lba, blocks }: { lba: bigint; blocks: number }): [Field, Field] {
  if (form === 16)
    return [
      [2, 8, lba],
      [10, 4, blocks],
    ];
  return [[2, 4, lba], form === 12 ? [6, 4, blocks] : [7, 2, blocks]];
}

function cdb(form: CdbForm, opcode: number, flags = 0, ...fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(form);
  bytes[0] = opcode;
  bytes[1] = flags;
  for (const [offset, length, value] of fields) {
    const isWhole = typeof value === 'bigint' || Number.isInteger(value);
    if (!isWhole || value < 0 || BigInt(value) >= 1n << BigInt(8 * length))
      throw outOfRange('command', `a number of ${length} bytes`, value);
    let left = BigInt(value);
    for (let at = offset + length - 1; at >= offset; at -= 1, left >>= 8n) bytes[at] = Number(left & 0xffn);
  }
  return bytes;
}
