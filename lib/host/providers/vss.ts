// SPDX-License-Identifier: MIT
//
// The backup service: asks whether the guest can be backed up while it runs, freezes its file systems, thaws them.
// Called by: scripts, by-name.ts. Frame and openings: ic-device.ts; bytes: protocol/vss.ts.
//
// A guest that stays frozen is a guest that hangs. So a freeze is followed by a thaw whatever happens: when nobody waits for it
// any more, when it failed (a part may be frozen), when its time is over, when its scope, the device or this process ends. What
// cannot be said any more because the channel is gone is the guest's own duty.

import { checkObject, checkOptionNames } from '../../check.js';
import { VmbusError } from '../../errors.js';
import { IcType, icVersion } from '../../protocol/ic.js';
import {
  decodeVss,
  encodeVss,
  type VssFreezeDetails,
  VssOperation,
  vssClass,
  vssInstance,
} from '../../protocol/vss.js';
import {
  checkIcLimits,
  checkMs,
  IcDevice,
  type IcLimits,
  type IcOptions,
  type IcProvider,
  icOptions,
} from './ic-device.js';
import { checkDone } from './ic-errors.js';
import type { IcRequest } from './ic-pending.js';

/** Options of {@link vss}. */
export interface VssOptions extends IcOptions {
  /** Longest time that the guest is left frozen. Default 120 000. */
  readonly thawAfterMs?: number;
}

/** How to freeze. */
export interface FreezeOptions extends IcLimits {
  /** Longest time that the guest is left frozen. Default: that of the device. */
  readonly thawAfterMs?: number;
  /** What the host says about the backup; hosts that say nothing are understood as well. */
  readonly details?: VssFreezeDetails;
}

/** Why a thaw was sent that nobody asked for. */
export type ThawReason = 'time' | 'abandoned' | 'failed';

/** What a backup device tells, besides its states. */
export type VssEvent =
  | { readonly kind: 'frozen' }
  /** `by` is absent where a script asked for it. */
  | { readonly kind: 'thawed'; readonly by?: ThawReason }
  /** A thaw that nobody asked for failed. */
  | { readonly kind: 'thaw-failed'; readonly by: ThawReason; readonly error: unknown };

/** A frozen guest. Leaving its scope thaws it. */
export interface FrozenGuest extends AsyncDisposable {
  readonly isFrozen: boolean;
  /** Thaws the guest, unless that has happened. @throws as {@link VssProvider.thaw} */
  thaw(limits?: IcLimits): Promise<void>;
}

/**
 * A backup device. Its requests fail with VmbusError ERR_VMBUS_REFUSED, _CLOSED, _RESCINDED, _UNSUPPORTED, _TIMEOUT, _PROTOCOL or
 * the signal's reason.
 */
export interface VssProvider extends IcProvider<VssEvent> {
  /** Whether the guest said that it is frozen, and nobody has thawed it. */
  readonly isFrozen: boolean;
  /** Whether the guest can be backed up while it runs; resolves with its flags, see `VssFlag`. Linux sends 0 for them. */
  hotBackupCheck(limits?: IcLimits): Promise<number>;
  /** Freezes the guest's file systems. Takes up to 15 minutes; an aborted or failed freeze is followed by a thaw. */
  freeze(options?: FreezeOptions): Promise<FrozenGuest>;
  /** Thaws them, also when they are not frozen. */
  thaw(limits?: IcLimits): Promise<void>;
}

/** Names of the options of {@link vss}. */
export const vssOptions: readonly (keyof VssOptions)[] = ['thawAfterMs', ...icOptions];

/**
 * A backup device.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const backup = vss();
 * await using host = await SimulatedHost.start({ devices: [backup] });
 * await backup.ready({ timeoutMs: 60_000 });
 * await backup.hotBackupCheck();
 * {
 *   await using frozen = await backup.freeze({ thawAfterMs: 30_000 });
 *   await copyDisk(); // the guest is thawed at the end of this block, also when this throws
 *   console.log('a clean copy:', frozen.isFrozen);
 * }
 */
export function vss(options: VssOptions = {}): VssProvider {
  return new VssDevice(options);
}

const definition = {
  name: 'vss',
  classGuid: vssClass,
  instanceGuid: vssInstance,
  type: IcType.vss,
  // The only one that Linux knows; freeze and thaw came with it.
  versions: [icVersion(5, 0)],
  silenceHint: 'in the guest: systemctl status hv-vss-daemon',
};
/** A kernel answers with a failure after 30 s; after 15 minutes for a freeze. */
const answerMs = 40_000;
const freezeMs = 910_000;

/** Without a clock: it may have to wait until the guest has answered the freeze. */
const thawRequest: IcRequest<void> = {
  what: 'thaw',
  encode: () => encodeVss({ operation: VssOperation.thaw, flags: 0, details: null }),
  decode: (answer) => checkDone('vss', 'thaw', answer),
  isUrgent: true,
};

/** One freeze, from when it is asked for. */
class Freeze implements FrozenGuest {
  isFrozen = false;
  timer: NodeJS.Timeout | undefined;
  readonly #thaw: (limits?: IcLimits) => Promise<void>;

  constructor(thaw: (limits?: IcLimits) => Promise<void>) {
    this.#thaw = thaw;
  }

  async thaw(limits: IcLimits = {}): Promise<void> {
    if (this.isFrozen) await this.#thaw(limits);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.thaw();
  }
}

class VssDevice extends IcDevice<VssEvent> implements VssProvider {
  readonly #thawAfterMs: number;
  /** Freezes that were sent or are in force, the last one last. */
  readonly #freezes = new Set<Freeze>();
  readonly #onExit = (): void => this.sendLast(thawRequest);

  constructor(options: VssOptions) {
    super(definition, options, vssOptions);
    const { thawAfterMs = 120_000 } = options;
    checkMs(thawAfterMs, 'options.thawAfterMs', 1);
    this.#thawAfterMs = thawAfterMs;
  }

  get isFrozen(): boolean {
    return [...this.#freezes].some((freeze) => freeze.isFrozen);
  }

  async hotBackupCheck(limits: IcLimits = {}): Promise<number> {
    checkIcLimits(limits);
    const body = encodeVss({ operation: VssOperation.hotBackup, flags: 0, details: null });
    return this.request(
      {
        what: 'hot backup check',
        encode: () => body,
        decode: (answer) => {
          checkDone('vss', 'hot backup check', answer);
          return decodeVss(answer.body).flags;
        },
        answerMs,
      },
      limits,
    );
  }

  async freeze(options: FreezeOptions = {}): Promise<FrozenGuest> {
    const { thawAfterMs = this.#thawAfterMs, details = null, ...limits } = checkFreeze(options);
    const body = encodeVss({ operation: VssOperation.freeze, flags: 0, details });
    limits.signal?.throwIfAborted();
    const freeze = new Freeze((thawLimits) => this.thaw(thawLimits));
    let isAsked = false;
    const encode = (): Uint8Array => {
      isAsked = true;
      this.#hold(freeze);
      return body;
    };
    try {
      await this.request(
        { what: 'freeze', encode, decode: (answer) => checkDone('vss', 'freeze', answer), answerMs: freezeMs },
        limits,
      );
    } catch (error) {
      const by = VmbusError.is(error) && error.code === 'ERR_VMBUS_REFUSED' ? 'failed' : 'abandoned';
      if (isAsked) this.#thawAnyway(by, freeze);
      throw error;
    }
    freeze.isFrozen = true;
    freeze.timer = setTimeout(() => this.#thawAnyway('time'), thawAfterMs);
    this.tell({ kind: 'frozen' });
    return freeze;
  }

  async thaw(limits: IcLimits = {}): Promise<void> {
    checkIcLimits(limits);
    await this.request({ ...thawRequest, answerMs }, limits);
    this.#release();
    this.tell({ kind: 'thawed' });
  }

  protected override closed(): void {
    // A guest whose channel closed thaws by itself.
    this.#release();
  }

  protected override withdrawing(): void {
    if (this.#freezes.size > 0) this.sendLast(thawRequest);
  }

  /** Sends a thaw that nobody asked for; before whatever waits. */
  #thawAnyway(by: ThawReason, freeze?: Freeze): void {
    this.request(thawRequest).then(
      () => {
        this.#release();
        this.tell({ kind: 'thawed', by });
      },
      (error: unknown) => {
        if (this.state === 'closed') return;
        // Refused both: nothing is frozen, most likely for want of a daemon.
        if (by === 'failed' && freeze) this.#release([freeze]);
        this.tell({ kind: 'thaw-failed', by, error });
      },
    );
  }

  #hold(freeze: Freeze): void {
    if (this.#freezes.size === 0) process.on('exit', this.#onExit);
    this.#freezes.add(freeze);
  }

  #release(freezes: Iterable<Freeze> = this.#freezes): void {
    for (const freeze of freezes) {
      freeze.isFrozen = false;
      clearTimeout(freeze.timer);
      this.#freezes.delete(freeze);
    }
    if (this.#freezes.size === 0) process.off('exit', this.#onExit);
  }
}

/** @throws TypeError, RangeError */
function checkFreeze(options: FreezeOptions): FreezeOptions {
  checkIcLimits(options, ['thawAfterMs', 'details']);
  const { thawAfterMs, details } = options as FreezeOptions;
  if (thawAfterMs !== undefined) checkMs(thawAfterMs, 'options.thawAfterMs', 1);
  if (details !== undefined) {
    checkObject(details, 'options.details', 'an object');
    checkOptionNames(details, ['backupType', 'flags', 'disks'], 'options.details');
  }
  return options;
}
