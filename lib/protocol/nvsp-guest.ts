// SPDX-License-Identifier: MIT
//
// NVSP messages of the guest, from and to bytes. What is longer than its fields is fine: guests send a union, padded.

import { MessageReader, MessageWriter } from './message-fields.js';
import { type NvspGuestMessage, NvspType, nvspMessageBytes } from './nvsp-messages.js';

/** Bytes of a completion: it is all that a guest sends for each packet that it received. */
const completionBytes = 8;

/** Types that have a number, and no meaning that anybody uses: chimney offload, deprecated ones, PacketDirect. */
function isUnused(type: number): boolean {
  return (type >= 109 && type <= 127) || type === 130 || type === 135 || type === 136;
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL for what is no message of a guest */
export function decodeNvspGuestMessage(payload: Uint8Array): NvspGuestMessage {
  const fields = new MessageReader('nvsp', 'message of the guest', payload);
  const type = fields.u32(0);
  switch (type) {
    case NvspType.init:
      return { kind: 'init', minVersion: fields.u32(4), maxVersion: fields.u32(8) };
    case NvspType.ndisVersion:
      return { kind: 'ndisVersion', major: fields.u32(4), minor: fields.u32(8) };
    case NvspType.receiveBuffer:
      return { kind: 'receiveBuffer', gpadl: fields.u32(4), bufferId: fields.u16(8) };
    case NvspType.sendBuffer:
      return { kind: 'sendBuffer', gpadl: fields.u32(4), bufferId: fields.u16(8) };
    case NvspType.revokeReceiveBuffer:
      return { kind: 'revokeReceiveBuffer', bufferId: fields.u16(4) };
    case NvspType.revokeSendBuffer:
      return { kind: 'revokeSendBuffer', bufferId: fields.u16(4) };
    case NvspType.rndisPacket:
      return {
        kind: 'rndisPacket',
        channelType: fields.u32(4),
        sectionIndex: fields.u32(8),
        sectionBytes: fields.u32(12),
      };
    case NvspType.rndisPacketComplete:
      return { kind: 'rndisPacketComplete', status: fields.u32(4) };
    case NvspType.ndisConfig:
      return { kind: 'ndisConfig', mtu: fields.u32(4), capabilities: fields.u64(12) };
    case NvspType.switchDataPath:
      return { kind: 'switchDataPath', isVirtualFunction: fields.u32(4) !== 0 };
    case NvspType.oidQuery:
      return { kind: 'oidQuery', oid: fields.u32(8) };
    case NvspType.subchannel:
      return { kind: 'subchannel', operation: fields.u32(4), count: fields.u32(8) };
    default:
      if (isUnused(type)) return { kind: 'unused', type };
      throw fields.violation(`type ${type} is none of a guest's`, { type });
  }
}

/** The bytes of a message. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeNvspGuestMessage(message: NvspGuestMessage): Uint8Array {
  const fields = new MessageWriter(message.kind === 'rndisPacketComplete' ? completionBytes : nvspMessageBytes);
  const type = message.kind === 'unused' ? message.type : NvspType[message.kind];
  fields.u32(0, type, 'type');
  switch (message.kind) {
    case 'init':
      fields.u32(4, message.minVersion, 'minVersion').u32(8, message.maxVersion, 'maxVersion');
      break;
    case 'ndisVersion':
      fields.u32(4, message.major, 'major').u32(8, message.minor, 'minor');
      break;
    case 'receiveBuffer':
    case 'sendBuffer':
      fields.u32(4, message.gpadl, 'gpadl').u16(8, message.bufferId, 'bufferId');
      break;
    case 'revokeReceiveBuffer':
    case 'revokeSendBuffer':
      fields.u16(4, message.bufferId, 'bufferId');
      break;
    case 'rndisPacket':
      fields.u32(4, message.channelType, 'channelType').u32(8, message.sectionIndex, 'sectionIndex');
      fields.u32(12, message.sectionBytes, 'sectionBytes');
      break;
    case 'rndisPacketComplete':
      fields.u32(4, message.status, 'status');
      break;
    case 'ndisConfig':
      fields.u32(4, message.mtu, 'mtu').u64(12, message.capabilities, 'capabilities');
      break;
    case 'switchDataPath':
      fields.u32(4, message.isVirtualFunction ? 1 : 0, 'isVirtualFunction');
      break;
    case 'oidQuery':
      fields.u32(8, message.oid, 'oid');
      break;
    case 'subchannel':
      fields.u32(4, message.operation, 'operation').u32(8, message.count, 'count');
      break;
    case 'unused':
      break;
    default:
      message satisfies never;
  }
  return fields.bytes;
}
