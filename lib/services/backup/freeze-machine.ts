// SPDX-License-Identifier: MIT
//
// Brings this machine to rest without a host, and wakes it up again: what a backup would do, to try it out or for a snapshot that
// the script takes itself.
// Called by: scripts, `hv vss dry-run --freeze`. Calls cycle.ts.

import { checkLimits } from '../../check.js';
import { VmbusError } from '../../errors.js';
import { BackupCycle } from './cycle.js';
import { Journal } from './journal.js';
import { fullSettings } from './settings.js';
import type { FreezeMachineOptions, FrozenMachine } from './types.js';

/**
 * Freezes this machine as a backup does: callbacks, commands, hooks, then the file systems. All of it is thawed when the scope is
 * left, at the deadline, and when this process is killed. Write nothing to a file meanwhile.
 * @throws VmbusError ERR_VMBUS_REFUSED (an obstacle, a hook), ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM, ERR_VMBUS_TIMEOUT,
 * ERR_VMBUS_NATIVE_LOAD; the signal's reason; TypeError
 * @example
 * {
 *   await using frozen = await freezeMachine({ deadlineMs: 10_000 });
 *   await takeSnapshot(); // of the array that the disks are on
 *   if (!frozen.isWhole) throw new Error('the snapshot is not of one moment');
 * }
 * @category Backup
 */
export async function freezeMachine(options: FreezeMachineOptions = {}): Promise<FrozenMachine> {
  const settings = fullSettings(options, ['signal']);
  checkLimits(options);
  const { signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  const cycle = new BackupCycle(settings, new Journal((event) => options.onEvent?.(event)));
  try {
    await cycle.freeze(signal);
  } catch (error) {
    await cycle.thaw('failed');
    throw error;
  }
  return new Frozen(cycle);
}

class Frozen implements FrozenMachine {
  readonly #cycle: BackupCycle;

  constructor(cycle: BackupCycle) {
    this.#cycle = cycle;
  }

  get isWhole(): boolean {
    return this.#cycle.isHeld;
  }

  async thaw(): Promise<void> {
    if (await this.#cycle.thaw('asked')) return;
    throw new VmbusError('ERR_VMBUS_REFUSED', 'not everything was at rest until now', {
      hint: 'what was copied meanwhile may not be of one moment; see the events, and a longer deadline',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cycle.thaw('asked');
  }
}
