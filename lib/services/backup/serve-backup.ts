// SPDX-License-Identifier: MIT
//
// Serves the host's backups: applications to rest, file systems frozen, and everything awake again whatever happens.
// Called by: scripts, `hv vss serve`. Calls devices/vss.ts for the requests and cycle.ts for the work.

import { checkFlag, checkLimits } from '../../check.js';
import { serveVss, type VssService, type VssThawReason } from '../../devices/vss.js';
import { VmbusError } from '../../errors.js';
import { BackupCycle } from './cycle.js';
import { Journal } from './journal.js';
import { recoverRecorded } from './recover.js';
import { type FullSettings, fullSettings } from './settings.js';
import type { ServeBackupOptions } from './types.js';

/**
 * Serves the host's backups in the place of the distribution's daemon. For a freeze it first calls the script and runs commands
 * and hooks, then freezes every file system that can be; for a thaw all of it the other way round. What holds the file systems
 * is a process of its own: they are thawed when this one is killed, and at the deadline.
 * @throws VmbusError ERR_VMBUS_BUSY (naming who has the device), ERR_VMBUS_NO_DEVICE, ERR_VMBUS_PERMISSION, ERR_VMBUS_REFUSED (a
 * hook that can't be run), ERR_VMBUS_NATIVE_LOAD; TypeError
 * @example
 * await using service = await serveBackup({
 *   freeze: () => database.flushAndLock(),
 *   thaw: () => database.unlock(),
 *   deadlineMs: 30_000,
 *   onEvent: (event) => console.log(event.kind), // of a freeze: after the thaw
 * });
 * await service.closed;
 * @category Backup
 */
export async function serveBackup(options: ServeBackupOptions = {}): Promise<VssService> {
  const settings = fullSettings(options, ['signal', 'wait']);
  checkLimits(options);
  checkFlag(options.wait, 'options.wait');
  options.signal?.throwIfAborted();
  const journal = new Journal((event) => options.onEvent?.(event));
  const server = new BackupServer(settings, journal);
  server.checkStart();
  const service = await serveVss({
    root: settings.root,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.wait === undefined ? {} : { wait: options.wait }),
    hotBackupCheck: () => server.check(),
    freeze: ({ signal }) => server.freeze(signal),
    thaw: ({ reason }) => server.thaw(reason),
    onState: (state) => journal.add({ kind: 'state', state }),
    onError: (error) => journal.add({ kind: 'refused', error }),
  });
  await server.recover();
  return service;
}

class BackupServer {
  readonly #settings: FullSettings;
  readonly #journal: Journal;
  #cycle: BackupCycle | null = null;
  #recovery: Promise<unknown> | null = null;

  constructor(settings: FullSettings, journal: Journal) {
    this.#settings = settings;
    this.#journal = journal;
  }

  /** A mistake in the hooks is told when the service starts, not in the night of the first backup. */
  checkStart(): void {
    try {
      this.check();
    } catch (error) {
      // What is mounted may be another matter by then.
      if (!VmbusError.is(error) || !('obstacles' in error.facts)) throw error;
      this.#journal.add({ kind: 'refused', error });
    }
  }

  check(): void {
    new BackupCycle(this.#settings, this.#journal).check();
  }

  /** Once, and not before the device is ours: who has it may be in the middle of a backup. */
  async recover(): Promise<void> {
    this.#recovery ??= recoverRecorded(this.#settings.root, this.#journal, this.#settings.hookTimeoutMs);
    await this.#recovery;
  }

  async freeze(signal: AbortSignal): Promise<void> {
    await this.recover();
    this.#cycle = new BackupCycle(this.#settings, this.#journal);
    await this.#cycle.freeze(signal);
  }

  async thaw(reason: VssThawReason): Promise<void> {
    const cycle = this.#cycle;
    this.#cycle = null;
    if (!cycle || (await cycle.thaw(reason)) || reason !== 'asked') return;
    throw new VmbusError('ERR_VMBUS_REFUSED', 'not everything was at rest until the thaw that the host asked for', {
      hint: 'what was copied meanwhile may not be of one moment; see the events before, and a longer deadline',
    });
  }
}
