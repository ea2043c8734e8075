// SPDX-License-Identifier: MIT
//
// Synthetic video: the guest's screen, as far as its channel tells. Pixels stand in the guest's own video memory.
// Called by scripts, by-name.ts. Each opening is a video-session.ts; bytes: protocol/synth-video.ts.

import { types } from 'node:util';

import { checkFlag, checkInteger, checkObject, checkOptionNames } from '../../check.js';
import { invalidType, invalidValue, outOfRange, VmbusError } from '../../errors.js';
import { PipeMode, pipeOfferFlag, pipeUserData } from '../../protocol/pipe.js';
import {
  edidBytes,
  mostResolutions,
  type VideoFeatures,
  type VideoRectangle,
  type VideoResolution,
  type VideoSituation,
  videoClass,
  videoInstance,
} from '../../protocol/synth-video.js';
import type { HostChannel, OfferDetails } from '../types.js';
import { checkProviderOptions } from './provider-options.js';
import { SynthDevice, type SynthOptions, type SynthProvider, synthOptions } from './synth-session.js';
import type { VideoPointerShape } from './video-picture.js';
import { type VideoPlan, VideoSession } from './video-session.js';

/** Options of {@link video}. */
export interface VideoOptions extends SynthOptions {
  /** Size of video memory, in MiB: what the offer asks the guest to reserve. Default 8. */
  readonly vramMegabytes?: number;
  /** Resolutions that the guest may choose from, its default first. Default 1024 × 768 and 1280 × 1024. */
  readonly resolutions?: readonly VideoResolution[];
  /** EDID block of 128 bytes. Default: zeros, which no Linux driver looks at. */
  readonly edid?: Uint8Array;
  /** What the guest shall report. Default: dirt and situations. */
  readonly wants?: Partial<VideoFeatures>;
}

/** Names of the options of {@link video}. */
export const videoOptions: readonly (keyof VideoOptions)[] = [
  'vramMegabytes',
  'resolutions',
  'edid',
  'wants',
  ...synthOptions,
];

/** What video tells. */
export type VideoEvent =
  | { readonly kind: 'ready'; readonly version: number }
  /** Where video memory is now; null: nowhere. */
  | { readonly kind: 'vram'; readonly address: bigint | null }
  | { readonly kind: 'situation'; readonly situation: VideoSituation }
  /** What was drawn to, clipped to the picture. */
  | { readonly kind: 'dirt'; readonly rectangles: readonly VideoRectangle[] }
  | { readonly kind: 'pointer'; readonly isVisible: boolean; readonly x: number; readonly y: number }
  | { readonly kind: 'pointer-shape'; readonly shape: VideoPointerShape }
  | { readonly kind: 'closed' };

/** A picture: `pitchBytes` of `pixels` for each line, four bytes a pixel, blue first. */
export interface VideoFrame {
  readonly situation: VideoSituation;
  readonly pixels: Uint8Array;
}

/** A screen, and what can be done with it. */
export interface VideoProvider extends SynthProvider<VideoEvent> {
  /** Guest physical address of video memory; null while there is none. */
  readonly vramAddress: bigint | null;
  /** The picture in it; null before the guest told of one. */
  readonly situation: VideoSituation | null;
  readonly wants: VideoFeatures;
  /** Changes what the guest shall report, now and in later openings. Absent ones stay as they are. */
  want(features: Partial<VideoFeatures>): Promise<void>;
  /** Copies the picture out of the guest's memory. @throws VmbusError ERR_VMBUS_CLOSED without a picture, ERR_VMBUS_CORRUPT where the guest has no memory */
  read(): Promise<VideoFrame>;
}

/**
 * A screen. Linux's hyperv_drm reserves video memory in the memory-mapped window of the bus before it tells where that is. A machine
 * of QEMU has no such window: there it agrees on a version and on resolutions, then gives up ("Failed to allocate mmio") and
 * closes, unless an ACPI table of yours makes a window (`-acpitable`). Pictures are read where video memory is memory of the
 * machine, so let the window be some: the end of it, with the kernel parameter `mem=`.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * const screen = video({ resolutions: [{ width: 1024, height: 768 }] });
 * await using host = await SimulatedHost.start({ devices: [screen] });
 * for await (const event of screen.events()) {
 *   if (event.kind === 'situation') console.log(event.situation.width, event.situation.height);
 *   if (event.kind === 'dirt') console.log(event.rectangles, (await screen.read()).pixels.length);
 * }
 */
export function video(options: VideoOptions = {}): VideoProvider {
  checkProviderOptions(options, videoOptions);
  return new Video(options);
}

const bytesOfMegabyte = 2 ** 20;
const featureNames = ['dirt', 'pointerPosition', 'pointerShape', 'situation'] as const;

class Video extends SynthDevice<VideoEvent, VideoSession> implements VideoProvider {
  readonly offer: OfferDetails;
  readonly #plan: VideoPlan;
  #wants: VideoFeatures = { dirt: true, pointerPosition: false, pointerShape: false, situation: true };

  constructor(options: VideoOptions) {
    super('video', { class: videoClass, instance: videoInstance }, options);
    const { vramMegabytes: mmioMegabytes = 8, edid = new Uint8Array(edidBytes) } = options;
    checkInteger(mmioMegabytes, 'options.vramMegabytes', 1, 2048);
    this.offer = { flags: pipeOfferFlag, mmioMegabytes, userData: pipeUserData(PipeMode.message) };
    if (!types.isUint8Array(edid)) throw invalidType('options.edid', `a Uint8Array of ${edidBytes} bytes`, edid);
    if (edid.length !== edidBytes) throw outOfRange('options.edid.length', `${edidBytes}`, edid.length);
    const vramBytes = mmioMegabytes * bytesOfMegabyte;
    const resolutions = checkedResolutions(options.resolutions ?? defaultResolutions, vramBytes);
    this.#plan = { vramBytes, resolutions, edid: edid.slice(), wants: () => this.#wants };
    this.#wants = changed(this.#wants, options.wants ?? {}, 'options.wants');
  }

  get vramAddress(): bigint | null {
    return this.opening?.vramAddress ?? null;
  }

  get situation(): VideoSituation | null {
    return this.opening?.situation ?? null;
  }

  get wants(): VideoFeatures {
    return this.#wants;
  }

  async want(features: Partial<VideoFeatures>): Promise<void> {
    this.#wants = changed(this.#wants, features, 'features');
    await this.opening?.changeFeatures();
  }

  async read(): Promise<VideoFrame> {
    const frame = await this.session().read();
    if (frame) return frame;
    throw new VmbusError('ERR_VMBUS_CLOSED', 'the guest shows no picture', {
      device: this.instanceGuid,
      hint: "wait for an event of the kind 'situation' whose picture is active",
    });
  }

  protected begin(channel: HostChannel, closed: () => void): VideoSession {
    return new VideoSession(channel, this.#plan, { closed, tell: (event) => this.listeners.tell(event) });
  }

  protected ended(): void {
    this.listeners.tell({ kind: 'closed' });
  }
}

const defaultResolutions: readonly VideoResolution[] = [
  { width: 1024, height: 768 },
  { width: 1280, height: 1024 },
];

function checkedResolutions(list: readonly VideoResolution[], vramBytes: number): readonly VideoResolution[] {
  if (!Array.isArray(list)) throw invalidType('options.resolutions', 'an array of { width, height }', list);
  if (list.length < 1 || list.length > mostResolutions)
    throw outOfRange('options.resolutions.length', `1 … ${mostResolutions}`, list.length);
  return list.map((resolution: VideoResolution, i) => {
    const argument = `options.resolutions[${i}]`;
    checkObject(resolution, argument, '{ width, height }');
    const { width, height } = resolution;
    checkInteger(width, `${argument}.width`, 1, 0xffff);
    checkInteger(height, `${argument}.height`, 1, 0xffff);
    if (width * height * 4 > vramBytes)
      throw invalidValue(argument, `must fit into video memory of ${vramBytes} bytes`, `${width} × ${height}`);
    return { width, height };
  });
}

function changed(before: VideoFeatures, features: Partial<VideoFeatures>, argument: string): VideoFeatures {
  checkOptionNames(features, featureNames, argument);
  for (const name of featureNames) checkFlag(features[name], `${argument}.${name}`);
  const { dirt, pointerPosition, pointerShape, situation } = features;
  return {
    dirt: dirt ?? before.dirt,
    pointerPosition: pointerPosition ?? before.pointerPosition,
    pointerShape: pointerShape ?? before.pointerShape,
    situation: situation ?? before.situation,
  };
}
