// SPDX-License-Identifier: MIT
//
// An integration service served over its own channel, in the place of the kernel's hv_utils: versions are agreed on, then each
// request is answered in its turn.
// Called by: heartbeat.ts, shutdown.ts, timesync.ts, fcopy.ts. Bytes: protocol/ic.ts, protocol/ic-negotiation.ts.
// Source of the facts: vmbus_prep_negotiate_resp() in drivers/hv/channel_mgmt.c. An answer is the request's packet with another
// status and flags, in-band, of the same length and transaction id.

import { inspect } from 'node:util';

import type { Channel, CloseReason, Packet } from '../channel/types.js';
import { PacketType } from '../channel/types.js';
import { VmbusError } from '../errors.js';
import {
  decodeIcMessage,
  encodeIcReply,
  type IcMessage,
  type IcReply,
  IcStatus,
  IcType,
  icVersionName,
} from '../protocol/ic.js';
import {
  chooseVersions,
  decodeNegotiation,
  encodeNegotiationReply,
  type IcChoice,
  negotiationReplyBytes,
} from '../protocol/ic-negotiation.js';
import { ChannelLife, failedWith } from './channel-life.js';
import type { IcAnswer, IcHandlers, IcServiceDialect, IcServiceInspection } from './ic-service/types.js';
import type { ServiceState } from './service-device/types.js';

export type * from './ic-service/types.js';

/** Requests that wait behind one that is being answered; what comes after them stays in the ring. Hosts send one at a time. */
const mostWaiting = 4;

interface Waiting {
  readonly packet: Packet;
  readonly message: Required<IcMessage>;
}

/** A service on its channel. Ends with it: a host that switches the service off withdraws the device. */
export class IcService implements AsyncDisposable {
  /** The channel it lives on. Reading from it is the service's. */
  readonly channel: Channel;
  /** Resolves when the service has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #life: ChannelLife;
  readonly #dialect: IcServiceDialect;
  readonly #handlers: IcHandlers;
  readonly #waiting: Waiting[] = [];
  #working: Promise<void> | null = null;
  /** Of what is being answered since the last negotiation. */
  #asked = new AbortController();
  #choice: IcChoice | null = null;
  #state: ServiceState = 'registering';
  #answered = 0;
  #dropped = 0;

  private constructor(channel: Channel, dialect: IcServiceDialect, handlers: IcHandlers, signal?: AbortSignal) {
    this.channel = channel;
    this.#dialect = dialect;
    this.#handlers = handlers;
    this.#life = new ChannelLife(
      channel,
      {
        take: (packet) => this.#take(packet),
        stop: () => this.#asked.abort(),
        ended: () => this.#enter('closed'),
      },
      signal,
    );
    this.closed = this.#life.closed;
  }

  /** Serves an open channel, and closes it at its end. */
  static open(
    channel: Channel,
    dialect: IcServiceDialect,
    handlers: IcHandlers,
    options: { readonly signal?: AbortSignal } = {},
  ): IcService {
    return new IcService(channel, dialect, handlers, options.signal);
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Plain JSON picture. */
  inspect(): IcServiceInspection {
    const choice = this.#choice && {
      framework: icVersionName(this.#choice.framework),
      version: icVersionName(this.#choice.message),
    };
    return {
      service: this.#dialect.name,
      state: this.#state,
      choice,
      answered: this.#answered,
      dropped: this.#dropped,
    };
  }

  /** Ends the service and closes the channel. Safe to call twice. */
  async close(): Promise<void> {
    await this.#life.end({ by: 'user' });
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(packet: Packet): Promise<void> {
    const message = this.#opened(packet);
    if (message === null) this.#dropped += 1;
    else if (message.type === IcType.negotiate) await this.#negotiate(packet, message);
    // Without versions the layout is unknown; other services are not ours to answer.
    else if (this.#choice === null || message.type !== this.#dialect.type)
      await this.#reply(packet, { status: IcStatus.failed });
    else await this.#queue({ packet, message });
  }

  /** The message in a packet; null for what is none: nobody could answer that. */
  #opened(packet: Packet): Required<IcMessage> | null {
    if (packet.type !== PacketType.inband) return null;
    try {
      return decodeIcMessage(packet.payload, this.#dialect.name);
    } catch (error) {
      if (!isViolation(error)) throw error;
      return null;
    }
  }

  /** A host may begin anew at any time, as after the machine was restored: nobody waits for older answers then. */
  async #negotiate(packet: Packet, { body }: Required<IcMessage>): Promise<void> {
    this.#asked.abort();
    this.#asked = new AbortController();
    this.#waiting.length = 0;
    this.#choice = this.#chosen(body);
    if (body.length < 4) {
      this.#dropped += 1;
      return;
    }
    const reply = encodeNegotiationReply(body, this.#choice);
    await this.#reply(packet, {
      status: IcStatus.done,
      body: reply,
      bodyBytes: Math.min(reply.length, negotiationReplyBytes),
    });
    this.#enter(this.#choice ? 'ready' : 'registering');
  }

  #chosen(body: Uint8Array): IcChoice | null {
    const { frameworks, versions } = this.#dialect;
    try {
      return chooseVersions(decodeNegotiation(body), { frameworks, messages: versions });
    } catch (error) {
      if (!isViolation(error)) throw error;
      return null;
    }
  }

  async #queue(waiting: Waiting): Promise<void> {
    this.#waiting.push(waiting);
    this.#working ??= this.#work();
    if (this.#waiting.length > mostWaiting) await this.#working;
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const { signal } = this.#asked;
      try {
        await this.#answer(next, signal);
      } catch (error) {
        if (!signal.aborted) await this.#life.end(failedWith(error));
      }
    }
    // In the same turn as the look at the queue: what comes after it finds nobody at work, and begins anew.
    this.#working = null;
  }

  async #answer({ packet, message }: Waiting, signal: AbortSignal): Promise<void> {
    if (this.#choice === null || signal.aborted) return;
    const { framework, message: version } = this.#choice;
    const answer: IcAnswer = await this.#handlers.answer({ body: message.body, version, framework }, signal);
    if (signal.aborted) return;
    await this.#reply(packet, answer);
    this.#answered += 1;
    answer.after?.();
  }

  async #reply(packet: Packet, { status, body, bodyBytes }: IcReply): Promise<void> {
    const reply = encodeIcReply(packet.payload, {
      status,
      ...(body ? { body } : {}),
      ...(bodyBytes === undefined ? {} : { bodyBytes }),
    });
    await this.channel.send(reply, { transactionId: packet.transactionId });
  }

  #enter(state: ServiceState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#handlers.onState?.(state);
  }
}

// Not a method: its computed name could not stand in the declaration file.
Object.defineProperty(IcService.prototype, inspect.custom, {
  value(this: IcService): string {
    return `IcService ${inspect(this.inspect(), { depth: 3 })}`;
  },
});

function isViolation(error: unknown): boolean {
  return VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL';
}
