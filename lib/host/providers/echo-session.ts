// SPDX-License-Identifier: MIT
//
// One opening of an echo channel. The protocol is described in protocol/echo.ts.
// Called by: echo.ts, host-channel.ts. Plain batches go back without a copy; anything else packet by packet.

import {
  decodeEchoCommand,
  type EchoCommand,
  type EchoMode,
  EchoVerb,
  echoCommandBytes,
  echoModes,
  encodeEchoCommand,
} from '../../protocol/echo.js';
import type { HostBatch, HostChannel, HostPacket, HostSendOptions, ProviderSession } from '../types.js';

const inband = 6;
const completion = 11;
const wantsCompletion = 1;
const mostSubchannels = 64;
/** Packets that a source makes at once; and so many times in one turn of the event loop. */
const sourceBatch = 512;
const sourceTurns = 16;

/** What a session begins with. */
export interface EchoSessionOptions {
  readonly mode: EchoMode;
  readonly sourceBytes: number;
  /** May be infinite. */
  readonly sourcePackets: number;
}

interface Answer {
  readonly payload: Uint8Array;
  readonly options: HostSendOptions;
}

/** The host's side of one echo channel. */
export class EchoSession implements ProviderSession {
  readonly #channel: HostChannel;
  readonly #waiting: Answer[] = [];
  #mode: EchoMode;
  #payload: Uint8Array;
  #toSend: number;
  #turn: NodeJS.Immediate | null = null;
  #packets = 0;
  #bytes = 0;
  #offered = 0;

  constructor(channel: HostChannel, options: EchoSessionOptions) {
    this.#channel = channel;
    this.#mode = options.mode;
    this.#payload = pattern(options.sourceBytes);
    this.#toSend = options.sourcePackets;
    if (this.#mode === 'source') this.#pushLater();
  }

  onBatch(batch: HostBatch): void {
    let isPlain = this.#waiting.length === 0;
    for (let row = 0; row < batch.length; row += 1) {
      this.#packets += 1;
      this.#bytes += batch.payloadLength(row);
      isPlain &&= batch.headerLength(row) === 0 && batch.type(row) !== completion && !isCommand(batch, row);
    }
    if (isPlain && this.#mode !== 'echo') return;
    if (isPlain) this.#sendBack(batch);
    else for (let row = 0; row < batch.length; row += 1) this.#take(batch.packet(row));
  }

  onPacket(packet: HostPacket): void {
    this.#packets += 1;
    this.#bytes += packet.payload.length;
    this.#take(packet);
  }

  onSpace(): void {
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0];
      if (!next || !this.#channel.send(next.payload, next.options)) return;
      this.#waiting.shift();
    }
    this.#channel.resume();
    if (this.#mode === 'source') this.#push();
  }

  onClose(): void {
    if (this.#turn) clearImmediate(this.#turn);
    this.#turn = null;
    this.#mode = 'sink';
    this.#waiting.length = 0;
  }

  #sendBack(batch: HostBatch): void {
    for (let row = 0; row < batch.length; row += 1) {
      if ((batch.flags(row) & wantsCompletion) !== 0) batch.rewrite(row, completion, 0);
    }
    batch.sendBack();
  }

  #take(packet: HostPacket): void {
    if (packet.type === completion) return;
    const command = packet.type === inband ? decodeEchoCommand(packet.payload) : null;
    if (command) this.#answer(packet, this.#obey(command));
    else if (this.#mode === 'echo') this.#answer(packet, packet.payload);
  }

  #answer(packet: HostPacket, payload: Uint8Array): void {
    const { transactionId, type, header } = packet;
    const isRequest = (packet.flags & wantsCompletion) !== 0;
    const options = isRequest ? { type: completion, transactionId } : { type, transactionId, header };
    if (this.#waiting.length === 0 && this.#channel.send(payload, options)) return;
    // Full: keep a copy, and take nothing more until this is through.
    const copy = options.header ? { ...options, header: Uint8Array.from(options.header) } : options;
    this.#waiting.push({ payload: Uint8Array.from(payload), options: copy });
    this.#channel.pause();
  }

  #obey({ verb, argument, second }: EchoCommand): Uint8Array {
    const answer = (result: number, more = 0): Uint8Array =>
      encodeEchoCommand({ verb, argument: result, second: more });
    if (verb === EchoVerb.offer) return answer(this.#offer(argument) ? 1 : 0);
    if (verb === EchoVerb.mode) return answer(this.#change(echoModes[argument], second) ? 1 : 0);
    if (verb === EchoVerb.count) return answer(this.#packets, this.#bytes);
    return answer(0);
  }

  #offer(count: number): boolean {
    if (count < 1 || this.#offered + count > mostSubchannels || this.#channel.subchannelIndex !== 0) return false;
    this.#offered += count;
    this.#channel.offerSubchannels(count);
    return true;
  }

  #change(mode: EchoMode | undefined, sourceBytes: number): boolean {
    if (!mode || (mode === 'source' && sourceBytes > this.#channel.maxPayloadBytes)) return false;
    this.#mode = mode;
    if (mode === 'source') {
      this.#payload = pattern(sourceBytes);
      this.#toSend = Number.POSITIVE_INFINITY;
      this.#pushLater();
    }
    return true;
  }

  #pushLater(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      this.#push();
    });
  }

  #push(): void {
    for (let turn = 0; turn < sourceTurns; turn += 1) {
      const count = Math.min(sourceBatch, this.#toSend);
      if (count === 0 || this.#mode !== 'source') return;
      const sent = this.#channel.sendMany(new Array<Uint8Array>(count).fill(this.#payload));
      this.#toSend -= sent;
      if (sent < count) return;
    }
    this.#pushLater();
  }
}

function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => i & 0xff);
}

function isCommand(batch: HostBatch, row: number): boolean {
  if (batch.payloadLength(row) !== echoCommandBytes || batch.type(row) !== inband) return false;
  return decodeEchoCommand(batch.payload(row)) !== null;
}
