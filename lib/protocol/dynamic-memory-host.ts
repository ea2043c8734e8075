// SPDX-License-Identifier: MIT
//
// Bytes of the dynamic memory messages that a host sends: decoded by devices/memory, encoded by the simulated host.
// Source of the facts: the dm_* structures of drivers/hv/hv_balloon.c of the Linux kernel; all little-endian.

import type { HotAddRequest, InfoMessage, MemoryHostMessage } from './dynamic-memory-messages.js';
import { MemoryCapabilityAnswer, MemoryMessageType as Type } from './dynamic-memory-messages.js';
import {
  bit,
  build,
  decodeRanges,
  encodeRanges,
  headerBytes,
  need,
  openMessage,
  putU32,
  rangeBytes,
  violation,
} from './dynamic-memory-wire.js';

/** The message of a host in a packet's payload. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeHostMessage(payload: Uint8Array): MemoryHostMessage {
  const { type, view, transactionId } = openMessage(payload);
  switch (type) {
    case Type.versionResponse:
      need(view, 16, 'version response');
      return { kind: 'versionResponse', transactionId, isAccepted: bit(view, 8, 1) };
    case Type.capabilitiesResponse: {
      need(view, 16, 'capabilities response');
      const bits = view.getBigUint64(8, true);
      const has = (flag: bigint): boolean => (bits & flag) !== 0n;
      return {
        kind: 'capabilitiesResponse',
        transactionId,
        isAccepted: has(MemoryCapabilityAnswer.accepted),
        hotRemove: has(MemoryCapabilityAnswer.hotRemove),
        suppressReports: has(MemoryCapabilityAnswer.suppressReports),
      };
    }
    case Type.balloonRequest:
      need(view, 16, 'balloon request');
      return { kind: 'balloonRequest', transactionId, pageCount: view.getUint32(8, true) };
    case Type.unballoonRequest: {
      need(view, 16, 'unballoon request');
      const ranges = decodeRanges(view, 16, view.getUint32(12, true), 'unballoon request');
      return { kind: 'unballoonRequest', transactionId, moreToCome: bit(view, 8, 1), ranges };
    }
    case Type.hotAddRequest:
      return decodeHotAdd(view, transactionId);
    case Type.info:
      return decodeInfo(view, transactionId);
    case Type.hotRemoveRequest:
      need(view, 24, 'hot-remove request');
      return {
        kind: 'hotRemoveRequest',
        transactionId,
        virtualNode: view.getUint32(8, true),
        pageCount: view.getUint32(12, true),
        qualityOfService: view.getUint32(16, true),
      };
    default:
      throw violation(`message type ${type} is not one a host sends`, { type });
  }
}

/** Payload of a host's message. @throws RangeError ERR_OUT_OF_RANGE where a number does not fit its field */
export function encodeHostMessage(message: MemoryHostMessage): Uint8Array {
  const id = message.transactionId;
  switch (message.kind) {
    case 'versionResponse':
      return build(Type.versionResponse, id, 16, (view) => view.setBigUint64(8, message.isAccepted ? 1n : 0n, true));
    case 'capabilitiesResponse':
      return build(Type.capabilitiesResponse, id, 16, (view) => {
        const bits =
          (message.isAccepted ? MemoryCapabilityAnswer.accepted : 0n) |
          (message.hotRemove ? MemoryCapabilityAnswer.hotRemove : 0n) |
          (message.suppressReports ? MemoryCapabilityAnswer.suppressReports : 0n);
        view.setBigUint64(8, bits, true);
      });
    case 'balloonRequest':
      return build(Type.balloonRequest, id, 16, (view) => putU32(view, 8, message.pageCount, 'pageCount'));
    case 'unballoonRequest':
      return build(Type.unballoonRequest, id, 16 + message.ranges.length * rangeBytes, (view) => {
        view.setUint32(8, message.moreToCome ? 1 : 0, true);
        view.setUint32(12, message.ranges.length, true);
        encodeRanges(view, 16, message.ranges);
      });
    case 'hotAddRequest': {
      const ranges = message.region === null ? [message.range] : [message.range, message.region];
      return build(Type.hotAddRequest, id, headerBytes + ranges.length * rangeBytes, (view) =>
        encodeRanges(view, 8, ranges),
      );
    }
    case 'info':
      return encodeInfo(message);
    case 'hotRemoveRequest':
      return build(Type.hotRemoveRequest, id, 24, (view) => {
        putU32(view, 8, message.virtualNode, 'virtualNode');
        putU32(view, 12, message.pageCount, 'pageCount');
        putU32(view, 16, message.qualityOfService, 'qualityOfService');
      });
    default:
      return message satisfies never;
  }
}

function decodeHotAdd(view: DataView, transactionId: number): HotAddRequest {
  need(view, 16, 'hot-add request');
  const [range, region] = decodeRanges(view, 8, view.byteLength >= 24 ? 2 : 1, 'hot-add request');
  if (range === undefined) throw violation('hot-add request without a range', {});
  return { kind: 'hotAddRequest', transactionId, range, region: region ?? null };
}

function decodeInfo(view: DataView, transactionId: number): InfoMessage {
  need(view, 16, 'info message');
  const blobBytes = view.getUint32(12, true);
  if (blobBytes < 8 || blobBytes > view.byteLength - 16) {
    throw violation(`info message of ${view.byteLength} bytes announces a blob of ${blobBytes}`, { blobBytes });
  }
  const dataBytes = view.getUint32(20, true);
  if (dataBytes > blobBytes - 8)
    throw violation(`info blob of ${blobBytes} bytes announces ${dataBytes} of data`, { dataBytes });
  const data = new Uint8Array(view.buffer, view.byteOffset + 24, dataBytes).slice();
  return { kind: 'info', transactionId, infoType: view.getUint32(16, true), data };
}

function encodeInfo(message: InfoMessage): Uint8Array {
  const blobBytes = 8 + message.data.length;
  return build(Type.info, message.transactionId, 16 + blobBytes, (view) => {
    view.setUint32(12, blobBytes, true);
    putU32(view, 16, message.infoType, 'infoType');
    view.setUint32(20, message.data.length, true);
    new Uint8Array(view.buffer).set(message.data, 24);
  });
}
