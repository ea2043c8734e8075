// SPDX-License-Identifier: MIT
//
// Bytes of what hosts of synthetic video send: encoded by hosts, decoded by guests.
// Called by synth-video.ts, which exports it.

import { outOfRange } from '../errors.js';
import {
  edidBytes,
  mostResolutions,
  type ResolutionsResponse,
  type VideoFeatures,
  type VideoHostMessage,
  type VideoVersionResponse,
} from './synth-video-messages.js';
import { buildHostVideo, openVideo, VideoType, videoService } from './synth-video-wire.js';
import { needBytes, protocolViolation, putUint, putUint64 } from './wire-fields.js';

const acceptedWords = ['no', 'yes', 'again'] as const;
const listBytes = edidBytes + 3;
const biosInfoBytes = 16;
const capabilityBytes = 64;

/** Byte arrays in it are copies. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeVideoHostMessage(payload: Uint8Array): VideoHostMessage {
  const { type, body } = openVideo(payload);
  const need = (bytes: number, what: string): void => needBytes(body, bytes, videoService, `body of a ${what}`);
  switch (type) {
    case VideoType.versionResponse:
      need(6, 'version response');
      return decodeVersion(body);
    case VideoType.vramLocationAck:
      need(8, 'VRAM acknowledgement');
      return { kind: 'vramLocationAck', context: body.getBigUint64(0, true) };
    case VideoType.situationAck:
      need(8, 'situation acknowledgement');
      return { kind: 'situationAck', context: body.getBigUint64(0, true) };
    case VideoType.featureChange:
      need(4, 'feature change');
      return { kind: 'featureChange', features: decodeFeatures(body) };
    case VideoType.resolutionsResponse:
      need(listBytes, 'list of resolutions');
      return decodeResolutions(body);
    case VideoType.biosInfoResponse:
      need(4, 'BIOS info');
      return { kind: 'biosInfoResponse', canStopDevice: body.getUint32(0, true) !== 0 };
    case VideoType.capabilityResponse:
      need(4, 'capability response');
      return { kind: 'capabilityResponse', locksOnDisconnect: body.getUint32(0, true) !== 0 };
    default:
      throw protocolViolation(videoService, `message of type ${type} from a host`, { type });
  }
}

/** @throws TypeError, RangeError ERR_OUT_OF_RANGE */
export function encodeVideoHostMessage(message: VideoHostMessage): Uint8Array {
  switch (message.kind) {
    case 'versionResponse':
      return buildHostVideo(VideoType.versionResponse, 6, (body) => {
        putUint(body, 0, 32, message.version, 'version');
        body.setUint8(4, acceptedWords.indexOf(message.accepted));
        putUint(body, 5, 8, message.outputs, 'outputs');
      });
    case 'vramLocationAck':
    case 'situationAck':
      return buildHostVideo(VideoType[message.kind], 8, (body) => putUint64(body, 0, message.context, 'context'));
    case 'featureChange': {
      const { dirt, pointerPosition, pointerShape, situation } = message.features;
      return buildHostVideo(VideoType.featureChange, 4, (body) => {
        for (const [i, isWanted] of [dirt, pointerPosition, pointerShape, situation].entries())
          body.setUint8(i, isWanted ? 1 : 0);
      });
    }
    case 'resolutionsResponse':
      return encodeResolutions(message);
    case 'biosInfoResponse':
      return buildHostVideo(VideoType.biosInfoResponse, biosInfoBytes, (body) =>
        body.setUint32(0, message.canStopDevice ? 1 : 0, true),
      );
    case 'capabilityResponse':
      return buildHostVideo(VideoType.capabilityResponse, capabilityBytes, (body) =>
        body.setUint32(0, message.locksOnDisconnect ? 1 : 0, true),
      );
    default:
      return message satisfies never;
  }
}

/** Anything else than no and 2 is a plain yes, as guests take it. */
function decodeVersion(body: DataView): VideoVersionResponse {
  const accepted = acceptedWords[body.getUint8(4)] ?? 'yes';
  return { kind: 'versionResponse', version: body.getUint32(0, true), accepted, outputs: body.getUint8(5) };
}

function decodeFeatures(body: DataView): VideoFeatures {
  const isWanted = (offset: number): boolean => body.getUint8(offset) !== 0;
  return { dirt: isWanted(0), pointerPosition: isWanted(1), pointerShape: isWanted(2), situation: isWanted(3) };
}

function decodeResolutions(body: DataView): ResolutionsResponse {
  const count = body.getUint8(edidBytes);
  const defaultIndex = body.getUint8(edidBytes + 1);
  if (count > mostResolutions || (count > 0 && defaultIndex >= count)) {
    const detail = `list of ${count} resolutions with the default ${defaultIndex}`;
    throw protocolViolation(videoService, detail, { count, defaultIndex });
  }
  needBytes(body, listBytes + count * 4, videoService, `list of ${count} resolutions`);
  const resolutions = Array.from({ length: count }, (_, i) => ({
    width: body.getUint16(listBytes + i * 4, true),
    height: body.getUint16(listBytes + i * 4 + 2, true),
  }));
  const edid = new Uint8Array(body.buffer, body.byteOffset, edidBytes).slice();
  return {
    kind: 'resolutionsResponse',
    edid,
    resolutions,
    defaultIndex,
    isStandard: body.getUint8(edidBytes + 2) !== 0,
  };
}

function encodeResolutions({ edid, resolutions, defaultIndex, isStandard }: ResolutionsResponse): Uint8Array {
  if (edid.length !== edidBytes) throw outOfRange('edid.length', `${edidBytes}`, edid.length);
  if (resolutions.length > mostResolutions)
    throw outOfRange('resolutions.length', `at most ${mostResolutions}`, resolutions.length);
  return buildHostVideo(VideoType.resolutionsResponse, listBytes + resolutions.length * 4, (body) => {
    new Uint8Array(body.buffer, body.byteOffset).set(edid);
    body.setUint8(edidBytes, resolutions.length);
    putUint(body, edidBytes + 1, 8, defaultIndex, 'defaultIndex');
    body.setUint8(edidBytes + 2, isStandard ? 1 : 0);
    for (const [i, { width, height }] of resolutions.entries()) {
      putUint(body, listBytes + i * 4, 16, width, `resolutions[${i}].width`);
      putUint(body, listBytes + i * 4 + 2, 16, height, `resolutions[${i}].height`);
    }
  });
}
