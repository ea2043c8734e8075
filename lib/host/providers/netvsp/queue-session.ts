// SPDX-License-Identifier: MIT
//
// One channel of a network card. Packets of the guest become jobs, handled strictly in order: the bytes of an RNDIS message
// lie in the guest's memory and take a while, so that reading begins when the packet comes and handling waits its turn.
// Called by: nic.ts, the host channel. Calls: nic.ts with messages and frames.

import { VmbusError } from '../../../errors.js';
import { decodeGpaRanges, extentsOf, gpaDirectType } from '../../../protocol/gpa-direct.js';
import { protocolViolation } from '../../../protocol/message-fields.js';
import {
  decodeNvspGuestMessage,
  encodeNvspHostMessage,
  type NvspGuestMessage,
  type NvspRndisPacket,
  NvspStatus,
  noSection,
  RndisChannel,
} from '../../../protocol/nvsp.js';
import { decodeRndisPacket, RndisType, splitRndis } from '../../../protocol/rndis.js';
import type { GuestRange, HostChannel, HostPacket, ProviderSession } from '../../types.js';
import { ChannelWriter } from './channel-writer.js';
import { Fifo } from './fifo.js';
import type { Nic } from './nic.js';
import { sendSectionBytes } from './nvsp-control.js';
import { alignmentFactor, mostPacketsPerTransfer } from './rndis-device.js';
import { SectionSender } from './section-sender.js';

const inbandType = 6;
const completionType = 11;
const wantsCompletion = 1;
/** No message of a guest is longer: frames are at most 9 KiB, and large sends are not offered. */
const mostMessageBytes = 0x1_0000;
/** Packets of the guest in the works, and answers that wait for room: with so many the channel pauses. */
const mostWorks = 512;
const fewWorks = 128;
/** Frames in one packet to the guest. */
const batchFrames = 64;

const succeeded = encodeNvspHostMessage({ kind: 'rndisPacketComplete', status: NvspStatus.success });
const failed = encodeNvspHostMessage({ kind: 'rndisPacketComplete', status: NvspStatus.failure });

interface Job {
  readonly message: NvspGuestMessage;
  readonly transactionId: bigint;
  readonly wantsCompletion: boolean;
  /** The RNDIS messages, once they are here. */
  bytes: Uint8Array | null;
  isReady: boolean;
}

/** The host's side of one channel. */
export class QueueSession implements ProviderSession {
  readonly channel: HostChannel;
  readonly writer: ChannelWriter;
  /** Frames for the guest. */
  readonly frames: SectionSender;
  readonly #nic: Nic;
  readonly #jobs = new Fifo<Job>();
  #isPaused = false;

  constructor(channel: HostChannel, nic: Nic) {
    this.channel = channel;
    this.#nic = nic;
    this.writer = new ChannelWriter(channel);
    this.frames = new SectionSender(channel, this.writer, {
      channelType: RndisChannel.data,
      limit: nic.card.plan.queueFrames,
      batch: batchFrames,
      leavesReserve: true,
      buffer: () => nic.card.receiveBuffer,
      sent: (count, bytes) => nic.received(this.channel.subchannelIndex, count, bytes),
    });
  }

  onPacket(packet: HostPacket): void {
    this.#nic.touch();
    try {
      this.#take(packet);
    } catch (error) {
      this.channel.fail(error);
    }
    this.#throttle();
  }

  onSpace(): void {
    if (this.writer.flush()) this.#nic.pump();
    this.#throttle();
  }

  drain(): Promise<void> {
    return this.#nic.drain();
  }

  onClose(): void {
    this.#jobs.clear();
    this.writer.close();
    this.frames.clear();
    this.#nic.closed(this);
  }

  #take(packet: HostPacket): void {
    const { type, flags, transactionId } = packet;
    if (type === completionType) {
      this.#nic.completed(this, transactionId);
      return;
    }
    if (type !== inbandType && type !== gpaDirectType)
      throw protocolViolation('nvsp', `the guest sent a packet of type ${type}`, { type });
    const message = decodeNvspGuestMessage(packet.payload);
    const job: Job = {
      message,
      transactionId,
      wantsCompletion: (flags & wantsCompletion) !== 0,
      bytes: null,
      isReady: message.kind !== 'rndisPacket',
    };
    this.#jobs.push(job);
    if (message.kind === 'rndisPacket') this.#read(job, message, packet);
    this.#work();
  }

  /** Begins to read the message: what is in the send buffer first, what is in pages after it. */
  #read(job: Job, message: NvspRndisPacket, packet: HostPacket): void {
    const parts: Promise<Uint8Array>[] = [];
    if (message.sectionIndex !== noSection && message.sectionBytes > 0) parts.push(this.#readSection(message));
    if (packet.type === gpaDirectType) {
      const extents = rangesOf(packet.header);
      if (extents.length > 0) parts.push(this.channel.memory.read(extents));
    }
    if (parts.length === 0) throw protocolViolation('nvsp', 'the guest sent an RNDIS message without bytes');
    Promise.all(parts)
      .then((bytes) => {
        job.bytes = bytes.length === 1 ? (bytes[0] ?? null) : Buffer.concat(bytes);
        job.isReady = true;
        this.#work();
        this.#throttle();
      })
      .catch((error: unknown) => this.channel.fail(error));
  }

  #readSection({ sectionIndex, sectionBytes }: NvspRndisPacket): Promise<Uint8Array> {
    const { sendBuffer } = this.#nic.card;
    const offset = sectionIndex * sendSectionBytes;
    if (!sendBuffer || offset + sectionBytes > sendBuffer.sizeBytes || sectionBytes > mostMessageBytes) {
      throw protocolViolation(
        'nvsp',
        `${sectionBytes} bytes in section ${sectionIndex}, where there is no send buffer`,
        {
          sectionIndex,
          sectionBytes,
          sendBufferBytes: sendBuffer?.sizeBytes ?? 0,
        },
      );
    }
    return sendBuffer.read(offset, sectionBytes);
  }

  /** Handles what is ready, in order. */
  #work(): void {
    for (let job = this.#jobs.first; job?.isReady && this.channel.isOpen; job = this.#jobs.first) {
      this.#jobs.shift();
      try {
        this.#handle(job);
      } catch (error) {
        this.channel.fail(error);
      }
    }
  }

  #handle(job: Job): void {
    const { message, bytes } = job;
    if (bytes && message.kind === 'rndisPacket') {
      const isGood = this.#handleRndis(bytes);
      if (job.wantsCompletion) this.writer.complete(job.transactionId, isGood ? succeeded : failed);
    } else if (message.kind !== 'rndisPacket') {
      const { completion, subchannels } = this.#nic.control(this, message);
      if (job.wantsCompletion) this.writer.complete(job.transactionId, completion);
      if (subchannels !== undefined) this.channel.offerSubchannels(subchannels);
    }
  }

  /** What kind of message it is stands in the message; some guests name a kind of channel that there is not. */
  #handleRndis(bytes: Uint8Array): boolean {
    const type = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (type !== RndisType.packet) {
      this.#nic.rndis(this, bytes);
      return true;
    }
    try {
      for (const message of splitRndis(bytes, alignmentFactor, mostPacketsPerTransfer))
        this.#nic.sent(this.channel.subchannelIndex, decodeRndisPacket(message));
      return true;
    } catch (error) {
      if (!VmbusError.is(error)) throw error;
      this.#nic.malformed(error);
      return false;
    }
  }

  /** Leaves packets in the guest's ring while there is enough to do, and takes them again. */
  #throttle(): void {
    const works = this.#jobs.length + this.writer.waiting;
    if (!this.#isPaused && works >= mostWorks) {
      this.#isPaused = true;
      this.channel.pause();
    } else if (this.#isPaused && works <= fewWorks) {
      this.#isPaused = false;
      this.channel.resume();
    }
  }
}

/** Where the bytes of a GPA-direct packet are. */
function rangesOf(header: Uint8Array): GuestRange[] {
  const ranges = decodeGpaRanges(header);
  const bytes = ranges?.reduce((sum, range) => sum + range.byteCount, 0) ?? 0;
  if (!ranges || bytes > mostMessageBytes)
    throw protocolViolation('nvsp', `the guest sent a message of ${ranges ? `${bytes} bytes` : 'broken ranges'}`);
  return ranges.flatMap((range) => extentsOf(range));
}
