// SPDX-License-Identifier: MIT
//
// The backup service of the kernel, /dev/vmbus/hv_vss, in the place of the distribution's daemon: the host asks to freeze and to
// thaw, a script does it.
// Called by: scripts, services/backup. Calls service-device.ts; bytes: protocol/vss-device.ts.
//
// Whatever was begun to be frozen is thawed, once, after the freeze has come to its end: when the host asks for it, when the
// freeze failed, when its answer was too late for the host, when the service goes away, when the script ends.

import type { CloseReason } from '../channel/types.js';
import { checkFlag, checkLimits, checkObject, checkOptionNames, checkText } from '../check.js';
import { invalidType } from '../errors.js';
import { VssOperation } from '../protocol/vss.js';
import {
  checkVssRegistered,
  decodeVssDeviceRequest,
  encodeVssDeviceAnswer,
  VssDeviceError,
  vssRegistration,
} from '../protocol/vss-device.js';
import type { ServiceDialect, ServiceState } from './service-device/types.js';
import { ServiceDevice } from './service-device.js';

/**
 * Why something is thawed. `asked`: the host wants it. `failed`: the freeze was not done. `late`: it took longer than the host
 * waits. `gone`: the host has switched the service off, or the machine was hibernated. `closed`: the script ends.
 */
export type VssThawReason = 'asked' | 'failed' | 'late' | 'gone' | 'closed';

/** What serves backups. An error thrown by one of them is told to the host as a failure. */
export interface VssHandlers {
  /** Whether the machine can be backed up while it runs. Left out: it can. */
  hotBackupCheck?(call: { readonly signal: AbortSignal }): void | Promise<void>;
  /**
   * Brings everything to rest. The signal is aborted when nobody waits for it any more; it should come to its end then. It has
   * 15 minutes, though a host gives up long before.
   */
  freeze(call: { readonly signal: AbortSignal }): void | Promise<void>;
  /** Wakes everything up again. Called once for each call of `freeze`, when that has come to its end. It has 30 seconds. */
  thaw(call: { readonly reason: VssThawReason }): void | Promise<void>;
  /** Told of each state but the first. */
  onState?(state: ServiceState): void;
  /** An error of one of the others; without this it is known to the host alone. */
  onError?(error: unknown): void;
}

/** Options of {@link serveVss}. */
export interface ServeVssOptions extends VssHandlers {
  /** Folder that holds `dev/`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** Ends the service. */
  readonly signal?: AbortSignal;
  /** Wait for a host that has the service switched off, or a driver that is not loaded yet. Default false. */
  readonly wait?: boolean;
}

/** A backup service that a script serves. */
export interface VssService extends AsyncDisposable {
  readonly state: ServiceState;
  /** Whether something was begun to be frozen, and is not thawed yet. */
  readonly isHeld: boolean;
  /** Resolves when the service has ended and everything is thawed. Never rejects. */
  readonly closed: Promise<CloseReason>;
  /** Thaws, and ends the service. Safe to call twice. */
  close(): Promise<void>;
}

const dialect: ServiceDialect = {
  name: 'vss',
  node: 'hv_vss',
  daemon: 'hv-vss-daemon',
  registration: vssRegistration,
  checkRegistered: checkVssRegistered,
};

/** Names of the options of {@link serveVss}. */
const optionNames: readonly (keyof ServeVssOptions)[] = [
  ...(['root', 'signal', 'wait', 'hotBackupCheck', 'freeze', 'thaw', 'onState', 'onError'] as const),
];

/**
 * Serves the host's backups in the place of the distribution's daemon; resolves when requests can come. What is frozen is up to
 * the handlers: `serveBackup` freezes file systems as well.
 * @throws VmbusError ERR_VMBUS_BUSY (naming who has the device), ERR_VMBUS_NO_DEVICE, ERR_VMBUS_PERMISSION; TypeError
 * @example
 * await using service = await serveVss({
 *   freeze: () => database.flushAndLock(),
 *   thaw: ({ reason }) => database.unlock(reason),
 * });
 * await service.closed;
 * @category Backup
 */
export async function serveVss(options: ServeVssOptions): Promise<VssService> {
  checkOptionNames(options, optionNames);
  checkObject(options, 'options', 'an object');
  checkLimits(options);
  checkText(options.root, 'options.root');
  checkFlag(options.wait, 'options.wait');
  for (const name of ['freeze', 'thaw'] as const)
    if (typeof options[name] !== 'function') throw invalidType(`options.${name}`, 'a function', options[name]);
  return Vss.open(options);
}

class Vss implements VssService {
  readonly closed: Promise<CloseReason>;
  readonly #handlers: VssHandlers;
  readonly #device: ServiceDevice;
  #isHeld = false;
  /** The freeze that runs or ran last. Never rejects. */
  #freezing: Promise<void> = Promise.resolve();
  /** The thaw that runs. */
  #thawing: Promise<boolean> = Promise.resolve(true);

  private constructor(handlers: VssHandlers, device: ServiceDevice) {
    this.#handlers = handlers;
    this.#device = device;
    this.closed = device.closed.then(async (reason) => {
      await this.#release('closed');
      await this.#thawing;
      return reason;
    });
  }

  static async open({ root, signal, wait, ...handlers }: ServeVssOptions): Promise<Vss> {
    let served: Vss | null = null;
    const device = await ServiceDevice.open({
      dialect,
      ...(root === undefined ? {} : { root }),
      ...(signal === undefined ? {} : { signal }),
      ...(wait === undefined ? {} : { wait }),
      handlers: {
        // Before `served` is set the kernel has answered the registration at most.
        answer: (message, answerSignal) => served?.answer(message, answerSignal) ?? failure,
        onState: (state) => {
          if (state === 'absent') served?.onGone();
          handlers.onState?.(state);
        },
        onLate: (message) => served?.onLate(message),
      },
    });
    served = new Vss(handlers, device);
    return served;
  }

  get state(): ServiceState {
    return this.#device.state;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  async close(): Promise<void> {
    await this.#device.close();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async answer(message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { operation } = decodeVssDeviceRequest(message);
    switch (operation) {
      case VssOperation.hotBackup:
        return answerOf(await this.#try(() => this.#handlers.hotBackupCheck?.({ signal })));
      case VssOperation.freeze:
        return answerOf(await this.#freeze(signal));
      case VssOperation.thaw:
        return answerOf(await this.#release('asked'));
      default:
        return failure;
    }
  }

  /** The host has given up before the answer came. */
  onLate(message: Uint8Array): void {
    if (decodeVssDeviceRequest(message).operation === VssOperation.freeze) void this.#release('late');
  }

  onGone(): void {
    void this.#release('gone');
  }

  async #freeze(signal: AbortSignal): Promise<boolean> {
    // A host that has lost its place may freeze twice.
    await this.#release('asked');
    // Several may have waited for that; of them the last one counts.
    if (signal.aborted) return false;
    this.#isHeld = true;
    const run = this.#try(() => this.#handlers.freeze({ signal }));
    this.#freezing = run.then(() => undefined);
    const isDone = await run;
    if (isDone && !signal.aborted) return true;
    await this.#release(isDone ? 'late' : 'failed');
    return false;
  }

  /**
   * Thaws what is held. Answers whether that went well; so it did where there is nothing to thaw. A failure is told once: a host
   * that asks again is told how it is now.
   */
  #release(reason: VssThawReason): Promise<boolean> {
    if (!this.#isHeld) return this.#thawing;
    this.#isHeld = false;
    const thawing = this.#freezing.then(() => this.#try(() => this.#handlers.thaw({ reason })));
    this.#thawing = thawing;
    void thawing.then(() => {
      if (this.#thawing === thawing) this.#thawing = Promise.resolve(true);
    });
    return thawing;
  }

  async #try(action: () => unknown): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      this.#handlers.onError?.(error);
      return false;
    }
  }
}

const failure = encodeVssDeviceAnswer(VssDeviceError.fail);
const success = encodeVssDeviceAnswer(VssDeviceError.none);
const answerOf = (isDone: boolean): Uint8Array => (isDone ? success : failure);
