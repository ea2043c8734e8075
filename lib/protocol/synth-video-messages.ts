// SPDX-License-Identifier: MIT
//
// The messages of synthetic video as plain objects. Their bytes are in synth-video.ts, which exports all of this too.
// Pixels never travel on the channel: the guest draws into its video memory and tells where that is and what changed.
// Source of the facts: drivers/gpu/drm/hyperv/hyperv_drm_proto.c of the Linux kernel.

import { type Guid, parseGuid } from '../guid.js';

/** Class of synthetic video. */
export const videoClass: Guid = parseGuid('da0a7802-e377-4aac-8e77-0558eb1073f8');
/** Instance GUID that video has on every Hyper-V host. */
export const videoInstance: Guid = parseGuid('5620e0c7-8062-4dce-aeb7-520c7ef76171');

/** Versions of the protocol. Here the minor number is in the upper 16 bits, unlike the other input devices. */
export const VideoVersion = { win7: 0x0_0003, win8: 0x2_0003, win10: 0x5_0003 } as const;

/** Bytes of the EDID block in a list of resolutions. */
export const edidBytes = 128;
/** Most resolutions in a list. */
export const mostResolutions = 64;
/** Largest pointer, in pixels each way. */
export const mostPointerPixels = 96;
/** Number of the only or last part of a pointer's picture. */
export const lastPointerPart = 0xff;

/** Width and height in pixels. */
export interface VideoResolution {
  readonly width: number;
  readonly height: number;
}

/** A picture in video memory: 32 bits a pixel, blue first, the last byte unused. */
export interface VideoSituation extends VideoResolution {
  readonly isActive: boolean;
  /** Where the picture begins in video memory, in bytes. */
  readonly vramOffset: number;
  readonly depthBits: number;
  readonly pitchBytes: number;
}

/** Part of a screen; right and bottom are the first pixels that do not belong to it. */
export interface VideoRectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A message that only asks or answers, with nothing in it. */
interface Bare<Kind extends string> {
  readonly kind: Kind;
}

export interface VideoVersionRequest extends Bare<'versionRequest'> {
  /** See {@link VideoVersion}. */
  readonly version: number;
}
export interface VramLocation extends Bare<'vramLocation'> {
  /** Echoed in the answer. */
  readonly context: bigint;
  /** Guest physical address; null takes video memory away. */
  readonly address: bigint | null;
}
export interface SituationUpdate extends Bare<'situationUpdate'> {
  readonly context: bigint;
  readonly situation: VideoSituation;
}
export interface PointerPosition extends Bare<'pointerPosition'> {
  readonly isVisible: boolean;
  readonly output: number;
  readonly x: number;
  readonly y: number;
}
export interface PointerShape extends Bare<'pointerShape'> {
  /** Number of this part, {@link lastPointerPart} for the only or last. */
  readonly part: number;
  readonly isArgb: boolean;
  readonly width: number;
  readonly height: number;
  readonly hotX: number;
  readonly hotY: number;
  readonly pixels: Uint8Array;
}
export interface Dirt extends Bare<'dirt'> {
  readonly output: number;
  readonly rectangles: readonly VideoRectangle[];
}
export interface ResolutionsRequest extends Bare<'resolutionsRequest'> {
  readonly most: number;
}

/** What a guest sends. */
export type VideoGuestMessage =
  | VideoVersionRequest
  | VramLocation
  | SituationUpdate
  | PointerPosition
  | PointerShape
  | Dirt
  | ResolutionsRequest
  | Bare<'biosInfoRequest'>
  | Bare<'capabilityRequest'>;

/** Which of its states the guest shall report. */
export interface VideoFeatures {
  /** Rectangles that were drawn to. */
  readonly dirt: boolean;
  readonly pointerPosition: boolean;
  readonly pointerShape: boolean;
  readonly situation: boolean;
}

export interface VideoVersionResponse extends Bare<'versionResponse'> {
  readonly version: number;
  /** `again`: accepted, and the guest may start over on the open channel. */
  readonly accepted: 'no' | 'yes' | 'again';
  readonly outputs: number;
}
export interface FeatureChange extends Bare<'featureChange'> {
  readonly features: VideoFeatures;
}
export interface ResolutionsResponse extends Bare<'resolutionsResponse'> {
  /** {@link edidBytes} of them. */
  readonly edid: Uint8Array;
  readonly resolutions: readonly VideoResolution[];
  readonly defaultIndex: number;
  readonly isStandard: boolean;
}

/** What a host sends. */
export type VideoHostMessage =
  | VideoVersionResponse
  | (Bare<'vramLocationAck'> & { readonly context: bigint })
  | (Bare<'situationAck'> & { readonly context: bigint })
  | FeatureChange
  | ResolutionsResponse
  | (Bare<'biosInfoResponse'> & { readonly canStopDevice: boolean })
  | (Bare<'capabilityResponse'> & { readonly locksOnDisconnect: boolean });
