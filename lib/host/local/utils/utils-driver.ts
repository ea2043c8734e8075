// SPDX-License-Identifier: MIT
//
// hv_utils of the simulated kernel on one device: agrees on versions with the host, and passes its requests on to whoever has the
// service's node open, one at a time.
// Called by: local/device.ts. Calls: kernel-channel.ts, service-node.ts, and the service's bridge.
// Source: drivers/hv/hv_util.c, hv_utils_transport.c, hv_kvp.c, hv_snapshot.c.

import { decodeIcMessage, encodeIcReply, type IcReply, IcStatus, IcType } from '../../../protocol/ic.js';
import {
  chooseVersions,
  decodeNegotiation,
  encodeNegotiationReply,
  type IcChoice,
  negotiationReplyBytes,
} from '../../../protocol/ic-negotiation.js';
import type { Provider } from '../../types.js';
import type { DeviceSurroundings } from '../surroundings.js';
import { KernelChannel, type KernelChannelPlan } from './kernel-channel.js';
import { ServiceNode } from './service-node.js';
import type { Bridge, BridgedRequest } from './types.js';

interface Pending {
  readonly packet: Uint8Array;
  readonly request: BridgedRequest;
  readonly timer: NodeJS.Timeout;
}

/** One service. Lives while the driver has the device. */
export class UtilsDriver {
  readonly #bridge: Bridge;
  readonly #channel: KernelChannel;
  readonly #node: ServiceNode;
  readonly #unread: Uint8Array[] = [];
  #choice: IcChoice | null = null;
  #isRegistered = false;
  #pending: Pending | null = null;

  constructor(
    provider: Provider,
    bridge: Bridge,
    around: DeviceSurroundings,
    place: Omit<KernelChannelPlan, 'receive'>,
  ) {
    this.#bridge = bridge;
    this.#node = new ServiceNode(bridge.node, around, {
      opened: () => undefined,
      closed: () => this.#onOpenerGone(),
      message: (message) => this.#onMessage(message),
    });
    this.#channel = new KernelChannel({ ...place, receive: (packet) => this.#receive(packet) });
    this.#channel.start(provider.onOpen(this.#channel));
  }

  get channel(): KernelChannel {
    return this.#channel;
  }

  /** The driver was taken off, or the device is gone. */
  stop(reason: 'closed' | 'rescinded'): void {
    if (this.#pending) clearTimeout(this.#pending.timer);
    this.#pending = null;
    this.#unread.length = 0;
    this.#node.close();
    this.#channel.close(reason);
  }

  #receive(packet: Uint8Array): void {
    this.#unread.push(packet);
    this.#pump();
  }

  /** Reads what is in the ring, as far as the state allows. */
  #pump(): void {
    while (this.#pending === null && (this.#isRegistered || !this.#bridge.waitsForOpener)) {
      const packet = this.#unread.shift();
      if (!packet) return;
      this.#handle(packet);
    }
  }

  #handle(packet: Uint8Array): void {
    const message = readable(() => decodeIcMessage(packet, this.#bridge.node));
    // Dropped unanswered, as by the kernel.
    if (message === null) return;
    const { type, body } = message;
    if (type === IcType.negotiate) this.#negotiate(packet, body);
    else if (type === this.#bridge.type && this.#choice) this.#ask(packet, body, this.#choice.message);
  }

  #negotiate(packet: Uint8Array, body: Uint8Array): void {
    const { frameworks, versions } = this.#bridge;
    // Versions that are not there match nothing.
    this.#choice = readable(() => chooseVersions(decodeNegotiation(body), { frameworks, messages: versions }));
    const reply = readable(() => encodeNegotiationReply(body, this.#choice));
    if (reply === null) return;
    this.#reply(packet, {
      status: IcStatus.done,
      body: reply,
      bodyBytes: Math.min(reply.length, negotiationReplyBytes),
    });
  }

  #ask(packet: Uint8Array, body: Uint8Array, version: number): void {
    const request = this.#passOn(body, version);
    if (!('message' in request)) {
      this.#reply(packet, request);
      return;
    }
    if (!this.#isRegistered || this.#node.send(request.message) !== 0) {
      this.#reply(packet, { status: IcStatus.failed });
      return;
    }
    const timer = setTimeout(() => this.#answer({ status: IcStatus.failed }), request.timeoutMs);
    this.#pending = { packet, request, timer: timer.unref() };
  }

  /** What the kernel can't pass on fails. */
  #passOn(body: Uint8Array, version: number): BridgedRequest | IcReply {
    return readable(() => this.#bridge.request(body, version)) ?? { status: IcStatus.failed };
  }

  /** A message of the opener. Answers to what nobody waits for any more are dropped. */
  #onMessage(message: Uint8Array): void {
    if (this.#pending) {
      this.#answer(this.#replyOf(this.#pending.request, message));
      return;
    }
    const welcome = this.#bridge.register(message);
    if (welcome === null) return;
    this.#node.send(welcome);
    this.#isRegistered = true;
    this.#pump();
  }

  #replyOf(request: BridgedRequest, message: Uint8Array): IcReply {
    return readable(() => request.reply(message)) ?? { status: IcStatus.failed };
  }

  #onOpenerGone(): void {
    this.#isRegistered = false;
    if (this.#pending) this.#answer({ status: IcStatus.failed });
  }

  #answer(reply: IcReply): void {
    const pending = this.#pending;
    if (!pending) return;
    clearTimeout(pending.timer);
    this.#pending = null;
    this.#reply(pending.packet, reply);
    this.#pump();
  }

  #reply(packet: Uint8Array, reply: IcReply): void {
    this.#channel.deliver(encodeIcReply(packet, reply));
  }
}

/** What a codec reads; null for what is none of its messages. */
function readable<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch {
    return null;
  }
}
