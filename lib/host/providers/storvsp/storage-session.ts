// SPDX-License-Identifier: MIT
//
// One open channel of a storage controller: takes requests, runs a bounded number of them at once, and sends the completions.
// Called by: controller.ts, host-channel.ts. Calls: negotiation.ts, execute.ts.
//
// Completions that do not fit the ring wait in order; until they are sent nothing new is begun, and the channel is not read.
// What the guest must not do (two ranges, a short one, an unknown operation, a completion) ends the channel.

import { decodeGpaRanges, type GpaRange, gpaDirectType } from '../../../protocol/gpa-direct.js';
import {
  decodeVstorRequest,
  encodeSrbReply,
  encodeVstorNotice,
  encodeVstorReply,
  NtStatus,
  ntStatusOfSrb,
  type Srb,
  StorageVersion,
  storageViolation,
  type VstorNotice,
  vstorBytes,
  vstorBytesOf,
} from '../../../protocol/storvsc.js';
import type { HostChannel, HostPacket, ProviderSession } from '../../types.js';
import { executeSrb, type UnitTable } from './execute.js';
import { Negotiation, type NegotiationPlan, type StorageState } from './negotiation.js';

const inband = 6;
const wantsCompletion = 1;
/** Requests of one channel that are run at once. */
const mostRunning = 64;
/** A guest that has asked for nothing for so long has given the disks of a withdrawn device up. */
const quietMs = 500;
/** What a device has that is about to be withdrawn. */
const noUnits: UnitTable = { isHome: () => true, find: () => undefined, luns: [] };

/** What a session asks of its controller. */
export interface SessionHost {
  readonly plan: NegotiationPlan;
  readonly units: UnitTable;
  completed(): void;
  closed(session: StorageSession): void;
}

interface WaitingSrb {
  readonly transactionId: bigint;
  readonly bytes: number;
  readonly srb: Srb;
  readonly range: GpaRange | null;
}

/** The host's side of one channel. */
export class StorageSession implements ProviderSession {
  readonly #channel: HostChannel;
  readonly #host: SessionHost;
  readonly #negotiation: Negotiation;
  readonly #waiting: WaitingSrb[] = [];
  readonly #unsent: { readonly transactionId: bigint; readonly payload: Uint8Array }[] = [];
  readonly #notices = new Set<Exclude<VstorNotice, 'unknown'>>();
  #isLeaving = false;
  /** Runs while a guest that is about to lose the device may still ask for something. */
  #quiet: NodeJS.Timeout | undefined;
  #reachQuiet: (() => void) | null = null;
  #running = 0;
  #isPaused = false;
  #isPumping = false;
  #wantsPump = false;

  constructor(channel: HostChannel, host: SessionHost) {
    this.#channel = channel;
    this.#host = host;
    this.#negotiation = new Negotiation(host.plan, channel.subchannelIndex === 0 ? 'begin' : 'ready');
  }

  get state(): StorageState {
    return this.#negotiation.state;
  }

  get version(): number | null {
    return this.#negotiation.version;
  }

  onPacket(packet: HostPacket): void {
    const { type, flags, transactionId, payload } = packet;
    this.#awaitQuiet();
    if (type !== inband && type !== gpaDirectType) throw storageViolation(`a packet of type ${type}`, { type });
    if ((flags & wantsCompletion) === 0) throw storageViolation('a request that wants no completion');
    const request = decodeVstorRequest(payload);
    const bytes = payload.length;
    switch (request.kind) {
      case 'executeSrb': {
        const range = rangeOf(packet, request.srb);
        if (this.state === 'ready') this.#waiting.push({ transactionId, bytes, srb: request.srb, range });
        else this.#reply(transactionId, encodeVstorReply(NtStatus.invalidDeviceState, bytes));
        break;
      }
      case 'resetLun':
      case 'resetAdapter':
      case 'resetBus': {
        // Nothing is stuck that a reset would loosen: whatever runs ends by itself.
        const status = this.state === 'ready' ? NtStatus.success : NtStatus.invalidDeviceState;
        this.#reply(transactionId, encodeVstorReply(status, bytes));
        break;
      }
      default: {
        const { status, fill, subchannels = 0 } = this.#negotiation.answer(request);
        this.#reply(transactionId, encodeVstorReply(status, bytes, fill));
        // The answer goes first.
        this.#pump();
        if (subchannels > 0) this.#channel.offerSubchannels(subchannels);
      }
    }
    this.#pump();
  }

  onSpace(): void {
    this.#pump();
  }

  /**
   * From now on the disks are gone for whoever asks, and the guest removes them: so it is told of the withdrawal when it asks for
   * nothing any more. From the moment in which Linux hears of that it looks at no answer, and loses what it is asked for; its
   * driver would wait for either without an end.
   */
  drain(): Promise<void> {
    this.#isLeaving = true;
    this.#notices.clear();
    return new Promise((resolve) => {
      this.#reachQuiet = resolve;
      this.#awaitQuiet();
    });
  }

  onClose(): void {
    this.#endQuiet();
    this.#waiting.length = 0;
    this.#unsent.length = 0;
    this.#notices.clear();
    this.#host.closed(this);
  }

  /** Tells the guest, unless it has not asked for the units yet, or does not know such messages. */
  notify(notice: Exclude<VstorNotice, 'unknown'>): void {
    if (this.#isLeaving || this.state !== 'ready' || (this.version ?? 0) < StorageVersion.win7) return;
    this.#notices.add(notice);
    this.#pump();
  }

  /** What the guest still waits for, a slow disk's answer too, is no quiet. */
  #awaitQuiet(): void {
    if (this.#reachQuiet === null) return;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      if (this.#running > 0 || this.#waiting.length > 0 || this.#unsent.length > 0) this.#awaitQuiet();
      else this.#endQuiet();
    }, quietMs);
  }

  #endQuiet(): void {
    clearTimeout(this.#quiet);
    this.#reachQuiet?.();
    this.#reachQuiet = null;
  }

  /** Whatever is sent may bring the guest's next packets before the call returns: those wait for the next round. */
  #pump(): void {
    this.#wantsPump = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#wantsPump) {
      this.#wantsPump = false;
      this.#pumpOnce();
    }
    this.#isPumping = false;
  }

  #pumpOnce(): void {
    this.#sendUnsent();
    while (this.#unsent.length === 0 && this.#running < mostRunning) {
      const next = this.#waiting.shift();
      if (!next) break;
      this.#run(next);
    }
    const isBusy = this.#unsent.length > 0 || this.#waiting.length > 0 || this.#running >= mostRunning;
    if (isBusy === this.#isPaused || !this.#channel.isOpen) return;
    this.#isPaused = isBusy;
    if (isBusy) this.#channel.pause();
    else this.#channel.resume();
  }

  #sendUnsent(): void {
    for (let first = this.#unsent[0]; first; first = this.#unsent[0]) {
      if (!this.#channel.complete(first.transactionId, first.payload)) return;
      this.#unsent.shift();
    }
    for (const notice of this.#notices) {
      const bytes = this.version === null ? vstorBytes.revision2 : vstorBytesOf(this.version);
      if (!this.#channel.send(encodeVstorNotice(notice, bytes))) return;
      this.#notices.delete(notice);
    }
  }

  #run({ transactionId, bytes, srb, range }: WaitingSrb): void {
    this.#running += 1;
    executeSrb(this.#isLeaving ? noUnits : this.#host.units, this.#channel, srb, range)
      .then((reply) => {
        this.#host.completed();
        this.#reply(
          transactionId,
          encodeVstorReply(ntStatusOfSrb(reply.srbStatus), bytes, (body) => encodeSrbReply(body, reply)),
        );
      })
      .finally(() => {
        this.#running -= 1;
        this.#pump();
      })
      .catch((error: unknown) => this.#channel.fail(error));
  }

  #reply(transactionId: bigint, payload: Uint8Array): void {
    if (this.#channel.isOpen) this.#unsent.push({ transactionId, payload });
  }
}

/** Where the data of a request are: one range that is long enough, or none where there are no data. */
function rangeOf(packet: HostPacket, srb: Srb): GpaRange | null {
  if (packet.type === inband) {
    if (srb.transferBytes === 0) return null;
    throw storageViolation(`${srb.transferBytes} bytes of data without a place`, { transferBytes: srb.transferBytes });
  }
  const ranges = decodeGpaRanges(packet.header);
  const range = ranges?.[0];
  if (ranges?.length !== 1 || !range)
    throw storageViolation(ranges ? `${ranges.length} ranges of pages` : 'ranges of pages that break their format');
  if (range.byteCount < srb.transferBytes)
    throw storageViolation(`${srb.transferBytes} bytes of data in a place of ${range.byteCount}`, {
      transferBytes: srb.transferBytes,
      rangeBytes: range.byteCount,
    });
  return range;
}
