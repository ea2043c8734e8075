// SPDX-License-Identifier: MIT
//
// Control messages of RNDIS, from and to bytes. Offsets inside messages count from byte 8, where the body begins.
// Data messages are rndis-packet.ts.

import { MessageReader, MessageWriter } from './message-fields.js';
import { type RndisControlMessage, RndisType } from './rndis-messages.js';

/** Type and length, before every body; offsets inside messages count from its end. */
export const rndisHeaderBytes = 8;
const requestInfoOffset = 20;
const answerInfoOffset = 16;
const indicationBufferOffset = 12;

/**
 * The first message in bytes that may be longer.
 * @throws VmbusError ERR_VMBUS_PROTOCOL for what is no control message
 */
export function decodeRndisControl(bytes: Uint8Array): RndisControlMessage {
  const fields = openRndis(bytes);
  const type = fields.u32(0);
  switch (type) {
    case RndisType.initialize:
      return {
        kind: 'initialize',
        requestId: fields.u32(8),
        major: fields.u32(12),
        minor: fields.u32(16),
        maxTransferBytes: fields.u32(20),
      };
    case RndisType.initializeComplete:
      return {
        kind: 'initializeComplete',
        requestId: fields.u32(8),
        status: fields.u32(12),
        major: fields.u32(16),
        minor: fields.u32(20),
        deviceFlags: fields.u32(24),
        medium: fields.u32(28),
        maxPackets: fields.u32(32),
        maxTransferBytes: fields.u32(36),
        alignmentFactor: fields.u32(40),
      };
    case RndisType.halt:
      return { kind: 'halt', requestId: fields.u32(8) };
    case RndisType.keepalive:
      return { kind: 'keepalive', requestId: fields.u32(8) };
    case RndisType.query:
    case RndisType.set:
      return {
        kind: type === RndisType.query ? 'query' : 'set',
        requestId: fields.u32(8),
        oid: fields.u32(12),
        info: info(fields, { lengthAt: 16, leastOffset: requestInfoOffset }),
      };
    case RndisType.queryComplete:
      return {
        kind: 'queryComplete',
        requestId: fields.u32(8),
        status: fields.u32(12),
        info: info(fields, { lengthAt: 16, leastOffset: answerInfoOffset }),
      };
    case RndisType.setComplete:
      return { kind: 'setComplete', requestId: fields.u32(8), status: fields.u32(12) };
    case RndisType.keepaliveComplete:
      return { kind: 'keepaliveComplete', requestId: fields.u32(8), status: fields.u32(12) };
    case RndisType.reset:
      return { kind: 'reset' };
    case RndisType.resetComplete:
      return { kind: 'resetComplete', status: fields.u32(8), addressingReset: fields.u32(12) !== 0 };
    case RndisType.indicateStatus:
      return decodeIndication(bytes);
    default:
      throw fields.violation(`type 0x${type.toString(16)} is no control message`, { type });
  }
}

/** The bytes of a message. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeRndisControl(message: RndisControlMessage): Uint8Array {
  const fields = new MessageWriter(sizeOf(message));
  fields.u32(0, RndisType[message.kind], 'type').u32(4, fields.bytes.length, 'length');
  if ('requestId' in message) fields.u32(8, message.requestId, 'requestId');
  switch (message.kind) {
    case 'initialize':
      fields.u32(12, message.major, 'major').u32(16, message.minor, 'minor');
      fields.u32(20, message.maxTransferBytes, 'maxTransferBytes');
      break;
    case 'initializeComplete':
      fields.u32(12, message.status, 'status').u32(16, message.major, 'major').u32(20, message.minor, 'minor');
      fields.u32(24, message.deviceFlags, 'deviceFlags').u32(28, message.medium, 'medium');
      fields.u32(32, message.maxPackets, 'maxPackets').u32(36, message.maxTransferBytes, 'maxTransferBytes');
      fields.u32(40, message.alignmentFactor, 'alignmentFactor');
      break;
    case 'query':
    case 'set':
      fields.u32(12, message.oid, 'oid').u32(16, message.info.length, 'info').u32(20, requestInfoOffset, 'offset');
      fields.part(rndisHeaderBytes + requestInfoOffset, message.info);
      break;
    case 'queryComplete':
      fields.u32(12, message.status, 'status').u32(16, message.info.length, 'info');
      fields.u32(20, answerInfoOffset, 'offset').part(rndisHeaderBytes + answerInfoOffset, message.info);
      break;
    case 'setComplete':
    case 'keepaliveComplete':
      fields.u32(12, message.status, 'status');
      break;
    case 'resetComplete':
      fields.u32(8, message.status, 'status').u32(12, message.addressingReset ? 1 : 0, 'addressingReset');
      break;
    case 'indicateStatus':
      fields.u32(8, message.status, 'status').u32(12, message.buffer.length, 'buffer');
      fields.u32(16, message.buffer.length > 0 ? indicationBufferOffset : 0, 'offset');
      fields.part(rndisHeaderBytes + indicationBufferOffset, message.buffer);
      break;
    case 'halt':
    case 'keepalive':
    case 'reset':
      break;
    default:
      message satisfies never;
  }
  return fields.bytes;
}

/** Reader of the first message in `bytes`, which ends where its length says. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function openRndis(bytes: Uint8Array): MessageReader {
  const all = new MessageReader('rndis', 'message', bytes);
  const length = all.u32(4);
  if (length < rndisHeaderBytes || length > bytes.length)
    throw all.violation(`length ${length} in ${bytes.length} bytes`, { length, bytes: bytes.length });
  return length === bytes.length ? all : new MessageReader('rndis', 'message', bytes.subarray(0, length));
}

function sizeOf(message: RndisControlMessage): number {
  switch (message.kind) {
    case 'initialize':
      return 24;
    case 'initializeComplete':
      return 52;
    case 'query':
    case 'set':
      return rndisHeaderBytes + requestInfoOffset + message.info.length;
    case 'queryComplete':
      return rndisHeaderBytes + answerInfoOffset + message.info.length;
    case 'indicateStatus':
      return rndisHeaderBytes + indicationBufferOffset + message.buffer.length;
    case 'setComplete':
    case 'keepaliveComplete':
    case 'resetComplete':
      return 16;
    default:
      return 12;
  }
}

/** Length and then offset at `lengthAt`; an empty buffer may have any offset. */
function info(fields: MessageReader, place: { readonly lengthAt: number; readonly leastOffset: number }): Uint8Array {
  const length = fields.u32(place.lengthAt);
  const offset = fields.u32(place.lengthAt + 4);
  if (length === 0) return new Uint8Array(0);
  if (offset < place.leastOffset) throw fields.violation(`information at ${offset}, over the fields`, { offset });
  return fields.part(rndisHeaderBytes + offset, length);
}

/** Some hosts forget to count the buffer in the length, so that all bytes that came are looked at. */
function decodeIndication(bytes: Uint8Array): RndisControlMessage {
  const fields = new MessageReader('rndis', 'indication', bytes);
  const buffer = info(fields, { lengthAt: 12, leastOffset: indicationBufferOffset });
  return { kind: 'indicateStatus', status: fields.u32(8), buffer };
}
