// SPDX-License-Identifier: MIT
//
// Entry of the helper process: waits for a deadline, or for the end of the process that bound a device, and gives it back.
// Started by rollback-helper.ts as `node rollback-main.js MODE ROOT GUID SINCE`; calls restore.ts. Ends by itself as soon as
// the record is gone or is another one: kept, restored, or the machine's tree removed. What can't be given back within an
// hour is left on record, with a note of why. (A fifth argument sets that hour, in milliseconds, for tests.)

import { setTimeout as pause } from 'node:timers/promises';

import { type Guid, isGuid, parseGuid } from '../../guid.js';
import { tellKernelLog } from '../interface/kernel-log.js';
import type { BindingRecord } from '../types.js';
import { withLock } from './lock.js';
import { isAlive } from './process-identity.js';
import { findRecord, replaceRecord } from './record.js';
import { noteText } from './record-format.js';
import { restoreRecord } from './restore.js';

type Mode = 'at-deadline' | 'after-owner';

/** How often the record is looked at: it can vanish at any time, and a wait must end with it. */
const lookEveryMs = 250;
/** While the node is still open nothing can be done; try again, more and more seldom. */
const longestRetryMs = 30_000;
/**
 * A program that was just told to end lets go of the node within seconds, a slow one within minutes. What is refused for an
 * hour is refused for a reason that only somebody at the machine can remove, and he should find a note, not a process that
 * nobody knows of and that writes to the kernel's files every half minute until the next boot.
 */
const patienceMs = 60 * 60 * 1000;

/** The rollback of one binding. */
class Rollback {
  readonly #root: string;
  readonly #device: Guid;
  readonly #since: string;
  readonly #mode: Mode;
  /** As last seen; null once there is nothing to give back any more. */
  #record: BindingRecord | null = null;

  constructor(root: string, device: Guid, since: string, mode: Mode) {
    this.#root = root;
    this.#device = device;
    this.#since = since;
    this.#mode = mode;
  }

  async run(patience: number): Promise<void> {
    await this.#wait(this.#look());
    const givenUpAt = performance.now() + patience;
    for (let delay = lookEveryMs; ; delay = Math.min(delay * 2, longestRetryMs)) {
      const failure = await this.#tryOnce();
      const left = givenUpAt - performance.now();
      if (this.#look() === null) return;
      if (left <= 0) return this.#note(`not given back for ${Math.round(patience / 60_000)} minutes: ${failure}`);
      await pause(Math.min(delay, left));
    }
  }

  /** Until it is time, or there is nothing to wait for. */
  async #wait(first: BindingRecord | null): Promise<void> {
    // The span is taken once: a clock that is set meanwhile must not stretch or shorten it.
    const spanMs =
      this.#mode === 'at-deadline' ? Date.parse(first?.rollbackAt ?? '') - Date.now() : Number.POSITIVE_INFINITY;
    const deadline = performance.now() + spanMs;
    const isTime = (record: BindingRecord): boolean =>
      this.#mode === 'at-deadline' ? performance.now() >= deadline : !isAlive(record);
    for (let record = first; record !== null && !isTime(record); record = this.#look()) {
      await pause(Math.max(1, Math.min(lookEveryMs, deadline - performance.now())));
    }
  }

  /** What kept the device from being given back. */
  async #tryOnce(): Promise<string> {
    if (this.#record === null) return '';
    // Asked again under the lock: the owner may have kept the device while this process waited for it.
    const isDue = (now: BindingRecord): boolean =>
      this.#mode === 'at-deadline' ? now.rollbackAt !== null : !isAlive(now);
    try {
      const { warnings, interface: returned } = await restoreRecord(this.#root, this.#record, { force: true }, isDue);
      tellKernelLog(this.#root, returned);
      return warnings.join('; ');
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The record, as long as it is the one this process was started for. */
  #look(): BindingRecord | null {
    const found = findRecord(this.#root, this.#device);
    if (found.kind === 'sound') {
      const { record } = found;
      const isOurs = record.since === this.#since && (this.#mode === 'after-owner' || record.rollbackAt !== null);
      this.#record = isOurs ? record : null;
    } else if (found.kind === 'absent') this.#record = null;
    // Damaged, but not gone: what is remembered is what there is to go by.
    return this.#record;
  }

  async #note(note: string): Promise<void> {
    try {
      await withLock(this.#root, this.#device, async () => {
        const record = this.#look();
        if (record !== null) replaceRecord(this.#root, { ...record, note: noteText(note) });
      });
    } catch {
      // Where nothing can be written the record stays as it is; there is nobody to tell.
    }
  }
}

const [mode, root, device, since, patience] = process.argv.slice(2);
if ((mode === 'at-deadline' || mode === 'after-owner') && root && isGuid(device) && device && since) {
  await new Rollback(root, parseGuid(device), since, mode).run(Number(patience) || patienceMs);
}
