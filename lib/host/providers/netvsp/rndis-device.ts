// SPDX-License-Identifier: MIT
//
// The RNDIS device that a guest finds behind NVSP: initialise, query, set, keepalive, reset, halt, and what the card says by
// itself. Called by: nic.ts. Answers through the hooks; objects are objects.ts.

import { protocolViolation } from '../../../protocol/message-fields.js';
import {
  decodeRndisControl,
  encodeRndisControl,
  type RndisControlMessage,
  RndisIndication,
  type RndisInitialize,
  RndisStatus,
} from '../../../protocol/rndis.js';
import type { Card } from './card.js';
import { type ObjectSurroundings, readObject, writeObject } from './objects.js';

/** Frames that the guest may put into one transfer, and where each of them begins. */
export const mostPacketsPerTransfer = 8;
/** Packets begin at multiples of 2 to the power of this. */
export const alignmentFactor = 3;
const mostTransferBytes = 0x4000;
const noInfo = new Uint8Array(0);
/** Answers that may wait for a guest that takes none. */
const mostAnswers = 256;
/** Changes of the link that may wait; then only the last one counts. */
const mostIndications = 16;

/** What the device needs of its card. */
export interface RndisHooks {
  readonly around: ObjectSurroundings;
  /** Control messages that wait for the guest. */
  readonly waiting: number;
  send(message: Uint8Array): void;
  /** The filter, or being initialised, changed. */
  changed(): void;
}

/** One RNDIS device. */
export class RndisDevice {
  readonly #card: Card;
  readonly #hooks: RndisHooks;
  /** The guest has not been told of the last change of the link. */
  #isLinkStale = false;

  constructor(card: Card, hooks: RndisHooks) {
    this.#card = card;
    this.#hooks = hooks;
  }

  /** @throws VmbusError ERR_VMBUS_PROTOCOL for what the guest must not send */
  handle(bytes: Uint8Array): void {
    if (this.#hooks.waiting >= mostAnswers)
      throw protocolViolation('rndis', `the guest asks on and on, and took none of ${mostAnswers} answers`);
    const message = decodeRndisControl(bytes);
    switch (message.kind) {
      case 'initialize':
        this.#initialize(message);
        break;
      case 'query':
        this.#query(message.requestId, message.oid, message.info);
        break;
      case 'set':
        this.#set(message.requestId, message.oid, message.info);
        break;
      case 'keepalive':
        this.#answer({ kind: 'keepaliveComplete', requestId: message.requestId, status: RndisStatus.success });
        break;
      case 'reset':
        this.#reset({ isInitialized: this.#card.isInitialized });
        this.#answer({ kind: 'resetComplete', status: RndisStatus.success, addressingReset: true });
        break;
      case 'halt':
        this.#reset({ isInitialized: false });
        break;
      default:
        throw protocolViolation('rndis', `a guest does not send ${message.kind}`);
    }
  }

  /** The cable was put in or taken out. */
  indicateLink(): void {
    if (!this.#card.isInitialized) return;
    this.#isLinkStale = this.#hooks.waiting >= mostIndications;
    if (this.#isLinkStale) return;
    const { mediaConnect, mediaDisconnect } = RndisIndication;
    const status = this.#hooks.around.isConnected ? mediaConnect : mediaDisconnect;
    this.#answer({ kind: 'indicateStatus', status, buffer: noInfo });
  }

  /** Messages were handed to the guest. */
  sent(): void {
    if (this.#isLinkStale) this.indicateLink();
  }

  #initialize({ requestId, major }: RndisInitialize): void {
    const isKnown = major === 1;
    this.#card.reset({ isInitialized: isKnown });
    this.#answer({
      kind: 'initializeComplete',
      requestId,
      status: isKnown ? RndisStatus.success : RndisStatus.badVersion,
      major: 1,
      minor: 0,
      deviceFlags: 1,
      medium: 0,
      maxPackets: mostPacketsPerTransfer,
      maxTransferBytes: mostTransferBytes,
      alignmentFactor,
    });
    this.#hooks.changed();
  }

  #query(requestId: number, oid: number, input: Uint8Array): void {
    const { isInitialized } = this.#card;
    const failure = { status: RndisStatus.failure, info: noInfo };
    const answer = isInitialized ? readObject(oid, input, this.#card, this.#hooks.around) : failure;
    this.#answer({ kind: 'queryComplete', requestId, ...answer });
  }

  #set(requestId: number, oid: number, info: Uint8Array): void {
    const { isInitialized } = this.#card;
    const status = isInitialized ? writeObject(oid, info, this.#card, this.#hooks.around) : RndisStatus.failure;
    this.#answer({ kind: 'setComplete', requestId, status });
    this.#hooks.changed();
  }

  #reset(to: { readonly isInitialized: boolean }): void {
    this.#card.reset(to);
    this.#hooks.changed();
  }

  #answer(message: RndisControlMessage): void {
    this.#hooks.send(encodeRndisControl(message));
  }
}
