// SPDX-License-Identifier: MIT
//
// A device that this process took: how it was done, and how it goes back.
// Made by driver-binding.ts; calls restore.ts and exit-guard.ts.

import type { Guid } from '../../guid.js';
import { checkRestoreOptions } from '../check-arguments.js';
import { boundDriver } from '../read/device-reader.js';
import type { BindingRecord, DeviceBinding, DeviceUse, PlanStep, RestoreOptions, RestoreResult } from '../types.js';
import { guard, unguard } from './exit-guard.js';
import { withLock } from './lock.js';
import { findRecord, replaceRecord } from './record.js';
import { restoreRecord } from './restore.js';

/** The plain fields of a binding. */
export type BindingFacts = Pick<
  DeviceBinding,
  'device' | 'driver' | 'previousDriver' | 'steps' | 'dryRun' | 'uses' | 'warnings'
>;

export class HeldBinding implements DeviceBinding {
  declare readonly device: Guid;
  declare readonly driver: string;
  declare readonly previousDriver: string | null;
  declare readonly steps: readonly PlanStep[];
  declare readonly dryRun: boolean;
  declare readonly uses: readonly DeviceUse[];
  declare readonly warnings: readonly string[];
  readonly #root: string;
  /** Null when there is nothing to give back: the driver had the device already, or nothing was done. */
  #record: BindingRecord | null;
  #restoring: Promise<RestoreResult> | null = null;

  constructor(root: string, facts: BindingFacts, record: BindingRecord | null) {
    Object.assign(this, facts);
    this.#root = root;
    this.#record = record;
  }

  async restore(options: RestoreOptions = {}): Promise<RestoreResult> {
    checkRestoreOptions(options);
    const record = this.#record;
    if (record === null) return this.#nothingToDo();
    if (options.dryRun === true) return restoreRecord(this.#root, record, options);
    this.#restoring ??= this.#giveBack(record, options).finally(() => {
      this.#restoring = null;
    });
    return this.#restoring;
  }

  async keep(): Promise<void> {
    const record = this.#record;
    if (record === null || record.rollbackAt === null) return;
    const kept = { ...record, rollbackAt: null };
    await withLock(this.#root, this.device, async () => {
      // The deadline may have passed a moment ago: then there is nothing to keep, and no record to write.
      const found = findRecord(this.#root, this.device);
      if (found.kind === 'sound' && found.record.since === record.since) replaceRecord(this.#root, kept);
    });
    this.#record = kept;
    if (!kept.persist) guard(this.#root, kept);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#record?.persist !== true) await this.restore();
  }

  async #giveBack(record: BindingRecord, options: RestoreOptions): Promise<RestoreResult> {
    const result = await restoreRecord(this.#root, record, options);
    this.#record = null;
    unguard(this.#root, this.device);
    return result;
  }

  #nothingToDo(): RestoreResult {
    return {
      device: this.device,
      driver: boundDriver(this.#root, this.device),
      steps: [],
      warnings: [],
      dryRun: this.dryRun,
    };
  }
}
