// SPDX-License-Identifier: MIT
//
// Bytes of the dynamic memory messages. Decoders look at nothing but the bytes given: the size field, the length and every
// count are checked against each other first, and what does not fit is ERR_VMBUS_PROTOCOL. Encoders refuse what does not fit.
// Called by devices/memory (guest) and host/dynamic-memory (host). Shapes and constants: dynamic-memory-messages.ts.
// Source of the facts: the dm_* structures of drivers/hv/hv_balloon.c of the Linux kernel; all little-endian.

import { outOfRange, VmbusError } from '../errors.js';
import type {
  HotAddRequest, InfoMessage, MemoryCapabilities, MemoryGuestMessage, MemoryHostMessage, PageRange, StatusReport,
} from './dynamic-memory-messages.js';
import { maxMemoryMessageBytes, maxPageNumber, maxPagesPerRange, MemoryCapability, MemoryCapabilityAnswer, MemoryMessageType as Type } from './dynamic-memory-messages.js';

export * from './dynamic-memory-messages.js';

const headerBytes = 8;
const rangeBytes = 8;
const moreToComeBit = 1;

/** The message of a guest in a packet's payload. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeGuestMessage(payload: Uint8Array): MemoryGuestMessage {
  const { type, view, transactionId } = openMessage(payload);
  switch (type) {
    case Type.versionRequest:
      need(view, 16, 'version request');
      return { kind: 'versionRequest', transactionId, version: view.getUint32(8, true), isLastAttempt: bit(view, 12, 1) };
    case Type.capabilitiesReport:
      need(view, 32, 'capabilities report');
      return {
        kind: 'capabilitiesReport', transactionId, capabilities: toCapabilities(view.getBigUint64(8, true)),
        minPageCount: view.getBigUint64(16, true), maxPageNumber: view.getBigUint64(24, true),
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
      return { kind: 'hotRemoveResponse', transactionId, result: view.getUint32(8, true), moreToCome: bit(view, 16, 1), ranges };
    }
    default:
      throw violation(`message type ${type} is not one a guest sends`, { type });
  }
}

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
        kind: 'capabilitiesResponse', transactionId, isAccepted: has(MemoryCapabilityAnswer.accepted),
        hotRemove: has(MemoryCapabilityAnswer.hotRemove), suppressReports: has(MemoryCapabilityAnswer.suppressReports),
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
        kind: 'hotRemoveRequest', transactionId, virtualNode: view.getUint32(8, true),
        pageCount: view.getUint32(12, true), qualityOfService: view.getUint32(16, true),
      };
    default:
      throw violation(`message type ${type} is not one a host sends`, { type });
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

/** Payload of a host's message. @throws RangeError ERR_OUT_OF_RANGE where a number does not fit its field */
export function encodeHostMessage(message: MemoryHostMessage): Uint8Array {
  const id = message.transactionId;
  switch (message.kind) {
    case 'versionResponse':
      return build(Type.versionResponse, id, 16, (view) => view.setBigUint64(8, message.isAccepted ? 1n : 0n, true));
    case 'capabilitiesResponse':
      return build(Type.capabilitiesResponse, id, 16, (view) => {
        const bits = (message.isAccepted ? MemoryCapabilityAnswer.accepted : 0n)
          | (message.hotRemove ? MemoryCapabilityAnswer.hotRemove : 0n)
          | (message.suppressReports ? MemoryCapabilityAnswer.suppressReports : 0n);
        view.setBigUint64(8, bits, true);
      });
    case 'balloonRequest':
      return build(Type.balloonRequest, id, 16, (view) => putU32(view, 8, message.pageCount, 'pageCount'));
    case 'unballoonRequest':
      return build(Type.unballoonRequest, id, 16 + message.ranges.length * rangeBytes, (view) => {
        view.setUint32(8, message.moreToCome ? moreToComeBit : 0, true);
        view.setUint32(12, message.ranges.length, true);
        encodeRanges(view, 16, message.ranges);
      });
    case 'hotAddRequest': {
      const ranges = message.region === null ? [message.range] : [message.range, message.region];
      return build(Type.hotAddRequest, id, headerBytes + ranges.length * rangeBytes, (view) => encodeRanges(view, 8, ranges));
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

/** Checks the header; the view ends where the size field says, so that padding of the ring is never read as content. */
function openMessage(payload: Uint8Array): { type: number; view: DataView; transactionId: number } {
  if (payload.length < headerBytes) throw violation(`${payload.length} bytes are less than a header`, { bytes: payload.length });
  if (payload.length > maxMemoryMessageBytes) throw violation(`${payload.length} bytes are more than a message can have`, { bytes: payload.length });
  const header = new DataView(payload.buffer, payload.byteOffset, headerBytes);
  const size = header.getUint16(2, true);
  // The ring rounds payloads up to 8 bytes; anything else between size and length is a lie of one of them.
  if (size < headerBytes || size > payload.length || payload.length - size >= 8) {
    throw violation(`size field says ${size}, ${payload.length} bytes arrived`, { size, bytes: payload.length });
  }
  const view = new DataView(payload.buffer, payload.byteOffset, size);
  return { type: header.getUint16(0, true), view, transactionId: header.getUint32(4, true) };
}

function build(type: number, transactionId: number, size: number, fill: (view: DataView) => void): Uint8Array {
  if (size > maxMemoryMessageBytes) throw outOfRange('message size', `at most ${maxMemoryMessageBytes} bytes`, size);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type, true);
  view.setUint16(2, size, true);
  putU32(view, 4, transactionId, 'transactionId');
  fill(view);
  return bytes;
}

function decodeStatus(view: DataView, transactionId: number): StatusReport {
  return {
    kind: 'statusReport', transactionId,
    availablePages: view.getBigUint64(8, true), committedPages: view.getBigUint64(16, true),
    pageFilePages: view.getBigUint64(24, true), zeroAndFreePages: view.getBigUint64(32, true),
    pageFileWrites: view.getUint32(40, true), ioDifference: view.getUint32(44, true),
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
  if (dataBytes > blobBytes - 8) throw violation(`info blob of ${blobBytes} bytes announces ${dataBytes} of data`, { dataBytes });
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

function decodeRanges(view: DataView, offset: number, count: number, what: string): PageRange[] {
  if (count > (view.byteLength - offset) / rangeBytes) {
    throw violation(`${what} of ${view.byteLength} bytes announces ${count} ranges`, { count, bytes: view.byteLength });
  }
  return Array.from({ length: count }, (_, i) => {
    const word = view.getBigUint64(offset + i * rangeBytes, true);
    return { firstPage: word & maxPageNumber, pageCount: Number(word >> 40n) };
  });
}

function encodeRanges(view: DataView, offset: number, ranges: readonly PageRange[]): void {
  for (const [i, { firstPage, pageCount }] of ranges.entries()) {
    if (typeof firstPage !== 'bigint' || firstPage < 0n || firstPage > maxPageNumber) throw outOfRange('firstPage', '0n to 2^40 - 1', firstPage);
    if (!Number.isInteger(pageCount) || pageCount < 0 || pageCount > maxPagesPerRange) throw outOfRange('pageCount', '0 to 2^24 - 1', pageCount);
    view.setBigUint64(offset + i * rangeBytes, firstPage | (BigInt(pageCount) << 40n), true);
  }
}

function toCapabilities(bits: bigint): MemoryCapabilities {
  return {
    balloon: (bits & MemoryCapability.balloon) !== 0n, hotAdd: (bits & MemoryCapability.hotAdd) !== 0n,
    hotAddAlignment: Number((bits >> 2n) & 15n), hotRemove: (bits & MemoryCapability.hotRemove) !== 0n,
  };
}

function fromCapabilities(capabilities: MemoryCapabilities): bigint {
  const { balloon, hotAdd, hotAddAlignment, hotRemove } = capabilities;
  if (!Number.isInteger(hotAddAlignment) || hotAddAlignment < 0 || hotAddAlignment > 15) throw outOfRange('hotAddAlignment', '0 to 15', hotAddAlignment);
  return (balloon ? MemoryCapability.balloon : 0n) | (hotAdd ? MemoryCapability.hotAdd : 0n)
    | (BigInt(hotAddAlignment) << 2n) | (hotRemove ? MemoryCapability.hotRemove : 0n);
}

function bit(view: DataView, offset: number, mask: number): boolean {
  return (view.getUint32(offset, true) & mask) !== 0;
}

function need(view: DataView, bytes: number, what: string): void {
  if (view.byteLength < bytes) throw violation(`${what} of ${view.byteLength} bytes, ${bytes} needed`, { bytes: view.byteLength });
}

function putU32(view: DataView, offset: number, value: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw outOfRange(name, '0 to 2^32 - 1', value);
  view.setUint32(offset, value, true);
}

function putU64(view: DataView, offset: number, value: bigint, name: string): void {
  if (typeof value !== 'bigint' || value < 0n || value > 0xffff_ffff_ffff_ffffn) throw outOfRange(name, '0n to 2^64 - 1', value);
  view.setBigUint64(offset, value, true);
}

function violation(detail: string, facts: Record<string, unknown>): VmbusError {
  return new VmbusError('ERR_VMBUS_PROTOCOL', `dynamic memory: ${detail}`, { facts: { service: 'dynamic-memory', detail, ...facts } });
}
