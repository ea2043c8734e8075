// SPDX-License-Identifier: MIT
//
// The talk with the host beside the frames: NVSP messages on the primary channel, RNDIS control messages through the send
// buffer. Each request has its own deadline, and an answer counts only under its id and with the type that was asked for.
// Called by: bring-up.ts, nic.ts; queue.ts hands in what the host sends.

import type { ChannelName } from '../../channel/close-reasons.js';
import { outgoing, send } from '../../channel/send.js';
import { PacketType } from '../../channel/types.js';
import { VmbusError } from '../../errors.js';
import { Limit } from '../../limit.js';
import { protocolViolation } from '../../protocol/message-fields.js';
import {
  decodeNvspHostMessage,
  encodeNvspGuestMessage,
  type NvspGuestMessage,
  type NvspHostMessage,
  NvspVersion,
} from '../../protocol/nvsp.js';
import {
  decodeRndisControl,
  encodeRndisControl,
  Oid,
  type RndisControlMessage,
  type RndisInitializeComplete,
  RndisStatus,
} from '../../protocol/rndis.js';
import type { HostMessage, NicQueue } from './queue.js';

const wantsCompletion = 1;
/** Completions that may wait for room: a host with more of them asks and does not read. */
const mostCompletions = 256;
const nothing = new Uint8Array(0);

type NvspAnswer<K> = Extract<NvspHostMessage, { kind: K }>;
interface RndisAnswers {
  readonly initializeComplete: RndisInitializeComplete;
  readonly queryComplete: { readonly status: number; readonly info: Uint8Array };
  readonly setComplete: { readonly status: number };
}
type RndisAsk =
  | { readonly kind: 'initialize'; readonly major: number; readonly minor: number; readonly maxTransferBytes: number }
  | { readonly kind: 'query' | 'set'; readonly oid: number; readonly info: Uint8Array };

interface Pending {
  readonly kind: string;
  resolve(message: never): void;
  reject(error: unknown): void;
}

/** What the host says without being asked. */
export interface ControlHooks {
  onMessage(message: NvspHostMessage): void;
  onIndication(status: number, buffer: Uint8Array): void;
}

export class NicControl {
  /** Messages that belong to nothing, and those that are none. */
  stray = 0;
  malformed = 0;
  /** Agreed on; tells how some messages are laid out. */
  version: number = NvspVersion.v61;
  readonly #timeoutMs: number;
  readonly #hooks: ControlHooks;
  readonly #nvsp = new Map<number, Pending>();
  readonly #rndis = new Map<number, Pending>();
  #queue: NicQueue | null = null;
  #lastId = 0;
  #end: { readonly error: unknown } | null = null;

  constructor(timeoutMs: number, hooks: ControlHooks) {
    this.#timeoutMs = timeoutMs;
    this.#hooks = hooks;
  }

  /** The primary channel's queue. */
  use(queue: NicQueue): void {
    this.#queue = queue;
  }

  get isAnswerAwaited(): boolean {
    return this.#nvsp.size > 0 || this.#rndis.size > 0;
  }

  /** Asks, and waits for the answer. @throws VmbusError ERR_VMBUS_TIMEOUT, ERR_VMBUS_PROTOCOL, why the card ended */
  nvsp<K extends NvspHostMessage['kind']>(message: NvspGuestMessage, kind: K): Promise<NvspAnswer<K>> {
    const id = this.#nextId();
    return this.#ask(this.#nvsp, id, kind, `${message.kind} of NVSP`, () => this.#write(message, id));
  }

  /** Says what has no answer. */
  async tell(message: NvspGuestMessage): Promise<void> {
    await this.#write(message, 0);
  }

  /** Asks, and waits for the answer; its status is the caller's to judge. */
  rndis<K extends keyof RndisAnswers>(ask: RndisAsk, kind: K): Promise<RndisAnswers[K]> {
    const requestId = this.#nextId();
    const what = ask.kind === 'initialize' ? 'initialize of RNDIS' : `${ask.kind} of ${oidName(ask.oid)}`;
    const message: RndisControlMessage = { ...ask, requestId };
    return this.#ask(this.#rndis, requestId, kind, what, () =>
      this.#primary.sends.control(encodeRndisControl(message)),
    );
  }

  /** The value of an object; null where the host has none. */
  async query(oid: number, info: Uint8Array = nothing): Promise<Uint8Array | null> {
    const answer = await this.rndis({ kind: 'query', oid, info }, 'queryComplete');
    return answer.status === RndisStatus.success ? answer.info : null;
  }

  /** The same as a number. */
  async queryNumber(oid: number): Promise<number | null> {
    const info = await this.query(oid);
    if (info === null || info.length < 4) return null;
    return new DataView(info.buffer, info.byteOffset).getUint32(0, true);
  }

  /** @throws VmbusError ERR_VMBUS_REFUSED where the host says no */
  async set(oid: number, info: Uint8Array): Promise<void> {
    const { status } = await this.rndis({ kind: 'set', oid, info }, 'setComplete');
    if (status === RndisStatus.success) return;
    throw new VmbusError('ERR_VMBUS_REFUSED', `The host refused to set ${oidName(oid)}: 0x${status.toString(16)}`, {
      device: this.#primary.device,
      channel: this.#primary.relid,
      facts: { oid, status },
      hint: 'hv net info shows what the card can do',
    });
  }

  halt(): void {
    this.#primary.sends.control(encodeRndisControl({ kind: 'halt', requestId: this.#nextId() }));
  }

  /** A packet of the host that carries no frame. What was asked on the primary channel is not answered on another one. */
  takePacket(packet: HostMessage, queue: NicQueue): void {
    try {
      if (packet.type === PacketType.completion && queue === this.#queue) this.#takeAnswer(packet);
      else if (packet.type === PacketType.inband) this.#takeMessage(packet, queue);
      else this.stray += 1;
    } catch (error) {
      if (!VmbusError.is(error)) throw error;
      this.malformed += 1;
    }
  }

  /** An RNDIS control message of the host. */
  takeControl(bytes: Uint8Array): void {
    try {
      const message = decodeRndisControl(bytes);
      if (message.kind === 'indicateStatus') this.#hooks.onIndication(message.status, message.buffer);
      else if (message.kind === 'keepalive') this.#answerKeepalive(message.requestId);
      else this.#settle(this.#rndis, 'requestId' in message ? message.requestId : 0, message);
    } catch (error) {
      if (!VmbusError.is(error)) throw error;
      this.malformed += 1;
    }
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    for (const pending of [...this.#nvsp.values(), ...this.#rndis.values()]) pending.reject(error);
  }

  get #primary(): NicQueue {
    if (this.#queue !== null) return this.#queue;
    throw protocolViolation('nvsp', 'nothing can be sent yet');
  }

  // An answer to what was asked, of another kind, fails the question; an answer to nothing is left alone.
  #takeAnswer({ idLow, idHigh, payload }: HostMessage): void {
    const pending = idHigh === 0 ? this.#nvsp.get(idLow) : undefined;
    if (pending === undefined) {
      this.stray += 1;
      return;
    }
    try {
      this.#settle(this.#nvsp, idLow, decodeNvspHostMessage(payload, this.version));
    } catch (error) {
      pending.reject(error);
    }
  }

  #takeMessage(packet: HostMessage, queue: NicQueue): void {
    if ((packet.flags & wantsCompletion) !== 0) this.#complete(packet, queue);
    this.#hooks.onMessage(decodeNvspHostMessage(packet.payload, this.version));
  }

  #settle(table: Map<number, Pending>, id: number, message: { readonly kind: string }): void {
    const pending = table.get(id);
    if (pending === undefined) this.stray += 1;
    else if (pending.kind === message.kind) pending.resolve(message as never);
    else pending.reject(protocolViolation('nvsp', `the host answered with ${message.kind} instead of ${pending.kind}`));
  }

  #ask<T>(table: Map<number, Pending>, id: number, kind: string, what: string, begin: () => unknown): Promise<T> {
    if (this.#end !== null) return Promise.reject(this.#end.error);
    return new Promise<T>((resolve, reject) => {
      const over = (settle: () => void): void => {
        limit.clear();
        table.delete(id);
        settle();
      };
      const limit = new Limit(
        { timeoutMs: this.#timeoutMs },
        (error) => over(() => reject(error)),
        (timeoutMs) => this.#lateError(what, timeoutMs),
      );
      table.set(id, {
        kind,
        resolve: (message: T) => over(() => resolve(message)),
        reject: (error) => over(() => reject(error)),
      } as Pending);
      const failed = (error: unknown): void => over(() => reject(error));
      try {
        Promise.resolve(begin()).catch(failed);
        this.#queue?.pump();
      } catch (error) {
        failed(error);
      }
    });
  }

  #write(message: NvspGuestMessage, id: number): Promise<void> {
    const options = { transactionId: BigInt(id), wantsCompletion: id !== 0 };
    const packet = outgoing(encodeNvspGuestMessage(message), options);
    return send(this.#primary.core, packet, { timeoutMs: this.#timeoutMs });
  }

  #complete({ idLow, idHigh }: HostMessage, queue: NicQueue): void {
    const { core } = queue;
    if (core.ending !== null) return;
    if (core.outbox.queued >= mostCompletions) {
      queue.breakOff({ by: 'violation', error: unreadError(core) });
      return;
    }
    const transactionId = (BigInt(idHigh >>> 0) << 32n) | BigInt(idLow >>> 0);
    const packet = outgoing(nothing, { type: PacketType.completion, transactionId });
    send(core, packet, { timeoutMs: this.#timeoutMs }).catch(() => undefined);
  }

  #answerKeepalive(requestId: number): void {
    const answer = encodeRndisControl({ kind: 'keepaliveComplete', requestId, status: RndisStatus.success });
    this.#primary.sends.control(answer);
  }

  // Never 0, and never with the top bit, which ids of sections have.
  #nextId(): number {
    this.#lastId = (this.#lastId % 0x7fff_ffff) + 1;
    return this.#lastId;
  }

  #lateError(what: string, timeoutMs: number): VmbusError {
    const { device, relid } = this.#primary;
    return new VmbusError(
      'ERR_VMBUS_TIMEOUT',
      `The host did not answer ${what} of network card ${device} in ${timeoutMs} ms`,
      {
        device,
        channel: relid,
        facts: { timeoutMs, request: what },
        hint: 'open it again, with a longer { handshakeTimeoutMs }; hv doctor if it stays so',
      },
    );
  }
}

function unreadError({ device, relid }: ChannelName): VmbusError {
  const text = `The host asks network card ${device} for completions, and reads none of ${mostCompletions} that wait`;
  return new VmbusError('ERR_VMBUS_PROTOCOL', text, {
    device,
    channel: relid,
    facts: { service: 'nvsp', waiting: mostCompletions },
    hint: 'the card is closed; open it again, and hv doctor if it stays so',
  });
}

function oidName(oid: number): string {
  const name = Object.entries(Oid).find(([, number]) => number === oid)?.[0];
  return name ?? `0x${oid.toString(16)}`;
}
