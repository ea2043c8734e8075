// SPDX-License-Identifier: MIT
//
// Bytes of the dynamic memory messages that a guest sends: encoded by devices/memory, decoded by the simulated host.
// Source of the facts: the dm_* structures of drivers/hv/hv_balloon.c of the Linux kernel; all little-endian.

import { outOfRange } from '../errors.js';
import type { MemoryCapabilities, MemoryGuestMessage, StatusReport } from './dynamic-memory-messages.js';
import { MemoryCapability, MemoryMessageType as Type } from './dynamic-memory-messages.js';
import {
  bit,
  build,
  decodeRanges,
  encodeRanges,
  headerBytes,
  need,
  openMessage,
  putU32,
  putU64,
  rangeBytes,
  violation,
} from './dynamic-memory-wire.js';

const moreToComeBit = 1;

/** The message of a guest in a packet's payload. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeGuestMessage(payload: Uint8Array): MemoryGuestMessage {
  const { type, view, transactionId } = openMessage(payload);
  switch (type) {
    case Type.versionRequest:
      need(view, 16, 'version request');
      return {
        kind: 'versionRequest',
        transactionId,
        version: view.getUint32(8, true),
        isLastAttempt: bit(view, 12, 1),
      };
    case Type.capabilitiesReport:
      need(view, 32, 'capabilities report');
      return {
        kind: 'capabilitiesReport',
        transactionId,
        capabilities: toCapabilities(view.getBigUint64(8, true)),
        minPageCount: view.getBigUint64(16, true),
        maxPageNumber: view.getBigUint64(24, true),
      };
    case Type.statusReport:
      need(view, 48, 'status report');
      return decodeStatus(view, transactionId);
    case Type.balloonResponse: {
      need(view, 16, 'balloon response');
      const word = view.getUint32(12, true);
      const ranges = decodeRanges(view, 16, word >>> 1, 'balloon response');
      return { kind: 'balloonResponse', transactionId, moreToCome: (word & moreToComeBit) !== 0, ranges };
    }
    case Type.unballoonResponse:
      return { kind: 'unballoonResponse', transactionId };
    case Type.hotAddResponse:
      need(view, 16, 'hot-add response');
      return { kind: 'hotAddResponse', transactionId, pageCount: view.getUint32(8, true), isSuccess: bit(view, 12, 1) };
    case Type.hotRemoveResponse: {
      need(view, 24, 'hot-remove response');
      const ranges = decodeRanges(view, 24, view.getUint32(12, true), 'hot-remove response');
      return {
        kind: 'hotRemoveResponse',
        transactionId,
        result: view.getUint32(8, true),
        moreToCome: bit(view, 16, 1),
        ranges,
      };
    }
    default:
      throw violation(`message type ${type} is not one a guest sends`, { type });
  }
}

/** Payload of a guest's message. @throws RangeError ERR_OUT_OF_RANGE where a number does not fit its field */
export function encodeGuestMessage(message: MemoryGuestMessage): Uint8Array {
  const id = message.transactionId;
  switch (message.kind) {
    case 'versionRequest':
      return build(Type.versionRequest, id, 16, (view) => {
        putU32(view, 8, message.version, 'version');
        view.setUint32(12, message.isLastAttempt ? 1 : 0, true);
      });
    case 'capabilitiesReport':
      return build(Type.capabilitiesReport, id, 32, (view) => {
        view.setBigUint64(8, fromCapabilities(message.capabilities), true);
        putU64(view, 16, message.minPageCount, 'minPageCount');
        putU64(view, 24, message.maxPageNumber, 'maxPageNumber');
      });
    case 'statusReport':
      return build(Type.statusReport, id, 48, (view) => encodeStatus(view, message));
    case 'balloonResponse':
      return build(Type.balloonResponse, id, 16 + message.ranges.length * rangeBytes, (view) => {
        view.setUint32(12, message.ranges.length * 2 + (message.moreToCome ? moreToComeBit : 0), true);
        encodeRanges(view, 16, message.ranges);
      });
    case 'unballoonResponse':
      return build(Type.unballoonResponse, id, headerBytes, () => {});
    case 'hotAddResponse':
      return build(Type.hotAddResponse, id, 16, (view) => {
        putU32(view, 8, message.pageCount, 'pageCount');
        view.setUint32(12, message.isSuccess ? 1 : 0, true);
      });
    case 'hotRemoveResponse':
      return build(Type.hotRemoveResponse, id, 24 + message.ranges.length * rangeBytes, (view) => {
        putU32(view, 8, message.result, 'result');
        view.setUint32(12, message.ranges.length, true);
        view.setBigUint64(16, message.moreToCome ? 1n : 0n, true);
        encodeRanges(view, 24, message.ranges);
      });
    default:
      return message satisfies never;
  }
}

function decodeStatus(view: DataView, transactionId: number): StatusReport {
  return {
    kind: 'statusReport',
    transactionId,
    availablePages: view.getBigUint64(8, true),
    committedPages: view.getBigUint64(16, true),
    pageFilePages: view.getBigUint64(24, true),
    zeroAndFreePages: view.getBigUint64(32, true),
    pageFileWrites: view.getUint32(40, true),
    ioDifference: view.getUint32(44, true),
  };
}

function encodeStatus(view: DataView, report: StatusReport): void {
  putU64(view, 8, report.availablePages, 'availablePages');
  putU64(view, 16, report.committedPages, 'committedPages');
  putU64(view, 24, report.pageFilePages, 'pageFilePages');
  putU64(view, 32, report.zeroAndFreePages, 'zeroAndFreePages');
  putU32(view, 40, report.pageFileWrites, 'pageFileWrites');
  putU32(view, 44, report.ioDifference, 'ioDifference');
}

function toCapabilities(bits: bigint): MemoryCapabilities {
  return {
    balloon: (bits & MemoryCapability.balloon) !== 0n,
    hotAdd: (bits & MemoryCapability.hotAdd) !== 0n,
    hotAddAlignment: Number((bits >> 2n) & 15n),
    hotRemove: (bits & MemoryCapability.hotRemove) !== 0n,
  };
}

function fromCapabilities(capabilities: MemoryCapabilities): bigint {
  const { balloon, hotAdd, hotAddAlignment, hotRemove } = capabilities;
  if (!Number.isInteger(hotAddAlignment) || hotAddAlignment < 0 || hotAddAlignment > 15)
    throw outOfRange('hotAddAlignment', '0 to 15', hotAddAlignment);
  return (
    (balloon ? MemoryCapability.balloon : 0n) |
    (hotAdd ? MemoryCapability.hotAdd : 0n) |
    (BigInt(hotAddAlignment) << 2n) |
    (hotRemove ? MemoryCapability.hotRemove : 0n)
  );
}
