// SPDX-License-Identifier: MIT
//
// What all messages of dynamic memory have in common on the wire: header, page ranges, checked numbers.
// Called by dynamic-memory-guest.ts and dynamic-memory-host.ts only.
// Source of the facts: struct dm_header and union dm_mem_page_range of drivers/hv/hv_balloon.c of the Linux kernel.

import { outOfRange, VmbusError } from '../errors.js';
import type { PageRange } from './dynamic-memory-messages.js';
import { maxMemoryMessageBytes, maxPageNumber, maxPagesPerRange } from './dynamic-memory-messages.js';

export const headerBytes = 8;
export const rangeBytes = 8;

/** A message whose header has been checked. */
export interface OpenedMessage {
  readonly type: number;
  readonly transactionId: number;
  /** The whole message from its header on, without the ring's padding. */
  readonly view: DataView;
}

/** Checks the header; the view ends where the size field says, so that padding of the ring is never read as content. */
export function openMessage(payload: Uint8Array): OpenedMessage {
  if (payload.length < headerBytes)
    throw violation(`${payload.length} bytes are less than a header`, { bytes: payload.length });
  if (payload.length > maxMemoryMessageBytes)
    throw violation(`${payload.length} bytes are more than a message can have`, { bytes: payload.length });
  const header = new DataView(payload.buffer, payload.byteOffset, headerBytes);
  const size = header.getUint16(2, true);
  // The ring rounds payloads up to 8 bytes; anything else between size and length is a lie of one of them.
  if (size < headerBytes || size > payload.length || payload.length - size >= 8) {
    throw violation(`size field says ${size}, ${payload.length} bytes arrived`, { size, bytes: payload.length });
  }
  const view = new DataView(payload.buffer, payload.byteOffset, size);
  return { type: header.getUint16(0, true), view, transactionId: header.getUint32(4, true) };
}

/** A message of `size` bytes with its header; `fill` writes the body. @throws RangeError ERR_OUT_OF_RANGE */
export function build(type: number, transactionId: number, size: number, fill: (view: DataView) => void): Uint8Array {
  if (size > maxMemoryMessageBytes) throw outOfRange('message size', `at most ${maxMemoryMessageBytes} bytes`, size);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type, true);
  view.setUint16(2, size, true);
  putU32(view, 4, transactionId, 'transactionId');
  fill(view);
  return bytes;
}

/** The ranges from `offset` on. @throws VmbusError ERR_VMBUS_PROTOCOL when there are less than `count` */
export function decodeRanges(view: DataView, offset: number, count: number, what: string): PageRange[] {
  if (count > (view.byteLength - offset) / rangeBytes) {
    throw violation(`${what} of ${view.byteLength} bytes announces ${count} ranges`, { count, bytes: view.byteLength });
  }
  return Array.from({ length: count }, (_, i) => {
    const word = view.getBigUint64(offset + i * rangeBytes, true);
    return { firstPage: word & maxPageNumber, pageCount: Number(word >> 40n) };
  });
}

/** Writes ranges from `offset` on. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeRanges(view: DataView, offset: number, ranges: readonly PageRange[]): void {
  for (const [i, { firstPage, pageCount }] of ranges.entries()) {
    if (typeof firstPage !== 'bigint' || firstPage < 0n || firstPage > maxPageNumber)
      throw outOfRange('firstPage', '0n to 2^40 - 1', firstPage);
    if (!Number.isInteger(pageCount) || pageCount < 0 || pageCount > maxPagesPerRange)
      throw outOfRange('pageCount', '0 to 2^24 - 1', pageCount);
    view.setBigUint64(offset + i * rangeBytes, firstPage | (BigInt(pageCount) << 40n), true);
  }
}

/** Whether any bit of `mask` is set in the word at `offset`. */
export function bit(view: DataView, offset: number, mask: number): boolean {
  return (view.getUint32(offset, true) & mask) !== 0;
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL when the message is shorter than its type needs */
export function need(view: DataView, bytes: number, what: string): void {
  if (view.byteLength < bytes)
    throw violation(`${what} of ${view.byteLength} bytes, ${bytes} needed`, { bytes: view.byteLength });
}

/** @throws RangeError ERR_OUT_OF_RANGE */
export function putU32(view: DataView, offset: number, value: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw outOfRange(name, '0 to 2^32 - 1', value);
  view.setUint32(offset, value, true);
}

/** @throws RangeError ERR_OUT_OF_RANGE */
export function putU64(view: DataView, offset: number, value: bigint, name: string): void {
  if (typeof value !== 'bigint' || value < 0n || value > 0xffff_ffff_ffff_ffffn)
    throw outOfRange(name, '0n to 2^64 - 1', value);
  view.setBigUint64(offset, value, true);
}

/** The error for a message that breaks the protocol. */
export function violation(detail: string, facts: Record<string, unknown>): VmbusError {
  return new VmbusError('ERR_VMBUS_PROTOCOL', `dynamic memory: ${detail}`, {
    facts: { service: 'dynamic-memory', detail, ...facts },
  });
}
