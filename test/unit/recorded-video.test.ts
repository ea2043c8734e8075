// SPDX-License-Identifier: MIT
//
// What the kernel's hyperv_drm exchanged with our host. Fields by hand from struct synthvid_* of
// drivers/gpu/drm/hyperv/hyperv_drm_proto.c of Linux.

import {
  decodeVideoGuestMessage,
  decodeVideoHostMessage,
  encodeVideoGuestMessage,
  encodeVideoHostMessage,
} from '../../dist/protocol/synth-video.js';
import { describeRecorded } from './support/wire-vectors.js';

/** Where the window of the guest's bus began, at 448 MiB. The driver's context is the same number. */
const vramAddress = 0x1c00_0000n;

describeRecorded('video', {
  guest: { decode: ({ payload }) => decodeVideoGuestMessage(payload), encode: encodeVideoGuestMessage },
  host: { decode: ({ payload }) => decodeVideoHostMessage(payload), encode: encodeVideoHostMessage },
  fields: {
    'guest versionRequest 24 bytes': { kind: 'versionRequest', version: 0x5_0003 },
    'guest resolutionsRequest 24 bytes': { kind: 'resolutionsRequest', most: 64 },
    'guest vramLocation 40 bytes': { kind: 'vramLocation', context: vramAddress, address: vramAddress },
    'guest situationUpdate 48 bytes': {
      kind: 'situationUpdate',
      context: 0n,
      situation: { isActive: true, vramOffset: 0, depthBits: 32, width: 640, height: 480, pitchBytes: 2560 },
    },
    // The driver hides the pointer that the host draws, by one pixel of next to nothing.
    'guest pointerPosition': { kind: 'pointerPosition', isVisible: true, output: 0, x: 0, y: 0 },
    'guest pointerShape': {
      kind: 'pointerShape',
      ...{ part: 0xff, isArgb: true, width: 1, height: 1, hotX: 0, hotY: 0, pixels: Uint8Array.of(0, 1, 1, 1) },
    },
    'guest dirt': { kind: 'dirt', output: 0, rectangles: [{ left: 0, top: 0, right: 640, bottom: 480 }] },
    'host versionResponse 22 bytes': { kind: 'versionResponse', version: 0x5_0003, accepted: 'again', outputs: 1 },
    'host resolutionsResponse 155 bytes': {
      kind: 'resolutionsResponse',
      edid: new Uint8Array(128),
      resolutions: [
        { width: 640, height: 480 },
        { width: 800, height: 600 },
      ],
      defaultIndex: 0,
      isStandard: false,
    },
    'host vramLocationAck 24 bytes': { kind: 'vramLocationAck', context: vramAddress },
    'host situationAck 24 bytes': { kind: 'situationAck', context: 0n },
    'host featureChange 20 bytes': {
      kind: 'featureChange',
      features: { dirt: true, pointerPosition: false, pointerShape: false, situation: true },
    },
  },
});
