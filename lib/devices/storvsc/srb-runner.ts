// SPDX-License-Identifier: MIT
//
// One SCSI request: takes a place in memory, puts the data there, names its pages to the host, and copies what came back.
// Called by: commands.ts. Calls: lanes.ts, dma/arena.
//
// A caller may give up; the place is kept until the host has answered, because the host may write there until then. When the
// channel ends no place is given back: the memory goes as a whole, after the channel.

import { unwatchAbort, watchAbort } from '../../abort-watch.js';
import { gpaPageBytes } from '../../protocol/gpa-direct.js';
import { ScsiStatus } from '../../protocol/scsi/numbers.js';
import { decodeSense } from '../../protocol/scsi/sense.js';
import {
  decodeSrbReply,
  type ScsiAddress,
  SrbDirection,
  SrbFlag,
  SrbStatus,
  type VstorReply,
  type VstorRequest,
} from '../../protocol/storvsc.js';
import type { DmaArena } from '../dma/arena.js';
import { isLate } from './call-limits.js';
import type { Lanes } from './lanes.js';
import type { ScsiResult } from './types.js';

/** A command with its data. */
export interface SrbTask {
  readonly address: ScsiAddress;
  readonly cdb: Uint8Array;
  /** Bytes to send with it. */
  readonly data?: Uint8Array;
  /** Where bytes that come back go; its length is what the command may send. Not together with `data`. */
  readonly target?: Uint8Array;
  readonly signal: AbortSignal;
}

/** Memory for data, as the runner needs it. */
export type RunnerArena = Pick<DmaArena, 'slots' | 'slotBytes' | 'frame' | 'read' | 'write'>;

/** Figures of the runner. */
export interface RunnerCounts {
  requests: number;
  bytesRead: number;
  bytesWritten: number;
  timeouts: number;
  aborts: number;
  abandoned: number;
  violations: number;
}

/** Advisory: what Linux says. */
const timeoutSeconds = 60;
const always = SrbFlag.queueActionEnable | SrbFlag.disableSynchronousTransfer | SrbFlag.noQueueFreeze;

/** Runs requests on the channels of one controller. */
export class SrbRunner {
  readonly counts: RunnerCounts = {
    requests: 0,
    bytesRead: 0,
    bytesWritten: 0,
    timeouts: 0,
    aborts: 0,
    abandoned: 0,
    violations: 0,
  };
  readonly #arena: RunnerArena;
  readonly #lanes: Lanes;
  readonly #isEnded: () => boolean;

  constructor(arena: RunnerArena, lanes: Lanes, isEnded: () => boolean) {
    this.#arena = arena;
    this.#lanes = lanes;
    this.#isEnded = isEnded;
  }

  /** @throws the signal's reason, why the channel ended, ERR_VMBUS_PROTOCOL */
  async run(task: SrbTask): Promise<ScsiResult> {
    const { counts } = this;
    let slot: number;
    try {
      slot = await this.#arena.slots.take(task.signal);
    } catch (error) {
      this.#countGivenUp(task.signal);
      throw error;
    }
    if (task.signal.aborted) {
      this.#arena.slots.give(slot);
      this.#countGivenUp(task.signal);
      throw task.signal.reason;
    }
    const bytes = task.data?.length ?? task.target?.length ?? 0;
    if (task.data) this.#arena.write(slot, task.data);
    counts.requests += 1;
    const answered = this.#lanes.execute(requestOf(task, bytes), bytes === 0 ? null : this.#pages(slot, bytes));
    return await this.#await(task, slot, answered);
  }

  #await(task: SrbTask, slot: number, answered: Promise<VstorReply>): Promise<ScsiResult> {
    const { signal } = task;
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const onAbort = (): void => {
        isGivenUp = true;
        this.counts.abandoned += 1;
        this.#countGivenUp(signal);
        reject(signal.reason);
      };
      if (signal.aborted) onAbort();
      else watchAbort(signal, onAbort);
      answered
        .then((reply) => (isGivenUp ? null : this.#resultOf(task, slot, reply)))
        .finally(() => {
          unwatchAbort(signal, onAbort);
          if (isGivenUp) this.counts.abandoned -= 1;
          // With the channel still there, whatever came is the host's answer.
          if (!this.#isEnded()) this.#arena.slots.give(slot);
        })
        .then(
          (result) => {
            if (result) resolve(result);
          },
          (error: unknown) => {
            if (!this.#isEnded()) this.counts.violations += 1;
            reject(error);
          },
        );
    });
  }

  /** What the host says is copied before it is looked at, and never more than was asked for. */
  #resultOf({ data, target }: SrbTask, slot: number, reply: VstorReply): ScsiResult {
    const { srbStatus, scsiStatus, transferBytes, sense } = decodeSrbReply(reply.body);
    const isDone = srbStatus === SrbStatus.success;
    // Linux takes the length of other failures for nothing moved, too.
    const isMoved = isDone || srbStatus === SrbStatus.dataOverrun;
    const room = data?.length ?? target?.length ?? 0;
    const moved = isMoved ? Math.min(transferBytes, room) : 0;
    const filled = target ? target.subarray(0, moved) : new Uint8Array(0);
    if (filled.length > 0) this.#arena.read(slot, filled);
    if (data) this.counts.bytesWritten += moved;
    else this.counts.bytesRead += moved;
    return {
      isGood: isDone && scsiStatus === ScsiStatus.good,
      srbStatus,
      scsiStatus,
      sense: sense && decodeSense(sense),
      senseBytes: sense,
      transferBytes: moved,
      data: filled,
    };
  }

  /** The header that names the pages of a place: one range, from the beginning of its first page. */
  #pages(slot: number, bytes: number): Uint8Array {
    const count = Math.ceil(bytes / gpaPageBytes);
    const header = new Uint8Array(16 + 8 * count);
    const view = new DataView(header.buffer);
    view.setUint32(4, 1, true);
    view.setUint32(8, bytes, true);
    for (let page = 0; page < count; page += 1) {
      const frame = this.#arena.frame(slot, page);
      view.setUint32(16 + 8 * page, frame % 2 ** 32, true);
      view.setUint32(20 + 8 * page, Math.floor(frame / 2 ** 32), true);
    }
    return header;
  }

  #countGivenUp(signal: AbortSignal): void {
    if (!signal.aborted) return;
    if (isLate(signal.reason)) this.counts.timeouts += 1;
    else this.counts.aborts += 1;
  }
}

function requestOf({ address, cdb, data, target }: SrbTask, transferBytes: number): VstorRequest {
  const direction = data ? SrbDirection.toDevice : target ? SrbDirection.fromDevice : SrbDirection.none;
  const flags = always | (data ? SrbFlag.dataOut : 0) | (target ? SrbFlag.dataIn : 0);
  const srb = { ...address, cdb, cdbLength: cdb.length, direction, transferBytes, flags, timeoutSeconds };
  return { kind: 'executeSrb', srb };
}
