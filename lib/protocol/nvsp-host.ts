// SPDX-License-Identifier: MIT
//
// NVSP messages of the host, from and to bytes. What is longer than its fields is fine.

import { invalidValue } from '../errors.js';
import { MessageReader, MessageWriter } from './message-fields.js';
import {
  indirectionEntries,
  type NvspHostMessage,
  type NvspReceiveSection,
  NvspType,
  NvspVersion,
  nvspMessageBytes,
} from './nvsp-messages.js';

const sectionsOffset = 12;
const sectionBytes = 16;
/** Where our table begins; hosts of Windows have it further back. */
const tableOffset = 12;
const tableBytes = 4 * indirectionEntries;

/** @throws VmbusError ERR_VMBUS_PROTOCOL for what is no message of a host. @param version that was agreed on: see the table */
export function decodeNvspHostMessage(payload: Uint8Array, version: number = NvspVersion.v61): NvspHostMessage {
  const fields = new MessageReader('nvsp', 'message of the host', payload);
  const type = fields.u32(0);
  switch (type) {
    case NvspType.initComplete:
      return {
        kind: 'initComplete',
        legacyVersion: fields.u32(4),
        maxMdlChain: fields.u32(8),
        status: fields.u32(12),
      };
    case NvspType.receiveBufferComplete:
      return { kind: 'receiveBufferComplete', status: fields.u32(4), sections: decodeSections(fields) };
    case NvspType.sendBufferComplete:
      return { kind: 'sendBufferComplete', status: fields.u32(4), sectionBytes: fields.u32(8) };
    case NvspType.rndisPacket:
      return {
        kind: 'rndisPacket',
        channelType: fields.u32(4),
        sectionIndex: fields.u32(8),
        sectionBytes: fields.u32(12),
      };
    case NvspType.rndisPacketComplete:
      return { kind: 'rndisPacketComplete', status: fields.u32(4) };
    case NvspType.virtualFunction:
      return { kind: 'virtualFunction', isAllocated: fields.u32(4) !== 0, serial: fields.u32(8) };
    case NvspType.switchDataPath:
      return { kind: 'switchDataPath', isVirtualFunction: fields.u32(4) !== 0 };
    case NvspType.oidQueryComplete:
      return { kind: 'oidQueryComplete', status: fields.u32(4), infoBytes: fields.u32(8) };
    case NvspType.subchannel:
      return { kind: 'subchannel', status: fields.u32(4), count: fields.u32(8) };
    case NvspType.indirectionTable:
      return { kind: 'indirectionTable', entries: decodeTable(fields, version) };
    default:
      throw fields.violation(`type ${type} is none of a host's`, { type });
  }
}

/** The bytes of a message. @throws RangeError ERR_OUT_OF_RANGE, TypeError ERR_INVALID_ARG_VALUE */
export function encodeNvspHostMessage(message: NvspHostMessage): Uint8Array {
  const fields = new MessageWriter(sizeOf(message));
  fields.u32(0, NvspType[message.kind], 'type');
  switch (message.kind) {
    case 'initComplete':
      fields.u32(4, message.legacyVersion, 'legacyVersion').u32(8, message.maxMdlChain, 'maxMdlChain');
      fields.u32(12, message.status, 'status');
      break;
    case 'receiveBufferComplete':
      fields.u32(4, message.status, 'status').u32(8, message.sections.length, 'sections');
      encodeSections(fields, message.sections);
      break;
    case 'sendBufferComplete':
      fields.u32(4, message.status, 'status').u32(8, message.sectionBytes, 'sectionBytes');
      break;
    case 'rndisPacket':
      fields.u32(4, message.channelType, 'channelType').u32(8, message.sectionIndex, 'sectionIndex');
      fields.u32(12, message.sectionBytes, 'sectionBytes');
      break;
    case 'rndisPacketComplete':
      fields.u32(4, message.status, 'status');
      break;
    case 'virtualFunction':
      fields.u32(4, message.isAllocated ? 1 : 0, 'isAllocated').u32(8, message.serial, 'serial');
      break;
    case 'switchDataPath':
      fields.u32(4, message.isVirtualFunction ? 1 : 0, 'isVirtualFunction');
      break;
    case 'oidQueryComplete':
      fields.u32(4, message.status, 'status').u32(8, message.infoBytes, 'infoBytes');
      break;
    case 'subchannel':
      fields.u32(4, message.status, 'status').u32(8, message.count, 'count');
      break;
    case 'indirectionTable':
      fields.u32(4, message.entries.length, 'entries').u32(8, tableOffset, 'offset');
      for (const [i, entry] of message.entries.entries()) fields.u32(tableOffset + 4 * i, entry, 'entry');
      break;
    default:
      message satisfies never;
  }
  return fields.bytes;
}

function sizeOf(message: NvspHostMessage): number {
  if (message.kind === 'receiveBufferComplete')
    return Math.max(nvspMessageBytes, sectionsOffset + sectionBytes * message.sections.length);
  if (message.kind !== 'indirectionTable') return nvspMessageBytes;
  if (message.entries.length === indirectionEntries) return tableOffset + tableBytes;
  throw invalidValue('entries', `must be ${indirectionEntries} numbers`, message.entries.length);
}

function decodeSections(fields: MessageReader): NvspReceiveSection[] {
  const count = fields.u32(8);
  if (count > (fields.length - sectionsOffset) / sectionBytes)
    throw fields.violation(`${count} sections in ${fields.length} bytes`, { count, bytes: fields.length });
  return Array.from({ length: count }, (_, i) => {
    const at = sectionsOffset + sectionBytes * i;
    return {
      offset: fields.u32(at),
      sectionBytes: fields.u32(at + 4),
      count: fields.u32(at + 8),
      endOffset: fields.u32(at + 12),
    };
  });
}

function encodeSections(fields: MessageWriter, sections: readonly NvspReceiveSection[]): void {
  for (const [i, section] of sections.entries()) {
    const at = sectionsOffset + sectionBytes * i;
    fields.u32(at, section.offset, 'offset').u32(at + 4, section.sectionBytes, 'sectionBytes');
    fields.u32(at + 8, section.count, 'count').u32(at + 12, section.endOffset, 'endOffset');
  }
}

function decodeTable(fields: MessageReader, version: number): number[] {
  const count = fields.u32(4);
  if (count !== indirectionEntries) throw fields.violation(`a table of ${count} entries`, { count });
  // Hosts up to 6.0 say a wrong offset in their longer message; the table is where it always was.
  const offset = version <= NvspVersion.v6 && fields.length >= 40 + tableBytes ? 40 : fields.u32(8);
  if (offset < tableOffset) throw fields.violation(`a table at ${offset}, over the fields before it`, { offset });
  const table = fields.part(offset, tableBytes);
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
}
