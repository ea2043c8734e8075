// SPDX-License-Identifier: MIT
//
// The HID device that the synthetic mouse is: its report descriptor, and the seven bytes of a report. The pointer is
// absolute: 0 … 32767 over the width and height of the screen, whatever their pixels are.
// Called by host/providers/mouse.
// Source: HID 1.11 section 6.2.2 (items); HID Usage Tables 1.12, pages 1 (generic desktop) and 9 (buttons).

import { outOfRange } from '../errors.js';
import { needBytes, putInt, putUint, viewOf } from './wire-fields.js';

/** Largest coordinate. */
export const mouseMost = 32_767;

/** Buttons by their bit in the first byte of a report. */
export const MouseButtonBit = { left: 1, right: 2, middle: 4, back: 8, forward: 16 } as const;

/** Name of a button. */
export type MouseButton = keyof typeof MouseButtonBit;

/** Ids that the device has on a Hyper-V host. */
export const mouseIds = { vendor: 0x045e, product: 0x0621, version: 1 } as const;

/**
 * Report descriptor: five buttons and three bits of padding, X and Y absolute, a relative wheel; no report ids. Linux
 * overwrites byte 14 where it finds 0x25 there; here it is the 0x29 that belongs there.
 */
export const mouseReportDescriptor: Uint8Array = Uint8Array.of(
  ...[0x05, 0x01, 0x09, 0x02, 0xa1, 0x01], // generic desktop, mouse: application
  ...[0x09, 0x01, 0xa1, 0x00], //             pointer: physical
  ...[0x05, 0x09, 0x19, 0x01, 0x29, 0x05], //   buttons 1 … 5
  ...[0x15, 0x00, 0x25, 0x01, 0x95, 0x05, 0x75, 0x01, 0x81, 0x02], // 0 … 1, five of one bit
  ...[0x95, 0x01, 0x75, 0x03, 0x81, 0x03], //   three bits of padding
  ...[0x05, 0x01, 0x09, 0x30, 0x09, 0x31], //   X, Y
  ...[0x15, 0x00, 0x26, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x02, 0x81, 0x02], // 0 … 32767, 16 bits, absolute
  ...[0x05, 0x01, 0x09, 0x38], //               wheel
  ...[0x16, 0x01, 0x80, 0x26, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x01, 0x81, 0x06], // ±32767, 16 bits, relative
  ...[0xc0, 0xc0],
);

/** Bytes of a report. */
export const mouseReportBytes = 7;

/** One report. */
export interface MouseReport {
  /** Bits of {@link MouseButtonBit}. */
  readonly buttons: number;
  /** 0 … 32767. */
  readonly x: number;
  readonly y: number;
  /** Notches since the last report, away from the user positive. */
  readonly wheel: number;
}

/** @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function encodeMouseReport({ buttons, x, y, wheel }: MouseReport): Uint8Array {
  const bytes = new Uint8Array(mouseReportBytes);
  const view = viewOf(bytes);
  if (buttons > 0x1f) throw outOfRange('buttons', 'five bits', buttons);
  if (x > mouseMost) throw outOfRange('x', `0 … ${mouseMost}`, x);
  if (y > mouseMost) throw outOfRange('y', `0 … ${mouseMost}`, y);
  putUint(view, 0, 8, buttons, 'buttons');
  putUint(view, 1, 16, x, 'x');
  putUint(view, 3, 16, y, 'y');
  putInt(view, 5, 16, wheel, 'wheel');
  return bytes;
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL for less than seven bytes */
export function decodeMouseReport(report: Uint8Array): MouseReport {
  const view = viewOf(report);
  needBytes(view, mouseReportBytes, 'mouse', 'report');
  return {
    buttons: view.getUint8(0) & 0x1f,
    x: view.getUint16(1, true) & mouseMost,
    y: view.getUint16(3, true) & mouseMost,
    wheel: view.getInt16(5, true),
  };
}
