// SPDX-License-Identifier: MIT
//
// One backup of this machine: plan, applications to rest, file systems frozen; then all of it the other way round.
// Called by: serve-backup.ts, freeze-machine.ts. Calls plan, steps, freezer, cycle-record, journal.

import { VmbusError } from '../../errors.js';
import { freezerPath } from '../../native/freezer-path.js';
import { CycleRecordFile } from './cycle-record.js';
import { Freezer } from './freezer.js';
import { checkHooks, listHooks } from './hook-folder.js';
import type { Journal } from './journal.js';
import { planBackup } from './plan.js';
import type { FullSettings } from './settings.js';
import { callbackStep, commandStep, hookStep, type Step, type TellRun } from './steps.js';
import type { BackupPlan, BackupThawReason, FreezeEnd } from './types.js';

/** The host waits 30 s for a thaw: this for the file systems, and the rest for what comes after them. */
const fileSystemsMs = 10_000;
const mostThawStepsMs = 15_000;

/** A backup, from its freeze to its thaw. */
export class BackupCycle {
  readonly #settings: FullSettings;
  readonly #journal: Journal;
  readonly #program: string | undefined;
  readonly #record: CycleRecordFile;
  readonly #begun: Step[] = [];
  #freezer: Freezer | null = null;
  #timer: NodeJS.Timeout | undefined;
  #frozenAt: number | null = null;
  #thaw: Promise<boolean> | null = null;

  /** @param program Path of the freezer, for tests */
  constructor(settings: FullSettings, journal: Journal, program?: string) {
    this.#settings = settings;
    this.#journal = journal;
    this.#program = program;
    this.#record = new CycleRecordFile(settings.root);
  }

  /** Why it can't be done, if it can't, before anything is touched. @throws VmbusError ERR_VMBUS_REFUSED, _NATIVE_LOAD, _SYSTEM */
  check(): BackupPlan {
    const plan = planBackup({ root: this.#settings.root, leaveOut: this.#settings.leaveOut });
    const [first, ...rest] = plan.obstacles;
    if (first) {
      const more = rest.length > 0 ? `, and ${rest.length} more` : '';
      throw new VmbusError('ERR_VMBUS_REFUSED', `${first.point} (${first.source}) ${first.says}${more}`, {
        path: first.point,
        hint: 'hv vss explain shows every mount',
        facts: { obstacles: plan.obstacles },
      });
    }
    if (this.#settings.hooks !== undefined) checkHooks(listHooks(this.#settings.hooks));
    if (this.#freezesFileSystems) this.#program ?? freezerPath();
    return plan;
  }

  /** Freezes everything. After an error it has to be thawed as well. */
  async freeze(signal: AbortSignal): Promise<void> {
    const began = performance.now();
    this.#journal.hold();
    const { order } = this.check();
    this.#journal.add({ kind: 'freezing', points: this.#freezesFileSystems ? order.map(({ point }) => point) : [] });
    await this.#freezeSteps(signal);
    if (this.#freezesFileSystems) await this.#freezeFileSystems(signal);
    this.#frozenAt = performance.now();
    // The freezer has a clock of its own; this one is for the applications.
    this.#timer = setTimeout(() => void this.thaw('deadline'), this.#settings.deadlineMs);
    this.#journal.add({
      kind: 'frozen',
      points: this.#freezer?.points ?? [],
      foreign: this.#freezer?.foreign ?? [],
      tookMs: Math.round(performance.now() - began),
    });
  }

  /** Thaws everything that was begun, once. Answers whether it was held until now, and all is awake. Never rejects. */
  thaw(reason: BackupThawReason): Promise<boolean> {
    this.#thaw ??= this.#thawAll(reason);
    return this.#thaw;
  }

  /** Frozen, and nothing of it thawed yet. */
  get isHeld(): boolean {
    return this.#frozenAt !== null && this.#thaw === null;
  }

  get #freezesFileSystems(): boolean {
    return this.#settings.root === '/';
  }

  get #steps(): Step[] {
    const { hooks, commands } = this.#settings;
    const tell: TellRun = (phase, run) => this.#journal.add({ kind: 'hook', phase, run });
    return [
      callbackStep(this.#settings),
      ...(commands ? [commandStep(commands.freeze, commands.thaw, tell)] : []),
      ...(hooks === undefined ? [] : listHooks(hooks).map((hook) => hookStep(hook, tell))),
    ];
  }

  async #freezeSteps(signal: AbortSignal): Promise<void> {
    const until = performance.now() + this.#settings.hookTimeoutMs;
    for (const step of this.#steps) {
      signal.throwIfAborted();
      this.#begun.push(step);
      // Before it runs: it may be killed with us.
      if (step.thawWords) this.#record.write(this.#begun.flatMap(recordOf));
      await step.freeze({ timeoutMs: Math.max(1, Math.round(until - performance.now())), signal });
    }
  }

  async #freezeFileSystems(signal: AbortSignal): Promise<void> {
    // Planned afresh: a hook may have mounted or unmounted something. Nothing was held open meanwhile.
    const { order } = this.check();
    if (order.length === 0) return;
    const { deadlineMs, ownForeign } = this.#settings;
    const freezer = await Freezer.open(order, { deadlineMs, ownsForeign: ownForeign, signal, program: this.#program });
    this.#freezer = freezer;
    await freezer.freeze();
    void freezer.ended.then(({ reason }) => this.thaw(reason === 'deadline' ? 'deadline' : 'freezer'));
  }

  async #thawAll(reason: BackupThawReason): Promise<boolean> {
    clearTimeout(this.#timer);
    const end = await this.#thawFileSystems();
    const heldMs = this.#frozenAt === null ? null : Math.round(performance.now() - this.#frozenAt);
    const areAwake = await this.#thawSteps(reason);
    try {
      this.#record.remove();
    } catch (error) {
      this.#journal.add({ kind: 'thaw-failed', error });
    }
    this.#journal.add({ kind: 'thawed', reason, heldMs, stillFrozen: end?.stillFrozen ?? [] });
    this.#journal.release();
    return reason === 'asked' && areAwake && (end === null || end.isWhole);
  }

  /** Null where nothing was frozen, or it takes too long: what follows must not wait for it. */
  async #thawFileSystems(): Promise<FreezeEnd | null> {
    if (!this.#freezer) return null;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<FreezeEnd>((resolve) => {
      const stillFrozen = this.#freezer?.points ?? [];
      const answer: FreezeEnd = { isWhole: false, reason: 'failed', stillFrozen, thawedByOthers: [] };
      timer = setTimeout(() => resolve(answer), fileSystemsMs);
    });
    const end = await Promise.race([this.#freezer.thaw(), late]);
    clearTimeout(timer);
    return end;
  }

  async #thawSteps(reason: BackupThawReason): Promise<boolean> {
    const until = performance.now() + Math.min(this.#settings.hookTimeoutMs, mostThawStepsMs);
    let areAwake = true;
    for (let left = this.#begun.length; left > 0; left -= 1) {
      const step = this.#begun[left - 1];
      // Each has its share of what is left, so that one that hangs does not take the others' time.
      const timeoutMs = Math.max(1, Math.round((until - performance.now()) / left));
      try {
        await step?.thaw({ timeoutMs }, reason);
      } catch (error) {
        areAwake = false;
        this.#journal.add({ kind: 'thaw-failed', error });
      }
    }
    return areAwake;
  }
}

function recordOf({ name, thawWords }: Step): { name: string; thawWords: readonly [string, ...string[]] }[] {
  return thawWords ? [{ name, thawWords }] : [];
}
