// SPDX-License-Identifier: MIT
//
// What a guest said about its picture, judged: does it lie in video memory, what of a rectangle is on it, which parts make a
// pointer. Nothing here trusts a number of the guest.
// Called by video-session.ts.

import {
  lastPointerPart,
  mostPointerPixels,
  type PointerShape,
  type VideoRectangle,
  type VideoSituation,
} from '../../protocol/synth-video.js';
import { protocolViolation } from '../../protocol/wire-fields.js';

/** The only depth since protocol 3.2. */
const depthBits = 32;
const pixelBytes = 4;

/** A pointer of which all parts have come. */
export interface VideoPointerShape {
  /** Four bytes a pixel; else the bytes are as they came. */
  readonly isArgb: boolean;
  readonly width: number;
  readonly height: number;
  readonly hotX: number;
  readonly hotY: number;
  readonly pixels: Uint8Array;
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL for an active picture that does not lie in video memory */
export function checkSituation(situation: VideoSituation, vramBytes: number): void {
  if (!situation.isActive) return;
  const { vramOffset, width, height, pitchBytes } = situation;
  // Sums and products of two 32-bit numbers: BigInt, since a double would round them.
  const end = BigInt(vramOffset) + BigInt(pitchBytes) * BigInt(height);
  const fits = width > 0 && height > 0 && width * pixelBytes <= pitchBytes && end <= BigInt(vramBytes);
  if (situation.depthBits === depthBits && fits) return;
  const detail = `${width} × ${height} pixels of ${situation.depthBits} bits, ${pitchBytes} bytes a line, from ${vramOffset}`;
  throw protocolViolation('video', `no picture in ${vramBytes} bytes: ${detail}`, { ...situation, vramBytes });
}

/** What of a rectangle lies on the picture; null where nothing does. */
export function clip(rectangle: VideoRectangle, { width, height }: VideoSituation): VideoRectangle | null {
  const left = Math.max(0, rectangle.left);
  const top = Math.max(0, rectangle.top);
  const right = Math.min(width, rectangle.right);
  const bottom = Math.min(height, rectangle.bottom);
  return left < right && top < bottom ? { left, top, right, bottom } : null;
}

/** Puts the parts of a pointer together. */
export class PointerParts {
  #parts: Uint8Array[] = [];

  /** The pointer, with its last part. @throws VmbusError ERR_VMBUS_PROTOCOL for parts out of order or too many bytes */
  take({ part, isArgb, width, height, hotX, hotY, pixels }: PointerShape): VideoPointerShape | null {
    if (part === 0) this.#parts = [];
    if (part !== lastPointerPart && part !== this.#parts.length)
      throw protocolViolation('video', `pointer part ${part} where ${this.#parts.length} is due`, { part });
    this.#parts.push(pixels);
    const bytes = this.#parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes > mostPointerPixels * mostPointerPixels * pixelBytes)
      throw protocolViolation('video', `pointer of ${bytes} bytes`, { bytes });
    if (part !== lastPointerPart) return null;
    const whole = Uint8Array.from(Buffer.concat(this.#parts));
    this.#parts = [];
    if (isArgb && whole.length < width * height * pixelBytes)
      throw protocolViolation('video', `pointer of ${width} × ${height} in ${bytes} bytes`, { width, height, bytes });
    return { isArgb, width, height, hotX, hotY, pixels: whole };
  }
}
