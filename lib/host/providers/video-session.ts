// SPDX-License-Identifier: MIT
//
// One opening of synthetic video: version, video memory, pictures, and what the guest tells about them. Everything is
// forgotten when the guest closes the channel, or asks for a version anew.
// Called by video.ts. Judgement of the guest's numbers: video-picture.ts.

import {
  decodeVideoGuestMessage,
  encodeVideoHostMessage,
  type VideoFeatures,
  type VideoGuestMessage,
  type VideoHostMessage,
  type VideoRectangle,
  type VideoResolution,
  type VideoSituation,
} from '../../protocol/synth-video.js';
import type { HostChannel } from '../types.js';
import { SynthSession } from './synth-session.js';
import type { VideoEvent } from './video.js';
import { checkSituation, clip, PointerParts } from './video-picture.js';

/** The lower half of a version is its major number. */
const majorMask = 0xffff;
const major = 3;

/** Options of the device after defaults. */
export interface VideoPlan {
  readonly vramBytes: number;
  readonly resolutions: readonly VideoResolution[];
  readonly edid: Uint8Array;
  readonly wants: () => VideoFeatures;
}

/** The host's side of one opening. */
export class VideoSession extends SynthSession {
  readonly #plan: VideoPlan;
  readonly #tell: (event: VideoEvent) => void;
  #vram: bigint | null = null;
  #situation: VideoSituation | null = null;
  #pointer = new PointerParts();
  #areFeaturesSent = false;

  constructor(channel: HostChannel, plan: VideoPlan, hooks: { closed(): void; tell(event: VideoEvent): void }) {
    super(channel, 'video', () => hooks.closed());
    this.#plan = plan;
    this.#tell = (event) => hooks.tell(event);
  }

  /** Guest physical address of video memory. */
  get vramAddress(): bigint | null {
    return this.#vram;
  }

  get situation(): VideoSituation | null {
    return this.#situation;
  }

  /** Pixels of the picture as they are now; null while there is none. */
  async read(): Promise<{ readonly situation: VideoSituation; readonly pixels: Uint8Array } | null> {
    const situation = this.#situation;
    if (this.#vram === null || !situation?.isActive) return null;
    const address = Number(this.#vram) + situation.vramOffset;
    const length = situation.pitchBytes * situation.height;
    return { situation, pixels: await this.channel.memory.read([{ address, length }]) };
  }

  protected take(payload: Uint8Array): void {
    const message = decodeVideoGuestMessage(payload);
    if (message.kind === 'versionRequest') this.#onVersion(message.version);
    else if (this.isReady) this.#onMessage(message);
    else throw this.unexpected(`${message.kind} before a version`);
  }

  #onVersion(version: number): void {
    const isAccepted = (version & majorMask) === major;
    this.#vram = null;
    this.#situation = null;
    this.#pointer = new PointerParts();
    this.#areFeaturesSent = false;
    this.isReady = isAccepted;
    this.#answer({
      kind: 'versionResponse',
      version,
      accepted: isAccepted ? 'again' : 'no',
      outputs: isAccepted ? 1 : 0,
    });
    if (isAccepted) this.#tell({ kind: 'ready', version });
  }

  #onMessage(message: Exclude<VideoGuestMessage, { kind: 'versionRequest' }>): void {
    switch (message.kind) {
      case 'vramLocation':
        this.#vram = message.address;
        this.#answer({ kind: 'vramLocationAck', context: message.context });
        this.#tell({ kind: 'vram', address: message.address });
        break;
      case 'situationUpdate':
        this.#onSituation(message.situation, message.context);
        break;
      case 'pointerPosition': {
        const { isVisible, x, y } = message;
        this.#tell({ kind: 'pointer', isVisible, x, y });
        break;
      }
      case 'pointerShape': {
        const shape = this.#pointer.take(message);
        if (shape) this.#tell({ kind: 'pointer-shape', shape });
        break;
      }
      case 'dirt':
        this.#onDirt(message.rectangles);
        break;
      case 'resolutionsRequest':
        this.#onResolutions(message.most);
        break;
      case 'biosInfoRequest':
        this.#answer({ kind: 'biosInfoResponse', canStopDevice: false });
        break;
      case 'capabilityRequest':
        this.#answer({ kind: 'capabilityResponse', locksOnDisconnect: false });
        break;
      default:
        message satisfies never;
    }
  }

  #onSituation(situation: VideoSituation, context: bigint): void {
    checkSituation(situation, this.#plan.vramBytes);
    this.#situation = situation;
    this.#answer({ kind: 'situationAck', context });
    this.#tell({ kind: 'situation', situation });
    // Linux tells what it draws only after it was asked to.
    if (!this.#areFeaturesSent && situation.isActive) this.#answer(this.#features());
    this.#areFeaturesSent ||= situation.isActive;
  }

  #onDirt(rectangles: readonly VideoRectangle[]): void {
    const situation = this.#situation;
    if (!situation?.isActive) return;
    const visible = rectangles.map((rectangle) => clip(rectangle, situation)).filter((rectangle) => rectangle !== null);
    if (visible.length > 0) this.#tell({ kind: 'dirt', rectangles: visible });
  }

  #onResolutions(most: number): void {
    const { edid, resolutions } = this.#plan;
    const list = resolutions.slice(0, most);
    this.#answer({ kind: 'resolutionsResponse', edid, resolutions: list, defaultIndex: 0, isStandard: false });
  }

  #features(): VideoHostMessage {
    return { kind: 'featureChange', features: this.#plan.wants() };
  }

  #answer(message: VideoHostMessage): void {
    this.outgoing.answer(encodeVideoHostMessage(message));
  }

  /** Tells the guest what is wanted now, if it has been told before. */
  async changeFeatures(): Promise<void> {
    if (this.#areFeaturesSent) await this.outgoing.write([encodeVideoHostMessage(this.#features())]);
  }
}
