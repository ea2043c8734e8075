// SPDX-License-Identifier: MIT
//
// What all messages of synthetic video have in common on the wire: type numbers and the two headers.
// Called by synth-video-guest.ts and synth-video-host.ts only.

import { buildPipe, openPipe } from './pipe.js';
import { needBytes } from './wire-fields.js';

/** Name of the protocol in errors. */
export const videoService = 'video';
const headerBytes = 8;

/** Type word of each message. */
export const VideoType = {
  versionRequest: 1,
  versionResponse: 2,
  vramLocation: 3,
  vramLocationAck: 4,
  situationUpdate: 5,
  situationAck: 6,
  pointerPosition: 7,
  pointerShape: 8,
  featureChange: 9,
  dirt: 10,
  biosInfoRequest: 11,
  biosInfoResponse: 12,
  resolutionsRequest: 13,
  resolutionsResponse: 14,
  capabilityRequest: 15,
  capabilityResponse: 16,
} as const;

/** A message whose headers have been checked. */
export interface OpenedVideoMessage {
  readonly type: number;
  /** What follows the headers. */
  readonly body: DataView;
}

/** The pipe's size decides: what the inner header says differs from host to host, and nobody reads it. */
export function openVideo(payload: Uint8Array): OpenedVideoMessage {
  const view = openPipe(payload, videoService);
  needBytes(view, headerBytes, videoService, 'message');
  return {
    type: view.getUint32(0, true),
    body: new DataView(view.buffer, view.byteOffset + headerBytes, view.byteLength - headerBytes),
  };
}

/** Fills the body of a message. */
type Fill = (body: DataView) => void;

/** A guest's message with a body of `size` bytes. The inner header counts itself, as Linux and the firmware do. */
export function buildGuestVideo(type: number, size: number, fill: Fill = () => undefined): Uint8Array {
  return build(type, headerBytes + size, size, fill);
}

/** A host's message with a body of `size` bytes. The inner header counts the body alone, as OpenVMM does. */
export function buildHostVideo(type: number, size: number, fill: Fill): Uint8Array {
  return build(type, size, size, fill);
}

function build(type: number, counted: number, size: number, fill: Fill): Uint8Array {
  return buildPipe(headerBytes + size, (view) => {
    view.setUint32(0, type, true);
    view.setUint32(4, counted, true);
    fill(new DataView(view.buffer, view.byteOffset + headerBytes));
  });
}
