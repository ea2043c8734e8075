// SPDX-License-Identifier: MIT
//
// The host's side of VMBus's control messages: contact, offers, shared memory, opening and closing of channels, withdrawal.
// A state machine: messages in, messages out, no I/O of its own. It trusts nothing that a guest says.
// Called by: lib/host/qemu. Calls: gpadl-table.ts; codecs in protocol/control.
// Source: drivers/hv/{connection,channel,channel_mgmt}.c of Linux for what a guest does and waits for. Some requests must be
// answered or the guest hangs: contact, GPADL header, open, GPADL teardown, unload, and modify from 5.3 on.

import { decodeGuestMessage } from '../../protocol/control/guest-messages.js';
import * as reply from '../../protocol/control/host-messages.js';
import {
  BusVersion,
  busVersionText,
  ControlType,
  type GpadlBody,
  type GpadlHeader,
  type GpadlTeardown,
  type GuestMessage,
  type InitiateContact,
  type ModifyChannel,
  noProcessor,
  type OpenChannel,
} from '../../protocol/control/types.js';
import { type GpadlStep, GpadlTable } from './gpadl-table.js';
import { RelidPool } from './relid-pool.js';
import type { ControlEvents, OfferedChannel, OfferRequest, Synic } from './types.js';

/** Versions spoken here. */
const versions: readonly number[] = Object.values(BusVersion).filter((version) => version >= BusVersion.win8);
/** Where guests from 5.0 on post their messages. */
const messageConnection = 4;
/** Guests before this one have messages on processor 0, whatever they say. */
const firstWithProcessor: number = BusVersion.win8r2;
/** Any status but 0 makes a guest give up. This one: STATUS_UNSUCCESSFUL. */
const refused = 0xc000_0001;
/** What OpenVMM answers to a GPADL that makes no sense. */
const badGpadl = 0x8000_ffff;

/** A connection with a guest, and the next one. */
export class ControlPath {
  readonly #synic: Synic;
  readonly #events: ControlEvents;
  readonly #newest: number;
  readonly #isMemory: (page: number) => boolean;
  readonly #relids = new RelidPool();
  #channels = new Map<number, OfferedChannel>();
  #gpadls: GpadlTable;
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
    this.#isMemory = isMemory;
    this.#newest = newest;
    this.#gpadls = new GpadlTable(isMemory);
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
  gpadl(handle: number, isOwner: (relid: number) => boolean): ReturnType<GpadlTable['find']> {
    const gpadl = this.#gpadls.find(handle);
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

  /** Withdraws a channel. Its relid and memory stay taken until the guest has released them. */
  rescind(channel: OfferedChannel): void {
    if (channel.isRescinded || this.#channels.get(channel.relid) !== channel) return;
    channel.isRescinded = true;
    this.#shut(channel);
    this.#post(reply.encodeRescind(channel.relid));
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
    this.#gpadls = new GpadlTable(this.#isMemory);
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
    switch (message.type) {
      case ControlType.requestOffers:
        this.#deliverOffers();
        return;
      case ControlType.gpadlHeader:
        this.#share(message);
        return;
      case ControlType.gpadlBody:
        this.#shareMore(message);
        return;
      case ControlType.gpadlTeardown:
        this.#tearDown(message);
        return;
      case ControlType.open:
        this.#open(message);
        return;
      case ControlType.close:
        this.#close(message.relid);
        return;
      case ControlType.relidReleased:
        this.#release(message.relid);
        return;
      case ControlType.modifyChannel:
        this.#modify(message);
        return;
      case ControlType.unload:
        this.#unload();
        return;
      case ControlType.socketConnect: {
        const { endpoint, service } = message;
        if (this.#events.socketConnect(endpoint, service)) return;
        const connectionRefused = 0xc000_0236;
        this.#post(reply.encodeSocketConnectResult(endpoint, service, connectionRefused));
      }
    }
  }

  /** A second contact begins everything anew: another kernel has taken over the machine. */
  #greet(contact: InitiateContact): void {
    this.lose();
    const { version } = contact;
    const processor = version < firstWithProcessor ? 0 : contact.processor;
    const fault = this.#faultOf({ ...contact, processor });
    if (fault !== null) {
      this.#synic.post(
        processor < this.#synic.processors ? processor : 0,
        contact.sint < 16 ? contact.sint : 2,
        reply.encodeVersionResponse(false, 0),
      );
      return;
    }
    this.#contact = { ...contact, processor };
    this.#post(reply.encodeVersionResponse(true, version < BusVersion.win10v5 ? version : messageConnection));
    this.#events.connected(this.#contact);
  }

  /** Why there will be no connection; a version that is not spoken here is none to speak of. */
  #faultOf({ version, processor, sint, monitorToGuest, monitorToHost }: InitiateContact): string | null {
    if (!versions.includes(version) || version > this.#newest) return `version ${busVersionText(version)}`;
    let fault: string | null = null;
    if (processor >= this.#synic.processors) fault = `contact from processor ${processor}, which does not exist`;
    else if (sint >= 16) fault = `contact on interrupt line ${sint}, which does not exist`;
    else if ((monitorToGuest === 0) !== (monitorToHost === 0)) fault = 'contact with one monitor page instead of two';
    if (fault !== null) this.#nonsense(fault);
    return fault;
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

  #share(header: GpadlHeader): void {
    const channel = this.#channels.get(header.relid);
    if (!channel) {
      this.#nonsense(`GPADL for channel ${header.relid}, which was never offered`);
      this.#post(reply.encodeGpadlCreated(header.relid, header.gpadl, badGpadl));
    } else if (channel.isRescinded) {
      // Sent before the guest knew: it waits for an answer, and will tear nothing down.
      this.#post(reply.encodeGpadlCreated(header.relid, header.gpadl, 0));
    } else {
      this.#answerShare(this.#gpadls.begin(header));
    }
  }

  #shareMore(body: GpadlBody): void {
    const step = this.#gpadls.go(body);
    // Of a withdrawn channel, or nonsense: there is nobody to answer.
    if (step !== null) this.#answerShare(step);
  }

  #answerShare(step: GpadlStep): void {
    if (step.state === 'more') return;
    if (step.state === 'complete') {
      this.#post(reply.encodeGpadlCreated(step.gpadl.relid, step.gpadl.handle, 0));
      return;
    }
    this.#nonsense(`GPADL ${step.handle.toString(16)}: ${step.reason}`, this.#channels.get(step.relid));
    this.#post(reply.encodeGpadlCreated(step.relid, step.handle, badGpadl));
  }

  #tearDown({ relid, gpadl }: GpadlTeardown): void {
    const known = this.#gpadls.find(gpadl);
    if (known?.relid === relid) {
      const channel = this.#channels.get(relid);
      if (channel?.isOpen && channel.ringGpadl === gpadl) {
        // The rings go first, whatever the guest says later.
        this.#nonsense(`teardown of the rings of channel ${relid}, which is open`, channel);
        this.#shut(channel);
      }
      this.#gpadls.remove(gpadl);
    } else {
      this.#nonsense(`teardown of GPADL ${gpadl.toString(16)}, which channel ${relid} does not have`);
    }
    this.#post(reply.encodeGpadlTorndown(gpadl));
  }

  #open(request: OpenChannel): void {
    const { relid, openId } = request;
    const channel = this.#channels.get(relid);
    if (channel?.isRescinded) return;
    const gpadl = this.#gpadls.find(request.gpadl);
    const fault = this.#openFault(request, channel, gpadl?.relid);
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

  #openFault(request: OpenChannel, channel: OfferedChannel | undefined, owner: number | undefined): string | null {
    const { relid, processor } = request;
    if (!channel) return `open of channel ${relid}, which was never offered`;
    if (channel.isOpen) return `open of channel ${relid}, which is open`;
    if (owner !== relid) return `open of channel ${relid} with memory that is not its own`;
    if (processor !== noProcessor && processor >= this.#synic.processors)
      return `open of channel ${relid} for processor ${processor}, which does not exist`;
    return null;
  }

  #close(relid: number): void {
    const channel = this.#channels.get(relid);
    // A withdrawn channel may still be closed by a guest that has not heard of it.
    if (channel?.isRescinded) return;
    if (channel?.isOpen) this.#shut(channel);
    else this.#nonsense(`close of channel ${relid}, which is not open`, channel);
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
    this.#gpadls.removeOf(relid);
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
