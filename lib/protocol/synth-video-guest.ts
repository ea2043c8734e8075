// SPDX-License-Identifier: MIT
//
// Bytes of what guests of synthetic video send: decoded by hosts, encoded by guests.
// Called by synth-video.ts, which exports it.

import { outOfRange } from '../errors.js';
import {
  type Dirt,
  mostPointerPixels,
  type PointerShape,
  type SituationUpdate,
  type VideoGuestMessage,
  type VramLocation,
} from './synth-video-messages.js';
import { buildGuestVideo, openVideo, VideoType, videoService } from './synth-video-wire.js';
import { needBytes, protocolViolation, putInt, putUint, putUint64 } from './wire-fields.js';

const rectangleBytes = 16;
const shapeBytes = 18;
/** Pixels of a pointer's picture that one message may carry. */
const mostPartBytes = 8192;

/** Byte arrays in it are copies. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeVideoGuestMessage(payload: Uint8Array): VideoGuestMessage {
  const { type, body } = openVideo(payload);
  const need = (bytes: number, what: string): void => needBytes(body, bytes, videoService, `body of a ${what}`);
  switch (type) {
    case VideoType.versionRequest:
      need(4, 'version request');
      return { kind: 'versionRequest', version: body.getUint32(0, true) };
    case VideoType.vramLocation:
      need(17, 'VRAM location');
      return {
        kind: 'vramLocation',
        context: body.getBigUint64(0, true),
        address: body.getUint8(8) === 0 ? null : body.getBigUint64(9, true),
      };
    case VideoType.situationUpdate:
      need(27, 'situation update');
      return decodeSituation(body);
    case VideoType.pointerPosition: {
      need(10, 'pointer position');
      const isVisible = body.getUint8(0) !== 0;
      const output = body.getUint8(1);
      return { kind: 'pointerPosition', isVisible, output, x: body.getInt32(2, true), y: body.getInt32(6, true) };
    }
    case VideoType.pointerShape:
      need(shapeBytes, 'pointer shape');
      return decodeShape(body);
    case VideoType.dirt:
      need(2, 'dirt message');
      return decodeDirt(body);
    case VideoType.resolutionsRequest:
      need(1, 'resolutions request');
      return { kind: 'resolutionsRequest', most: body.getUint8(0) };
    case VideoType.biosInfoRequest:
      return { kind: 'biosInfoRequest' };
    case VideoType.capabilityRequest:
      return { kind: 'capabilityRequest' };
    default:
      throw protocolViolation(videoService, `message of type ${type} from a guest`, { type });
  }
}

/** @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function encodeVideoGuestMessage(message: VideoGuestMessage): Uint8Array {
  switch (message.kind) {
    case 'versionRequest':
      return buildGuestVideo(VideoType.versionRequest, 4, (body) => putUint(body, 0, 32, message.version, 'version'));
    case 'vramLocation':
      return encodeVramLocation(message);
    case 'situationUpdate':
      return encodeSituation(message);
    case 'pointerPosition':
      return buildGuestVideo(VideoType.pointerPosition, 10, (body) => {
        body.setUint8(0, message.isVisible ? 1 : 0);
        putUint(body, 1, 8, message.output, 'output');
        putInt(body, 2, 32, message.x, 'x');
        putInt(body, 6, 32, message.y, 'y');
      });
    case 'pointerShape':
      return encodeShape(message);
    case 'dirt':
      return encodeDirt(message);
    case 'resolutionsRequest':
      return buildGuestVideo(VideoType.resolutionsRequest, 1, (body) => putUint(body, 0, 8, message.most, 'most'));
    case 'biosInfoRequest':
    case 'capabilityRequest':
      return buildGuestVideo(VideoType[message.kind], 0);
    default:
      return message satisfies never;
  }
}

function encodeVramLocation({ context, address }: VramLocation): Uint8Array {
  return buildGuestVideo(VideoType.vramLocation, 17, (body) => {
    putUint64(body, 0, context, 'context');
    body.setUint8(8, address === null ? 0 : 1);
    putUint64(body, 9, address ?? 0n, 'address');
  });
}

function decodeSituation(body: DataView): SituationUpdate {
  const outputs = body.getUint8(8);
  if (outputs !== 1)
    throw protocolViolation(videoService, `situation of ${outputs} outputs where there is one`, { outputs });
  return {
    kind: 'situationUpdate',
    context: body.getBigUint64(0, true),
    situation: {
      isActive: body.getUint8(9) !== 0,
      vramOffset: body.getUint32(10, true),
      depthBits: body.getUint8(14),
      width: body.getUint32(15, true),
      height: body.getUint32(19, true),
      pitchBytes: body.getUint32(23, true),
    },
  };
}

function encodeSituation({ context, situation }: SituationUpdate): Uint8Array {
  return buildGuestVideo(VideoType.situationUpdate, 27, (body) => {
    putUint64(body, 0, context, 'context');
    body.setUint8(8, 1);
    body.setUint8(9, situation.isActive ? 1 : 0);
    putUint(body, 10, 32, situation.vramOffset, 'vramOffset');
    putUint(body, 14, 8, situation.depthBits, 'depthBits');
    putUint(body, 15, 32, situation.width, 'width');
    putUint(body, 19, 32, situation.height, 'height');
    putUint(body, 23, 32, situation.pitchBytes, 'pitchBytes');
  });
}

function decodeShape(body: DataView): PointerShape {
  const bytes = body.byteLength - shapeBytes;
  const width = body.getUint32(2, true);
  const height = body.getUint32(6, true);
  if (bytes > mostPartBytes || width > mostPointerPixels || height > mostPointerPixels) {
    const detail = `pointer of ${width} × ${height} in a part of ${bytes} bytes`;
    throw protocolViolation(videoService, detail, { width, height, bytes });
  }
  return {
    kind: 'pointerShape',
    part: body.getUint8(0),
    isArgb: body.getUint8(1) !== 0,
    width,
    height,
    hotX: body.getUint32(10, true),
    hotY: body.getUint32(14, true),
    pixels: new Uint8Array(body.buffer, body.byteOffset + shapeBytes, bytes).slice(),
  };
}

function encodeShape(message: PointerShape): Uint8Array {
  const { pixels } = message;
  if (pixels.length > mostPartBytes) throw outOfRange('pixels.length', `at most ${mostPartBytes}`, pixels.length);
  return buildGuestVideo(VideoType.pointerShape, shapeBytes + pixels.length, (body) => {
    putUint(body, 0, 8, message.part, 'part');
    body.setUint8(1, message.isArgb ? 1 : 0);
    putUint(body, 2, 32, message.width, 'width');
    putUint(body, 6, 32, message.height, 'height');
    putUint(body, 10, 32, message.hotX, 'hotX');
    putUint(body, 14, 32, message.hotY, 'hotY');
    new Uint8Array(body.buffer, body.byteOffset).set(pixels, shapeBytes);
  });
}

function decodeDirt(body: DataView): Dirt {
  const count = body.getUint8(1);
  needBytes(body, 2 + count * rectangleBytes, videoService, `dirt message of ${count} rectangles`);
  const rectangles = Array.from({ length: count }, (_, i) => {
    const at = (corner: number): number => body.getInt32(2 + i * rectangleBytes + corner * 4, true);
    return { left: at(0), top: at(1), right: at(2), bottom: at(3) };
  });
  return { kind: 'dirt', output: body.getUint8(0), rectangles };
}

function encodeDirt({ output, rectangles }: Dirt): Uint8Array {
  return buildGuestVideo(VideoType.dirt, 2 + rectangles.length * rectangleBytes, (body) => {
    putUint(body, 0, 8, output, 'output');
    putUint(body, 1, 8, rectangles.length, 'rectangles.length');
    for (const [i, { left, top, right, bottom }] of rectangles.entries()) {
      for (const [corner, value] of [left, top, right, bottom].entries())
        putInt(body, 2 + i * rectangleBytes + corner * 4, 32, value, `rectangles[${i}]`);
    }
  });
}
