// SPDX-License-Identifier: MIT
//
// A freeze of file systems, from opening them to their thaw. The freezer, a process of its own, does it; here is what it is asked
// and what became of it.
// Called by: cycle.ts, `hv vss dry-run`. Calls freezer-process, thaw.
//
// Nothing here touches a file between the freeze and the thaw: a write to a frozen file system would wait for the thaw that
// nobody could ask for.

import { constants } from 'node:os';
import { errnoName, VmbusError } from '../../errors.js';
import { freezerPath } from '../../native/freezer-path.js';
import { type FreezerLine, freezerProtocol } from './freezer-lines.js';
import { type FreezerExit, FreezerProcess, targetWords } from './freezer-process.js';
import { Outcome } from './outcome.js';
import { thawTargets } from './thaw.js';
import type { FreezeEnd, FreezeTarget, FrozenFileSystems } from './types.js';

/** Options of {@link Freezer.open}. */
export interface FreezerOptions {
  /** They are thawed so long after the freeze began. */
  readonly deadlineMs: number;
  /** Thaw also what somebody else had frozen before. */
  readonly ownsForeign?: boolean;
  /** Gives up and thaws. */
  readonly signal?: AbortSignal | undefined;
  /** Path of vmbus-freezer. */
  readonly program?: string | undefined;
}

/** File systems that can be frozen, are, or were. */
export class Freezer implements FrozenFileSystems {
  readonly ended: Promise<FreezeEnd>;
  readonly #targets: readonly FreezeTarget[];
  readonly #program: string;
  readonly #process: FreezerProcess;
  readonly #signal: AbortSignal | undefined;
  readonly #frozen = new Set<number>();
  readonly #foreign = new Set<number>();
  readonly #thawedByOthers: number[] = [];
  readonly #thawed = new Set<number>();
  readonly #ready = new Outcome();
  readonly #holding = new Outcome();
  #end: Extract<FreezerLine, { kind: 'end' }> | null = null;
  #isBegun = false;
  #isTold = false;
  readonly #onAbort = (): void => this.#process.letGo();

  private constructor(targets: readonly FreezeTarget[], options: FreezerOptions) {
    this.#targets = targets;
    this.#program = options.program ?? freezerPath();
    this.#signal = options.signal;
    const flags = options.ownsForeign ? ['--own-foreign'] : [];
    const words = [...flags, '--deadline-ms', String(options.deadlineMs), ...targetWords(targets)];
    this.#process = new FreezerProcess(this.#program, words, (line) => this.#take(line));
    this.ended = this.#process.ended.then(
      (exit) => this.#finish(exit),
      (error: unknown) => this.#fail(error),
    );
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Opens the mount points and gets ready; nothing is frozen yet.
   * @throws VmbusError ERR_VMBUS_SYSTEM, ERR_VMBUS_PERMISSION, ERR_VMBUS_NATIVE_LOAD; the signal's reason
   */
  static async open(targets: readonly FreezeTarget[], options: FreezerOptions): Promise<Freezer> {
    options.signal?.throwIfAborted();
    const freezer = new Freezer(targets, options);
    await freezer.#ready.promise;
    return freezer;
  }

  get points(): readonly string[] {
    return this.#names(this.#frozen);
  }

  get foreign(): readonly string[] {
    return this.#names(this.#foreign);
  }

  /** Process id of the freezer, which must not be killed. */
  get pid(): number | null {
    return this.#process.pid;
  }

  /**
   * Freezes; resolves when all are.
   * @throws VmbusError ERR_VMBUS_SYSTEM naming the mount point (all are thawed again), ERR_VMBUS_TIMEOUT; the signal's reason
   */
  async freeze(): Promise<void> {
    this.#isBegun = true;
    this.#process.tell('F');
    await this.#holding.promise;
  }

  async thaw(): Promise<FreezeEnd> {
    if (!this.#isTold) this.#process.tell('T');
    this.#isTold = true;
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.thaw();
  }

  #take(line: FreezerLine): void {
    switch (line.kind) {
      case 'ready':
        if (line.protocol === freezerProtocol && line.count === this.#targets.length) this.#ready.resolve();
        else this.#reject(this.#versionError(line.protocol));
        break;
      case 'frozen':
        this.#frozen.add(line.index);
        break;
      case 'foreign':
        this.#foreign.add(line.index);
        break;
      case 'holding':
        this.#holding.resolve();
        break;
      case 'thawed':
        this.#takeThawed(line.index, line.errno);
        break;
      case 'failed':
      case 'unopened':
        this.#reject(this.#mountError(line.kind, line.index, line.errno));
        break;
      case 'refused':
        this.#reject(wantError(line.want, line.errno));
        break;
      case 'end':
        this.#end = line;
        break;
      default:
        line satisfies never;
    }
  }

  #takeThawed(index: number, errno: number): void {
    const wasThawed = errno === constants.errno.EINVAL;
    if (wasThawed) this.#thawedByOthers.push(index);
    if (wasThawed || errno === 0) this.#thawed.add(index);
  }

  /** The one place where it is known that all is over. */
  async #finish({ status, signal }: FreezerExit): Promise<FreezeEnd> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    const end = this.#end;
    const reason = end?.reason ?? (status === null || this.#isBegun ? 'killed' : 'failed');
    const held = this.#heldAfter(reason);
    const stillFrozen = held.length > 0 ? await this.#rescue(held) : [];
    this.#reject(this.#signal?.aborted ? this.#signal.reason : endError(reason, signal));
    return {
      isWhole: reason === 'told' && this.#thawedByOthers.length === 0,
      reason,
      stillFrozen,
      thawedByOthers: this.#names(this.#thawedByOthers),
    };
  }

  /** What may be frozen when the freezer is gone. One that was killed may not have told of the last one. */
  #heldAfter(reason: FreezeEnd['reason']): FreezeTarget[] {
    const isHeld = (index: number): boolean =>
      !this.#thawed.has(index) &&
      (this.#frozen.has(index) || (reason === 'killed' && this.#isBegun && !this.#foreign.has(index)));
    return this.#targets.filter((_, index) => isHeld(index));
  }

  /** Thaws what the freezer left frozen. */
  async #rescue(targets: readonly FreezeTarget[]): Promise<string[]> {
    try {
      const thawed = await thawTargets(targets, this.#program);
      const isFree = (point: string): boolean => thawed.some((one) => one.point === point && one.was !== 'unknown');
      return targets.map(({ point }) => point).filter((point) => !isFree(point));
    } catch {
      return targets.map(({ point }) => point);
    }
  }

  #fail(error: unknown): FreezeEnd {
    this.#reject(error);
    return { isWhole: false, reason: 'failed', stillFrozen: [], thawedByOthers: [] };
  }

  #reject(error: unknown): void {
    this.#ready.reject(error);
    this.#holding.reject(error);
  }

  #names(indexes: Iterable<number>): string[] {
    return [...indexes].flatMap((index) => this.#targets[index]?.point ?? []);
  }

  #versionError(protocol: number): VmbusError {
    this.#process.letGo();
    return new VmbusError(
      'ERR_VMBUS_NATIVE_LOAD',
      `${this.#program} is of another version (${protocol}) than this library`,
      {
        path: this.#program,
        hint: 'build it afresh: node scripts/build-native.mjs in the folder of the package',
      },
    );
  }

  #mountError(kind: 'failed' | 'unopened', index: number, errno: number): VmbusError {
    const { point = '?' } = this.#targets[index] ?? {};
    const name = errnoName(errno);
    const system = { path: point, syscall: kind === 'failed' ? 'ioctl' : 'open', errno, errnoName: name };
    if (name === 'EPERM' || name === 'EACCES')
      return new VmbusError('ERR_VMBUS_PERMISSION', `${point} may not be frozen: ${name}`, {
        ...system,
        hint: 'run as root',
      });
    // libuv has no name for it.
    if (errno === constants.errno.ESTALE)
      return new VmbusError('ERR_VMBUS_SYSTEM', `${point} is not what it was a moment ago: its mounts changed`, {
        ...system,
        hint: 'try again',
      });
    const unable = name === 'EOPNOTSUPP' || name === 'ENOTTY' ? ': its type has no way to be' : `: ${name}`;
    return new VmbusError('ERR_VMBUS_SYSTEM', `${point} can't be frozen${unable}`, {
      ...system,
      hint: `leave it out (--leave-out ${point}), or unmount it; hv vss explain`,
    });
  }
}

function wantError(want: string, errno: number): VmbusError {
  const name = errnoName(errno);
  return new VmbusError('ERR_VMBUS_SYSTEM', `vmbus-freezer has not got ${want}: ${name}`, {
    errno,
    errnoName: name,
    hint: 'run as root; for a service set LimitMEMLOCK=infinity',
  });
}

function endError(reason: FreezeEnd['reason'], signal: string | null): VmbusError {
  if (reason === 'deadline')
    return new VmbusError('ERR_VMBUS_TIMEOUT', 'the deadline passed before everything was frozen', {
      hint: 'a longer deadline, or less to write back: sync before',
    });
  const how = signal === null ? '' : ` (${signal})`;
  return new VmbusError('ERR_VMBUS_CLOSED', `the freeze came to nothing: the freezer ended, ${reason}${how}`);
}
