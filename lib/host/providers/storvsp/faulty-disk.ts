// SPDX-License-Identifier: MIT
//
// A disk around another one that fails where a script says so, or takes its time.
// Called by: scripts.

import { setTimeout as sleep } from 'node:timers/promises';
import { checkInteger, checkOptionNames } from '../../../check.js';
import { invalidValue, VmbusError } from '../../../errors.js';
import { type BlockBytes, checkDisk, type Disk } from './disk.js';

/** Blocks that fail. */
export interface BadBlocks {
  readonly firstBlock: number;
  /** Default 1. */
  readonly blocks?: number;
  /** What fails; both where absent. Unmapping counts as writing. */
  readonly on?: 'read' | 'write';
}

/** Options of {@link faultyDisk}. */
export interface FaultyDiskOptions {
  readonly badBlocks?: readonly BadBlocks[];
  /** Every call takes so much longer. Default 0. */
  readonly delayMs?: number;
}

/** A disk with faults, which can be changed at any time. */
export interface FaultyDisk extends Disk {
  /** These fail from now on. */
  damage(bad: BadBlocks): void;
  /** Nothing fails from now on. */
  heal(): void;
  /** Calls from now on take so much longer. */
  delay(ms: number): void;
}

/**
 * A disk that fails in some blocks with a medium error.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * const disk = faultyDisk(memoryDisk({ sizeBytes: 2 ** 30 }), { badBlocks: [{ firstBlock: 2048, blocks: 8, on: 'read' }] });
 */
export function faultyDisk(disk: Disk, options: FaultyDiskOptions = {}): FaultyDisk {
  checkDisk(disk, 'disk');
  checkOptionNames(options, ['badBlocks', 'delayMs']);
  return new DamagedDisk(disk, options);
}

const longestDelayMs = 2 ** 31 - 1;

class DamagedDisk implements FaultyDisk {
  readonly blockBytes: BlockBytes;
  readonly readonly: boolean;
  readonly #disk: Disk;
  #bad: BadBlocks[] = [];
  #delayMs = 0;

  constructor(disk: Disk, options: FaultyDiskOptions) {
    this.#disk = disk;
    this.blockBytes = disk.blockBytes;
    this.readonly = disk.readonly;
    for (const bad of options.badBlocks ?? []) this.damage(bad);
    this.delay(options.delayMs ?? 0);
  }

  get sizeBytes(): number {
    return this.#disk.sizeBytes;
  }

  damage(bad: BadBlocks): void {
    checkOptionNames(bad, ['firstBlock', 'blocks', 'on'], 'bad');
    checkInteger(bad.firstBlock, 'bad.firstBlock', 0, Number.MAX_SAFE_INTEGER);
    checkInteger(bad.blocks ?? 1, 'bad.blocks', 1, Number.MAX_SAFE_INTEGER);
    if (bad.on !== undefined && bad.on !== 'read' && bad.on !== 'write')
      throw invalidValue('bad.on', 'must be read or write', bad.on);
    this.#bad.push({ ...bad });
  }

  heal(): void {
    this.#bad = [];
  }

  delay(ms: number): void {
    checkInteger(ms, 'delayMs', 0, longestDelayMs);
    this.#delayMs = ms;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.#pass('read', offset, length);
    return await this.#disk.read(offset, length);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#pass('write', offset, bytes.length);
    await this.#disk.write(offset, bytes);
  }

  async flush(): Promise<void> {
    await this.#pass('write', 0, 0);
    await this.#disk.flush();
  }

  async unmap(offset: number, length: number): Promise<void> {
    await this.#pass('write', offset, length);
    await this.#disk.unmap(offset, length);
  }

  async resize(sizeBytes: number): Promise<void> {
    if (!this.#disk.resize) throw new VmbusError('ERR_VMBUS_UNSUPPORTED', 'the disk inside cannot be resized');
    await this.#disk.resize(sizeBytes);
  }

  async #pass(on: 'read' | 'write', offset: number, length: number): Promise<void> {
    if (this.#delayMs > 0) await sleep(this.#delayMs);
    const first = offset / this.blockBytes;
    const end = (offset + length) / this.blockBytes;
    const bad = this.#bad.find(
      (one) => (one.on ?? on) === on && first < one.firstBlock + (one.blocks ?? 1) && one.firstBlock < end,
    );
    if (!bad) return;
    throw new VmbusError('ERR_VMBUS_SYSTEM', `block ${bad.firstBlock} was made to fail`, {
      facts: { on, firstBlock: bad.firstBlock },
    });
  }
}
