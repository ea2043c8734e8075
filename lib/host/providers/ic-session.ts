// SPDX-License-Identifier: MIT
//
// One opening of an integration service: versions are agreed on first, then one request at a time. What waits is a queue.
// Called by: ic-device.ts, host-channel.ts. Bytes: protocol/ic.ts, protocol/ic-negotiation.ts.
//
// A guest has nothing but the order to tell its answers apart. So whatever was sent keeps its turn until it is answered,
// also when nobody waits for it any more; and there are never two negotiations at once, which confuse guests that take one
// message at a time.
//
// Whose clock runs, where the caller sets none: that of a request which was sent; while versions are being agreed on, those
// of all that wait for it; while the guest owes an answer that nobody waits for or that may take for ever, those of all that
// wait behind it.

import { VmbusError } from '../../errors.js';
import { encodeIcMessage, type IcMessage, IcStatus, IcType, icVersion } from '../../protocol/ic.js';
import {
  decodeNegotiationReply,
  encodeNegotiation,
  type IcChoice,
  type IcVersions,
} from '../../protocol/ic-negotiation.js';
import { protocolViolation } from '../../protocol/wire-fields.js';
import type { HostChannel, HostPacket, ProviderSession } from '../types.js';
import { openAnswer } from './ic-answer.js';
import { closedError, type IcPlace, timeoutError, tooLargeError, versionsError } from './ic-errors.js';
import { type IcAnswer, type IcLimits, IcPending, type IcRequest } from './ic-pending.js';

/** Versions of the framework that hosts offer. */
const frameworks: readonly number[] = [icVersion(1, 0), icVersion(3, 0)];

/** What a service is to its sessions. */
export interface IcService {
  /** As errors name it. */
  readonly name: string;
  /** Type of its messages. */
  readonly type: number;
  /** Versions offered, the oldest first. */
  readonly versions: readonly number[];
  /** How long requests wait for versions to be agreed on. */
  readonly negotiationTimeoutMs: number;
  /** What to look at when the guest does not answer. */
  readonly silenceHint: string;
}

/** Where an opening is. */
export type IcSessionState = 'negotiating' | 'ready' | 'refused' | 'closed';

/** What all that wait, wait for. */
type WaitPhase = 'negotiating' | 'held up' | 'running';

/** The host's side of one opening. */
export class IcSession implements ProviderSession {
  readonly #channel: HostChannel;
  readonly #service: IcService;
  readonly #entered: (state: IcSessionState) => void;
  readonly #queue: IcPending[] = [];
  #state: IcSessionState = 'negotiating';
  #wantsNegotiation = true;
  #choice: IcChoice | null = null;
  /** What the guest has to answer next. */
  #sent: IcPending | 'negotiation' | null = null;
  /** Its bytes, while they have not fit the ring. */
  #unsent: Uint8Array | null = null;
  /** Why the guest may not go on. */
  #verdict: VmbusError | null = null;
  #refusal: VmbusError | null = null;
  #end: 'closed' | 'rescinded' = 'closed';
  /** See above. */
  #phase: WaitPhase = 'negotiating';

  /** @param entered Told of each state but the first */
  constructor(channel: HostChannel, service: IcService, entered: (state: IcSessionState) => void) {
    this.#channel = channel;
    this.#service = service;
    this.#entered = entered;
  }

  get state(): IcSessionState {
    return this.#state;
  }

  /** What was agreed on, while it holds. */
  get choice(): IcChoice | null {
    return this.#state === 'ready' ? this.#choice : null;
  }

  /** Why nothing can be asked: no version in common. */
  get refusal(): VmbusError | null {
    return this.#refusal;
  }

  /** Asks for versions. Call once, first. */
  start(): void {
    this.#pump();
  }

  /** Asks for versions again, as hosts do after the machine was restored; once what the guest owes has come. */
  renegotiate(): void {
    if (this.#state === 'closed' || this.#wantsNegotiation || this.#sent === 'negotiation') return;
    this.#wantsNegotiation = true;
    this.#refusal = null;
    this.#enter('negotiating');
    this.#pump();
  }

  /**
   * Asks the guest something.
   * @throws VmbusError ERR_VMBUS_CLOSED, _RESCINDED, _UNSUPPORTED, _TIMEOUT, _TOO_LARGE, _PROTOCOL; the signal's reason;
   * what the request throws
   */
  request<T>(request: IcRequest<T>, limits: IcLimits): Promise<T> {
    if (limits.signal?.aborted) return Promise.reject(limits.signal.reason);
    if (this.#state === 'closed') return Promise.reject(this.#endError());
    if (this.#refusal) return Promise.reject(this.#refusal);
    const pending = new IcPending(request, limits, {
      abandoned: (which) => this.#onAbandoned(which),
      timedOut: (which, ms) => this.#timeoutError(which, ms),
    });
    if (request.isUrgent) this.#queue.unshift(pending);
    else this.#queue.push(pending);
    this.#arm(pending);
    this.#pump();
    return pending.promise as Promise<T>;
  }

  /** Sends a request whatever the guest owes, and takes no answer: for the last moment of a process. */
  sendLast(request: IcRequest<unknown>): void {
    const { choice } = this;
    if (choice) this.#channel.send(this.#payload(request, choice));
  }

  onPacket(packet: HostPacket): void {
    try {
      this.#take(packet);
    } catch (error) {
      if (!isViolation(error)) throw error;
      const { message, facts } = error;
      this.#verdict = new VmbusError('ERR_VMBUS_PROTOCOL', message, { ...this.#place, facts, cause: error });
      this.#channel.fail(this.#verdict);
    }
  }

  onSpace(): void {
    if (this.#unsent) this.#send(this.#unsent);
  }

  onClose(reason: 'closed' | 'rescinded' = 'closed'): void {
    this.#end = reason;
    const error = this.#endError();
    const waiting = this.#queue.splice(0);
    if (this.#sent instanceof IcPending) waiting.unshift(this.#sent);
    this.#sent = null;
    this.#unsent = null;
    for (const pending of waiting) pending.reject(error);
    this.#enter('closed');
  }

  #take(packet: HostPacket): void {
    const { name, type } = this.#service;
    const sent = this.#sent;
    if (sent === null || this.#unsent) throw protocolViolation(name, 'an answer although nothing was asked');
    if (sent === 'negotiation') {
      this.#onNegotiated(openAnswer(name, packet, IcType.negotiate, null));
      return;
    }
    const { status, body, version } = openAnswer(name, packet, type, sent.choice);
    if (!sent.isAbandoned) this.#answer(sent, { status, body, version });
    this.#sent = null;
    this.#pump();
  }

  #answer(pending: IcPending, answer: IcAnswer): void {
    try {
      pending.resolve(pending.request.decode(answer));
    } catch (error) {
      // The channel ends with it, and everything that waits.
      if (isViolation(error)) throw error;
      pending.reject(error);
    }
  }

  #onNegotiated({ status, body }: Pick<Required<IcMessage>, 'status' | 'body'>): void {
    const { name } = this.#service;
    const choice = decodeNegotiationReply(body);
    const offered = this.#offered;
    if (choice && (!frameworks.includes(choice.framework) || !offered.messages.includes(choice.message)))
      throw protocolViolation(name, 'the guest chose versions that were not offered', { ...choice });
    this.#sent = null;
    if (choice && status === IcStatus.done) {
      this.#choice = choice;
      this.#refusal = null;
      this.#enter('ready');
    } else {
      this.#refusal = versionsError(name, this.#place, offered, status);
      for (const pending of this.#queue.splice(0)) pending.reject(this.#refusal);
      this.#enter('refused');
    }
    this.#pump();
  }

  /** Sends what is next, if the guest owes nothing. */
  #pump(): void {
    while (this.#sent === null && this.#state !== 'closed') {
      if (this.#wantsNegotiation) this.#negotiate();
      else if (this.#state !== 'ready' || !this.#askNext()) break;
    }
    const phase = this.#phaseNow();
    if (this.#phase === phase) return;
    this.#phase = phase;
    for (const pending of this.#queue) this.#arm(pending);
  }

  #negotiate(): void {
    this.#wantsNegotiation = false;
    this.#sent = 'negotiation';
    this.#send(
      encodeIcMessage({ framework: 0, type: IcType.negotiate, version: 0, body: encodeNegotiation(this.#offered) }),
    );
  }

  /** Whether there was something to ask. */
  #askNext(): boolean {
    const next = this.#queue.shift();
    const choice = this.#choice;
    if (!next || !choice) return false;
    try {
      const payload = this.#payload(next.request, choice);
      const maxBytes = this.#channel.maxPayloadBytes;
      if (payload.length > maxBytes) throw tooLargeError(this.#service.name, this.#place, payload.length, maxBytes);
      next.choice = choice;
      next.arm(next.request.answerMs);
      this.#sent = next;
      this.#send(payload);
    } catch (error) {
      next.reject(error);
      if (this.#sent === next) this.#sent = null;
    }
    return true;
  }

  #payload(request: IcRequest<unknown>, { framework, message: version }: IcChoice): Uint8Array {
    return encodeIcMessage({ framework, type: this.#service.type, version, body: request.encode(version) });
  }

  #send(payload: Uint8Array): void {
    this.#unsent = this.#channel.send(payload) ? null : payload;
  }

  #onAbandoned(pending: IcPending): void {
    const place = this.#queue.indexOf(pending);
    if (place >= 0) this.#queue.splice(place, 1);
    else if (this.#sent === pending && this.#unsent) this.#sent = this.#unsent = null;
    else pending.isAbandoned = true;
    this.#pump();
  }

  #phaseNow(): WaitPhase {
    if (this.#state === 'negotiating') return 'negotiating';
    return this.#sent instanceof IcPending && (this.#sent.isAbandoned || this.#sent.isPatient) ? 'held up' : 'running';
  }

  #arm(pending: IcPending): void {
    const { answerMs } = pending.request;
    const isWaiting = this.#phase !== 'running' && answerMs !== undefined;
    const waitingMs = this.#phase === 'negotiating' ? this.#service.negotiationTimeoutMs : answerMs;
    pending.arm(isWaiting ? waitingMs : undefined);
  }

  get #offered(): IcVersions {
    return { frameworks, messages: this.#service.versions };
  }

  get #place(): IcPlace {
    return { device: this.#channel.device, channel: this.#channel.relid };
  }

  #timeoutError(pending: IcPending, timeoutMs: number): VmbusError {
    const { name, silenceHint } = this.#service;
    const what = this.#state === 'negotiating' ? 'negotiation of versions' : pending.request.what;
    return timeoutError(name, this.#place, what, timeoutMs, silenceHint);
  }

  #endError(): VmbusError {
    return this.#verdict ?? closedError(this.#service.name, this.#place, this.#end);
  }

  #enter(state: IcSessionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#entered(state);
  }
}

function isViolation(error: unknown): error is VmbusError {
  return VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL';
}
