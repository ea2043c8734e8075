// SPDX-License-Identifier: MIT
//
// NVSP on the primary channel: version, configuration, buffers, subchannels. RNDIS messages pass by it (queue-session.ts).
// Called by: nic.ts. Each message has its place: what comes twice or too early ends the channel, as with Hyper-V's own side.

import { protocolViolation } from '../../../protocol/message-fields.js';
import {
  encodeNvspHostMessage,
  indirectionEntries,
  NdisCapability,
  type NvspGuestMessage,
  type NvspHostMessage,
  NvspStatus,
  NvspVersion,
} from '../../../protocol/nvsp.js';
import { RndisStatus } from '../../../protocol/rndis.js';
import type { HostChannel } from '../../types.js';
import { type Card, defaultFrameBytes } from './card.js';
import { ReceiveBuffer } from './receive-buffer.js';

/** Size of a section of the send buffer, as Hyper-V has it. */
export const sendSectionBytes = 6144;
const mostFrameBytes = 9216;
const maxMdlChain = 34;
const allocate = 1;
const newestLegacyVersion = 2;
const noLegacyVersion = 0xffff_ffff;
const nothing = new Uint8Array(0);

/** What comes of a message. */
export interface NvspAnswer {
  /** Sent if the guest wants a completion. */
  readonly completion: Uint8Array;
  /** Subchannels to be offered after it. */
  readonly subchannels?: number;
}

/** NVSP of one opening. */
export class NvspControl {
  readonly #channel: HostChannel;
  readonly #card: Card;
  readonly #warn: (text: string) => void;
  #hasNdisVersion = false;
  #granted = 0;

  constructor(channel: HostChannel, card: Card, warn: (text: string) => void) {
    this.#channel = channel;
    this.#card = card;
    this.#warn = warn;
  }

  /** Subchannels that the guest was granted. */
  get granted(): number {
    return this.#granted;
  }

  /** @throws VmbusError ERR_VMBUS_PROTOCOL for what the guest must not send now */
  handle(message: Exclude<NvspGuestMessage, { kind: 'rndisPacket' }>): NvspAnswer {
    if (message.kind === 'init') return answer(this.#init(message.minVersion, message.maxVersion));
    if (this.#card.version === 0) throw violation(`${message.kind} before a version was agreed on`);
    switch (message.kind) {
      case 'ndisConfig':
        this.#configure(message.mtu, message.capabilities);
        return { completion: nothing };
      case 'ndisVersion':
        if (this.#hasNdisVersion) throw violation('the NDIS version twice');
        this.#hasNdisVersion = true;
        return { completion: nothing };
      case 'receiveBuffer':
        return answer(this.#shareReceiveBuffer(message.gpadl, message.bufferId));
      case 'sendBuffer':
        return answer(this.#shareSendBuffer(message.gpadl));
      case 'revokeReceiveBuffer':
        if (message.bufferId !== this.#card.receiveBuffer?.id) throw violation('the end of a buffer that there is not');
        this.#card.receiveBuffer = null;
        return { completion: nothing };
      case 'revokeSendBuffer':
        if (!this.#card.sendBuffer) throw violation('the end of a buffer that there is not');
        this.#card.sendBuffer = null;
        return { completion: nothing };
      case 'switchDataPath':
      case 'unused':
        return { completion: nothing };
      case 'oidQuery':
        return answer({ kind: 'oidQueryComplete', status: RndisStatus.notSupported, infoBytes: 0 });
      case 'subchannel':
        return this.#grant(message.operation, message.count);
      default:
        throw violation(`${message.kind} as a request`);
    }
  }

  /** What tells the guest which channel to send a flow on: all of them in turn. */
  indirectionTable(): Uint8Array {
    const entries = Array.from({ length: indirectionEntries }, (_, i) => i % (this.#granted + 1));
    return encodeNvspHostMessage({ kind: 'indirectionTable', entries });
  }

  #init(minVersion: number, maxVersion: number): NvspHostMessage {
    if (this.#card.version !== 0) throw violation('another start after a version was agreed on');
    const version = this.#card.plan.versions.findLast((known) => known >= minVersion && known <= maxVersion) ?? 0;
    this.#card.version = version;
    const legacyVersion = version === NvspVersion.v1 ? newestLegacyVersion : noLegacyVersion;
    // Hosts say "none" to a version that they do not know; guests take everything but success for "try another".
    return {
      kind: 'initComplete',
      legacyVersion,
      maxMdlChain,
      status: version === 0 ? NvspStatus.none : NvspStatus.success,
    };
  }

  #configure(mtu: number, capabilities: bigint): void {
    const card = this.#card;
    if (card.version < NvspVersion.v2) throw violation('the NDIS configuration, which version 1 has not');
    if (card.frameBytes !== null || card.receiveBuffer) throw violation('the NDIS configuration twice, or too late');
    card.frameBytes = mtu >= defaultFrameBytes && mtu <= mostFrameBytes ? mtu : defaultFrameBytes;
    card.hasVlans = (capabilities & NdisCapability.vlan) !== 0n;
  }

  #shareReceiveBuffer(gpadl: number, id: number): NvspHostMessage {
    const card = this.#card;
    if (card.receiveBuffer) throw violation('a second receive buffer');
    const shared = this.#channel.memory.buffer(gpadl);
    const buffer = shared && new ReceiveBuffer(shared, id, card.frameBytes ?? defaultFrameBytes);
    if (!buffer || buffer.sectionCount < 2) {
      this.#warn(this.#whyNot('receive', gpadl, shared?.sizeBytes));
      return { kind: 'receiveBufferComplete', status: NvspStatus.failure, sections: [] };
    }
    card.receiveBuffer = buffer;
    const { sectionBytes, sectionCount: count } = buffer;
    const section = { offset: 0, sectionBytes, count, endOffset: sectionBytes * count };
    return { kind: 'receiveBufferComplete', status: NvspStatus.success, sections: [section] };
  }

  #shareSendBuffer(gpadl: number): NvspHostMessage {
    const card = this.#card;
    if (card.sendBuffer) throw violation('a second send buffer');
    const shared = this.#channel.memory.buffer(gpadl);
    if (!shared || shared.sizeBytes < sendSectionBytes) {
      this.#warn(this.#whyNot('send', gpadl, shared?.sizeBytes));
      return { kind: 'sendBufferComplete', status: NvspStatus.failure, sectionBytes: 0 };
    }
    card.sendBuffer = shared;
    return { kind: 'sendBufferComplete', status: NvspStatus.success, sectionBytes: sendSectionBytes };
  }

  #whyNot(which: string, gpadl: number, sizeBytes: number | undefined): string {
    if (sizeBytes === undefined) return `the guest shares no ${which} buffer under the handle ${gpadl}`;
    return `the guest's ${which} buffer of ${sizeBytes} bytes is too small`;
  }

  #grant(operation: number, count: number): NvspAnswer {
    const { version, plan } = this.#card;
    if (version < NvspVersion.v5) throw violation('a wish for subchannels, which its version has not');
    const isPossible = operation === allocate && count >= 1 && count < plan.queues && this.#granted === 0;
    if (!isPossible) {
      this.#warn(`the guest asks for ${count} subchannels, and may have ${plan.queues - 1} in all`);
      return answer({ kind: 'subchannel', status: NvspStatus.failure, count: 0 });
    }
    this.#granted = count;
    return { ...answer({ kind: 'subchannel', status: NvspStatus.success, count }), subchannels: count };
  }
}

function answer(message: NvspHostMessage): NvspAnswer {
  return { completion: encodeNvspHostMessage(message) };
}

function violation(detail: string): Error {
  return protocolViolation('nvsp', `the guest sent ${detail}`);
}
