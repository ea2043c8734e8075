// SPDX-License-Identifier: MIT
//
// A device that this process took: how it was done, and how it goes back.
// Made by driver-binding.ts; calls restore.ts and exit-guard.ts.

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { checkRestoreOptions } from '../check-arguments.js';
import type { InterfaceState } from '../interface/types.js';
import { boundDriver } from '../read/device-reader.js';
import type { BindingRecord, DeviceBinding, DeviceUse, PlanStep, RestoreOptions, RestoreResult } from '../types.js';
import { guard, unguard } from './exit-guard.js';
import { withLock } from './lock.js';
import { findRecord, replaceRecord } from './record.js';
import { restoreRecord } from './restore.js';

/** The plain fields of a binding. */
export type BindingFacts = Pick<
  DeviceBinding,
  'device' | 'driver' | 'previousDriver' | 'steps' | 'dryRun' | 'uses' | 'interface' | 'warnings'
>;

export class HeldBinding implements DeviceBinding {
  declare readonly device: Guid;
  declare readonly driver: string;
  declare readonly previousDriver: string | null;
  declare readonly steps: readonly PlanStep[];
  declare readonly dryRun: boolean;
  declare readonly uses: readonly DeviceUse[];
  declare readonly interface: InterfaceState | null;
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
    // Judged under the lock: the helper may be giving the device back right now.
    const kept = await withLock(this.#root, this.device, async () => {
      const found = findRecord(this.#root, this.device);
      if (found.kind === 'absent' || (found.kind === 'sound' && found.record.since !== record.since)) return null;
      const { note: _, ...rest } = found.kind === 'sound' ? found.record : record;
      const lasting = { ...rest, rollbackAt: null };
      replaceRecord(this.#root, lasting);
      return lasting;
    });
    this.#record = kept;
    if (kept === null) {
      unguard(this.#root, this.device);
      throw this.#rolledBack(record.rollbackAt);
    }
    if (!kept.persist) guard(this.#root, kept);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#record?.persist === true) return;
    const { interface: returned } = await this.restore();
    // Nobody gets the answer of a disposal.
    for (const missing of returned?.missing ?? [])
      process.emitWarning(missing, { type: 'VmbusWarning', code: 'VMBUS_INTERFACE_NOT_PUT_BACK' });
  }

  async #giveBack(record: BindingRecord, options: RestoreOptions): Promise<RestoreResult> {
    const result = await restoreRecord(this.#root, record, options);
    this.#record = null;
    unguard(this.#root, this.device);
    return result;
  }

  #rolledBack(deadline: string): VmbusError {
    const now = boundDriver(this.#root, this.device);
    return new VmbusError(
      'ERR_VMBUS_NOT_BOUND',
      `${this.device} can't be kept: it was given back already (its rollback was due at ${deadline}), and ${now ?? 'no driver'} has it`,
      {
        device: this.device,
        hint: 'bind it again, with more time: `hv bind --rollback-after`',
        facts: { driver: now },
      },
    );
  }

  #nothingToDo(): RestoreResult {
    return {
      device: this.device,
      driver: boundDriver(this.#root, this.device),
      steps: [],
      interface: null,
      warnings: [],
      dryRun: this.dryRun,
    };
  }
}
