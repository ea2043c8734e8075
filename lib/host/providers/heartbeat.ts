// SPDX-License-Identifier: MIT
//
// The heartbeat service: a number every two seconds, which the guest answers with the next one and how it feels.
// Called by: scripts, by-name.ts. Frame and openings: ic-device.ts; bytes: protocol/heartbeat.ts.

import { setTimeout as sleep } from 'node:timers/promises';
import { VmbusError } from '../../errors.js';
import {
  decodeHeartbeat,
  encodeHeartbeat,
  type HeartbeatHealth,
  heartbeatClass,
  heartbeatHealth,
  heartbeatInstance,
  nextSequence,
} from '../../protocol/heartbeat.js';
import { IcType, icVersion } from '../../protocol/ic.js';
import { protocolViolation } from '../../protocol/wire-fields.js';
import { checkMs, IcDevice, type IcOptions, type IcProvider, icOptions } from './ic-device.js';
import { checkDone } from './ic-errors.js';

/** Options of {@link heartbeat}. */
export interface HeartbeatOptions extends IcOptions {
  /** From an answer to the next beat. Default 2000, as Hyper-V has it. */
  readonly intervalMs?: number;
  /** How long an answer may take until contact counts as lost. Default 10 000. */
  readonly lostAfterMs?: number;
}

/** What a heartbeat device tells, besides its states. */
export type HeartbeatEvent =
  | { readonly kind: 'beat'; readonly sequence: bigint; readonly health: HeartbeatHealth; readonly tookMs: number }
  /** No answer in time. Not an error: when it comes, beats go on. */
  | { readonly kind: 'lost'; readonly sequence: bigint }
  /** Answered with a failure. */
  | { readonly kind: 'refused'; readonly error: VmbusError };

/** Beats so far, in all openings. */
export interface HeartbeatCounts {
  readonly sent: number;
  readonly answered: number;
  /** How often contact was lost. */
  readonly lost: number;
}

/** A heartbeat device, and what it knows about the guest. */
export interface HeartbeatProvider extends IcProvider<HeartbeatEvent> {
  /** Whether the last beat was answered in time; false before the first answer. */
  readonly hasContact: boolean;
  /** What the guest last said about its applications; Linux always says `unknown`. */
  readonly health: HeartbeatHealth;
  readonly counts: HeartbeatCounts;
}

/** Names of the options of {@link heartbeat}. */
export const heartbeatOptions: readonly (keyof HeartbeatOptions)[] = ['intervalMs', 'lostAfterMs', ...icOptions];

/**
 * A heartbeat device.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const pulse = heartbeat({ intervalMs: 500, lostAfterMs: 3000 });
 * await using host = await SimulatedHost.start({ devices: [pulse] });
 * for await (const event of pulse.events()) {
 *   if (event.kind === 'beat') console.log(event.sequence, event.health, `${event.tookMs} ms`);
 *   if (event.kind === 'lost') console.log('no contact since', event.sequence);
 * }
 */
export function heartbeat(options: HeartbeatOptions = {}): HeartbeatProvider {
  return new HeartbeatDevice(options);
}

const definition = {
  name: 'heartbeat',
  classGuid: heartbeatClass,
  instanceGuid: heartbeatInstance,
  type: IcType.heartbeat,
  versions: [icVersion(1, 0), icVersion(3, 0)],
  silenceHint: 'in the guest: ls /sys/bus/vmbus/drivers/hv_utils',
};

class HeartbeatDevice extends IcDevice<HeartbeatEvent> implements HeartbeatProvider {
  readonly #intervalMs: number;
  readonly #lostAfterMs: number;
  #hasContact = false;
  #health: HeartbeatHealth = 'unknown';
  #counts: HeartbeatCounts = { sent: 0, answered: 0, lost: 0 };
  #sequence = 0n;

  constructor(options: HeartbeatOptions) {
    super(definition, options, heartbeatOptions);
    const { intervalMs = 2000, lostAfterMs = 10_000 } = options;
    checkMs(intervalMs, 'options.intervalMs');
    checkMs(lostAfterMs, 'options.lostAfterMs', 1);
    this.#intervalMs = intervalMs;
    this.#lostAfterMs = lostAfterMs;
  }

  get hasContact(): boolean {
    return this.#hasContact;
  }

  get health(): HeartbeatHealth {
    return this.#health;
  }

  get counts(): HeartbeatCounts {
    return this.#counts;
  }

  protected override async whileReady(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.#beat(signal);
        await sleep(this.#intervalMs, undefined, { signal, ref: false });
      }
    } finally {
      this.#hasContact = false;
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const sequence = this.#sequence;
    this.#sequence = nextSequence(sequence);
    const start = performance.now();
    this.#count('sent');
    const lost = setTimeout(() => this.#onLost(sequence), this.#lostAfterMs).unref();
    try {
      const applicationState = await this.request({
        what: 'heartbeat',
        encode: () => encodeHeartbeat({ sequence, applicationState: 0 }),
        decode: ({ status, body }) => {
          checkDone('heartbeat', 'heartbeat', { status });
          const answer = decodeHeartbeat(body);
          if (answer.sequence === nextSequence(sequence)) return answer.applicationState;
          throw protocolViolation('heartbeat', `beat ${sequence} was answered with ${answer.sequence}`, { sequence });
        },
      });
      this.#hasContact = true;
      this.#health = heartbeatHealth(applicationState);
      this.#count('answered');
      this.tell({ kind: 'beat', sequence, health: this.#health, tookMs: performance.now() - start });
    } catch (error) {
      if (signal.aborted || !VmbusError.is(error) || error.code !== 'ERR_VMBUS_REFUSED') throw error;
      this.tell({ kind: 'refused', error });
    } finally {
      clearTimeout(lost);
    }
  }

  #onLost(sequence: bigint): void {
    this.#hasContact = false;
    this.#count('lost');
    this.tell({ kind: 'lost', sequence });
  }

  #count(what: keyof HeartbeatCounts): void {
    this.#counts = { ...this.#counts, [what]: this.#counts[what] + 1 };
  }
}
