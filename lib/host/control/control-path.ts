// SPDX-License-Identifier: MIT
//
// The host's side of VMBus's control messages: contact, offers, shared memory, opening and closing of channels, withdrawal.
// A state machine: messages in, messages out, no I/O of its own. It trusts nothing that a guest says.
// Called by: lib/host/qemu. Calls: contact.ts, memory-sharing.ts; codecs in protocol/control.
// Source: drivers/hv/{connection,channel,channel_mgmt}.c of Linux for what a guest does and waits for. Some requests must be
// answered or the guest hangs: contact, GPADL header, open, GPADL teardown, unload, and modify from 5.3 on.

import { decodeGuestMessage } from '../../protocol/control/guest-messages.js';
import * as reply from '../../protocol/control/host-messages.js';
import {
  BusVersion,
  ControlType,
  type GpadlTeardown,
  type GuestMessage,
  type InitiateContact,
  type ModifyChannel,
  noProcessor,
  type OpenChannel,
  type SocketConnect,
} from '../../protocol/control/types.js';
import { judge, reachable, settled } from './contact.js';
import type { Gpadl } from './gpadl-table.js';
import { MemorySharing } from './memory-sharing.js';
import { openFault } from './open-fault.js';
import { RelidPool } from './relid-pool.js';
import type { ControlEvents, OfferedChannel, OfferRequest, Synic } from './types.js';

/** Where guests from 5.0 on post their messages. */
const messageConnection = 4;
/** Any status but 0 makes a guest give up. This one: STATUS_UNSUCCESSFUL. */
const refused = 0xc000_0001;

/** A connection with a guest, and the next one. */
export class ControlPath {
  readonly #synic: Synic;
  readonly #events: ControlEvents;
  readonly #newest: number;
  readonly #sharing: MemorySharing;
  readonly #relids = new RelidPool();
  #channels = new Map<number, OfferedChannel>();
  #contact: InitiateContact | null = null;
  #areOffersOut = false;

  /** @param newest Newest version to agree to; default 5.3 */
  constructor(
    synic: Synic,
    events: ControlEvents,
    isMemory: (page: number) => boolean,
    newest: number = BusVersion.win10v53,
  ) {
    this.#synic = synic;
    this.#events = events;
    this.#newest = newest;
    this.#sharing = new MemorySharing(isMemory, {
      post: (message) => this.#post(message),
      nonsense: (what) => this.#nonsense(what),
    });
  }

  /** Version agreed on, 0 while there is no connection. */
  get version(): number {
    return this.#contact?.version ?? 0;
  }

  /** What the guest said when it connected. */
  get contact(): InitiateContact | null {
    return this.#contact;
  }

  /** Offers can be made: the guest has asked for them. */
  get takesOffers(): boolean {
    return this.#areOffersOut;
  }

  /** Memory shared under a handle by one of these channels. */
  gpadl(handle: number, isOwner: (relid: number) => boolean): Gpadl | null {
    const gpadl = this.#sharing.find(handle);
    return gpadl && isOwner(gpadl.relid) ? gpadl : null;
  }

  /** Offers a channel. Null when no relid is free. */
  offer(request: OfferRequest): OfferedChannel | null {
    const relid = this.#relids.take();
    if (relid === null) return null;
    const connectionId = connectionOf(relid);
    const channel: OfferedChannel = {
      relid,
      offer: { ...request, relid, connectionId },
      processor: null,
      ringGpadl: null,
      isOpen: false,
      isRescinded: false,
    };
    this.#channels.set(relid, channel);
    this.#post(reply.encodeOffer(channel.offer));
    return channel;
  }

  /**
   * Withdraws a channel. Its relid and memory stay taken until the guest has released them.
   * @param options `staysOpen`: packets pass until the guest closes it
   */
  rescind(channel: OfferedChannel, { staysOpen = false }: { readonly staysOpen?: boolean } = {}): void {
    if (this.#channels.get(channel.relid) !== channel) return;
    const isNews = !channel.isRescinded;
    channel.isRescinded = true;
    if (!staysOpen) this.#shut(channel);
    if (isNews) this.#post(reply.encodeRescind(channel.relid));
  }

  /** Interrupts the guest for a channel. */
  interrupt(channel: OfferedChannel): void {
    const { processor, relid } = channel;
    if (processor !== null && this.#contact) this.#synic.interrupt(processor, this.#contact.sint, relid);
  }

  /** The channel whose signals come on this connection. */
  channelOf(connectionId: number): OfferedChannel | null {
    const channel = this.#channels.get(connectionId & 0x7ff);
    return channel?.offer.connectionId === connectionId && channel.isOpen ? channel : null;
  }

  /** The guest is gone without a word: reset, or switched off. */
  lose(): void {
    if (!this.#contact) return;
    this.#contact = null;
    this.#areOffersOut = false;
    for (const channel of this.#channels.values()) this.#shut(channel);
    const gone = [...this.#channels.values()];
    this.#channels = new Map();
    this.#sharing.forget();
    for (const channel of gone) {
      this.#relids.give(channel.relid);
      this.#events.released(channel);
    }
    this.#events.lost();
  }

  /** A control message of the guest. */
  onMessage(bytes: Uint8Array): void {
    const message = decodeGuestMessage(bytes);
    if (typeof message === 'string') this.#nonsense(message);
    else if (message.type === ControlType.initiateContact) this.#greet(message);
    else if (!this.#contact) this.#nonsense(`message ${message.type} before any contact`);
    else this.#obey(message);
  }

  #obey(message: Exclude<GuestMessage, InitiateContact>): void {
    if (message.type === ControlType.requestOffers) this.#deliverOffers();
    else if (message.type === ControlType.gpadlHeader)
      this.#sharing.begin(message, this.#channels.get(message.relid) ?? null);
    else if (message.type === ControlType.gpadlBody) this.#sharing.go(message);
    else if (message.type === ControlType.gpadlTeardown) this.#tearDown(message);
    else if (message.type === ControlType.open) this.#open(message);
    else if (message.type === ControlType.close) this.#close(message.relid);
    else if (message.type === ControlType.relidReleased) this.#release(message.relid);
    else if (message.type === ControlType.modifyChannel) this.#modify(message);
    else if (message.type === ControlType.socketConnect) this.#connectSocket(message);
    else this.#unload();
  }

  #connectSocket({ endpoint, service }: SocketConnect): void {
    if (this.#events.socketConnect(endpoint, service)) return;
    const connectionRefused = 0xc000_0236;
    this.#post(reply.encodeSocketConnectResult(endpoint, service, connectionRefused));
  }

  /** A second contact begins everything anew: another kernel has taken over the machine. */
  #greet(message: InitiateContact): void {
    this.lose();
    const { processors } = this.#synic;
    const contact = settled(message);
    const answer = judge(contact, processors, this.#newest);
    if (answer !== 'accept') {
      if (answer !== 'unknown version') this.#nonsense(answer);
      const { processor, sint } = reachable(contact, processors);
      this.#synic.post(processor, sint, reply.encodeVersionResponse(false, 0));
      return;
    }
    this.#contact = contact;
    const { version } = contact;
    this.#post(reply.encodeVersionResponse(true, version < BusVersion.win10v5 ? version : messageConnection));
    this.#events.connected(contact);
  }

  #deliverOffers(): void {
    if (this.#areOffersOut) {
      this.#nonsense('offers requested twice');
      return;
    }
    this.#areOffersOut = true;
    this.#events.offersRequested();
    this.#post(reply.encodeAllOffersDelivered());
  }

  #tearDown({ relid, gpadl }: GpadlTeardown): void {
    const channel = this.#channels.get(relid);
    if (channel?.isOpen && channel.ringGpadl === gpadl) {
      // The rings go first, whatever the guest says later.
      if (!channel.isRescinded) this.#nonsense(`teardown of the rings of channel ${relid}, which is open`, channel);
      this.#shut(channel);
    }
    this.#sharing.tearDown(relid, gpadl);
  }

  #open(request: OpenChannel): void {
    const { relid, openId } = request;
    const channel = this.#channels.get(relid);
    if (channel?.isRescinded) return;
    const gpadl = this.#sharing.find(request.gpadl);
    const fault = openFault(request, channel, gpadl?.relid, this.#synic.processors);
    if (fault !== null || !channel || !gpadl) {
      this.#nonsense(fault ?? 'open', channel);
      this.#post(reply.encodeOpenResult(relid, openId, refused));
      return;
    }
    channel.isOpen = true;
    channel.ringGpadl = gpadl.handle;
    channel.processor = request.processor === noProcessor ? null : request.processor;
    this.#synic.listen(channel.offer.connectionId);
    void this.#events.open(channel, request, gpadl).then((status) => {
      // Withdrawn, closed or reset meanwhile: nobody waits for the answer.
      if (this.#channels.get(relid) !== channel || !channel.isOpen) return;
      if (status !== 0) this.#shut(channel);
      this.#post(reply.encodeOpenResult(relid, openId, status));
      // The guest may have written before we listened; and expects a look at its ring.
      if (status === 0) this.interrupt(channel);
    });
  }

  #close(relid: number): void {
    const channel = this.#channels.get(relid);
    // A withdrawn channel may still be closed, also by a guest that has not heard of it.
    if (channel?.isOpen) this.#shut(channel);
    else if (!channel?.isRescinded) this.#nonsense(`close of channel ${relid}, which is not open`, channel);
  }

  #shut(channel: OfferedChannel): void {
    if (!channel.isOpen) return;
    channel.isOpen = false;
    channel.processor = null;
    channel.ringGpadl = null;
    this.#synic.unlisten(channel.offer.connectionId);
    this.#events.closed(channel);
  }

  #release(relid: number): void {
    const channel = this.#channels.get(relid);
    if (!channel) {
      this.#nonsense(`release of channel ${relid}, which was never offered`);
      return;
    }
    if (!channel.isRescinded) this.#nonsense(`release of channel ${relid}, which was not withdrawn`, channel);
    this.#shut(channel);
    this.#sharing.removeOf(relid);
    this.#channels.delete(relid);
    this.#relids.give(relid);
    this.#events.released(channel);
  }

  #modify({ relid, processor }: ModifyChannel): void {
    const channel = this.#channels.get(relid);
    const isSound = channel?.isOpen === true && processor < this.#synic.processors;
    if (isSound) channel.processor = processor;
    else if (!channel?.isRescinded) this.#nonsense(`channel ${relid} to processor ${processor}`, channel);
    // Older guests do not expect an answer, newer ones wait for it without end.
    if (this.version >= BusVersion.win10v53)
      this.#post(reply.encodeModifyChannelResponse(relid, isSound ? 0 : refused));
    // An interrupt may have gone to the old processor while it was being moved.
    if (isSound) this.interrupt(channel);
  }

  #unload(): void {
    const contact = this.#contact;
    this.lose();
    if (contact) this.#synic.post(contact.processor, contact.sint, reply.encodeUnloadResponse());
  }

  #post(message: Uint8Array): void {
    if (this.#contact) this.#synic.post(this.#contact.processor, this.#contact.sint, message);
  }

  #nonsense(what: string, channel?: OfferedChannel): void {
    this.#events.nonsense(what, channel ?? null);
  }
}

/** As OpenVMM forms it: the channel and the interrupt line. The guest only repeats it. */
function connectionOf(relid: number): number {
  return relid | (2 << 12);
}
