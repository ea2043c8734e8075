// SPDX-License-Identifier: MIT
//
// SCSI commands to one controller: sends them, and once more where a unit only had something to say first.
// Called by: disk.ts, units.ts, storvsc.ts. Calls: srb-runner.ts, protocol/scsi.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Guid } from '../../guid.js';
import { capacityBytes, type DiskCapacity, decodeCapacity10, decodeCapacity16 } from '../../protocol/scsi/capacity.js';
import { encodeCdb } from '../../protocol/scsi/cdb-encode.js';
import type { ScsiCommand } from '../../protocol/scsi/commands.js';
import { decodeInquiry, type InquiryData, inquiryBytes } from '../../protocol/scsi/inquiry.js';
import { decodeLuns } from '../../protocol/scsi/lists.js';
import { type DiskMode, decodeModeSense } from '../../protocol/scsi/mode-sense.js';
import { ModePage, ScsiStatus, SenseKey } from '../../protocol/scsi/numbers.js';
import type { Sense } from '../../protocol/scsi/sense.js';
import { type ScsiAddress, SrbStatus, storageViolation } from '../../protocol/storvsc.js';
import { commandError, isGone } from './errors.js';
import type { SrbRunner } from './srb-runner.js';
import type { ScsiResult } from './types.js';

/** Data of a command. */
export interface CommandData {
  readonly data?: Uint8Array;
  readonly target?: Uint8Array;
  readonly signal: AbortSignal;
}

const mostTries = 8;
const firstPauseMs = 20;
const lunListBytes = 8 + 256 * 8;
const vpdBytes = 255;
const modeBytes = 192;

/** Commands of one controller. */
export class Commands {
  readonly device: Guid;
  readonly #runner: Pick<SrbRunner, 'run'>;
  readonly #place: Pick<ScsiAddress, 'path' | 'target'>;
  readonly #onAttention: (lun: number, sense: Sense) => void;
  retries = 0;

  /** @param onAttention Told what a unit had to say before it did what it was told. */
  constructor(
    device: Guid,
    runner: Pick<SrbRunner, 'run'>,
    place: Pick<ScsiAddress, 'path' | 'target'>,
    onAttention: (lun: number, sense: Sense) => void,
  ) {
    this.device = device;
    this.#runner = runner;
    this.#place = place;
    this.#onAttention = onAttention;
  }

  /** Once, whatever comes back. */
  raw(lun: number, cdb: Uint8Array, data: CommandData): Promise<ScsiResult> {
    return this.#runner.run({ address: { ...this.#place, lun }, cdb, ...data });
  }

  /** Until it is done or refused: a unit attention or a busy unit has not begun it. */
  async try(lun: number, command: ScsiCommand, data: CommandData): Promise<ScsiResult> {
    const cdb = encodeCdb(command);
    for (let tries = 1; ; tries += 1) {
      const result = await this.raw(lun, cdb, data);
      const isAttention = result.sense?.key === SenseKey.unitAttention;
      if (isAttention && result.sense) this.#onAttention(lun, result.sense);
      const isBusy = result.scsiStatus === ScsiStatus.busy || result.srbStatus === SrbStatus.busy;
      if ((!isAttention && !isBusy) || tries === mostTries) return result;
      this.retries += 1;
      if (isBusy) await pause(firstPauseMs * 2 ** (tries - 1), data.signal);
    }
  }

  /** @throws VmbusError ERR_VMBUS_SCSI, ERR_VMBUS_NO_DEVICE */
  async must(lun: number, command: ScsiCommand, data: CommandData): Promise<ScsiResult> {
    const result = await this.try(lun, command, data);
    if (result.isGood) return result;
    throw commandError({ device: this.device, lun, command: command.kind }, result);
  }

  /** Units that answer at this place, in order; each once. */
  async reportLuns(signal: AbortSignal): Promise<number[]> {
    const target = new Uint8Array(lunListBytes);
    const { data } = await this.must(
      0,
      { kind: 'reportLuns', select: 0, allocationBytes: lunListBytes },
      { target, signal },
    );
    return [...new Set(decodeLuns(data))].sort((a, b) => a - b);
  }

  /** What stands at an address; null for nothing. */
  async inquire(lun: number, signal: AbortSignal): Promise<InquiryData | null> {
    const target = new Uint8Array(inquiryBytes);
    const result = await this.try(
      lun,
      { kind: 'inquiry', page: null, allocationBytes: inquiryBytes },
      { target, signal },
    );
    if (isGone(result)) return null;
    if (!result.isGood) throw commandError({ device: this.device, lun, command: 'inquiry' }, result);
    const found = decodeInquiry(result.data);
    return found?.isPresent ? found : null;
  }

  /** A page of vital product data; null for a unit that does not have it. */
  async vitalPage(lun: number, page: number, signal: AbortSignal): Promise<Uint8Array | null> {
    const target = new Uint8Array(vpdBytes);
    const result = await this.try(lun, { kind: 'inquiry', page, allocationBytes: vpdBytes }, { target, signal });
    return result.isGood ? result.data : null;
  }

  /** How large a disk is. @throws VmbusError ERR_VMBUS_PROTOCOL for one of no size that a disk can have */
  async capacity(lun: number, signal: AbortSignal): Promise<DiskCapacity> {
    const bytes = capacityBytes.form16;
    const long = new Uint8Array(bytes);
    const command = { kind: 'readCapacity', form: 16, allocationBytes: bytes } as const;
    const result = await this.try(lun, command, { target: long, signal });
    const capacity = result.isGood ? decodeCapacity16(result.data) : await this.#capacity10(lun, result, signal);
    const isPower = capacity !== null && Number.isInteger(Math.log2(capacity.blockBytes));
    if (capacity && isPower && capacity.blockBytes >= 512 && capacity.blockBytes <= 65_536) return capacity;
    throw storageViolation(`a disk of ${capacity?.blocks ?? '?'} blocks of ${capacity?.blockBytes ?? '?'} bytes`, {
      lun,
    });
  }

  /** Whether a disk may be written, and has a cache; null where it does not say. */
  async mode(lun: number, signal: AbortSignal): Promise<DiskMode | null> {
    const target = new Uint8Array(modeBytes);
    const page = { page: ModePage.all, subpage: 0, control: 0 };
    const command = { kind: 'modeSense', form: 6, ...page, allocationBytes: modeBytes } as const;
    const result = await this.try(lun, command, { target, signal });
    return result.isGood ? decodeModeSense(6, result.data) : null;
  }

  async #capacity10(lun: number, before: ScsiResult, signal: AbortSignal): Promise<DiskCapacity | null> {
    if (before.sense?.key !== SenseKey.illegalRequest)
      throw commandError({ device: this.device, lun, command: 'readCapacity' }, before);
    const target = new Uint8Array(capacityBytes.form10);
    const command = { kind: 'readCapacity', form: 10, allocationBytes: capacityBytes.form10 } as const;
    return decodeCapacity10((await this.must(lun, command, { target, signal })).data);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
