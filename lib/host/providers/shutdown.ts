// SPDX-License-Identifier: MIT
//
// The shutdown service: asks the guest to power off, to restart or to hibernate. It answers first and acts afterwards.
// Called by: scripts, by-name.ts. Frame and openings: ic-device.ts; bytes: protocol/shutdown.ts.

import { checkFlag } from '../../check.js';
import { VmbusError } from '../../errors.js';
import { IcType, icVersion, icVersionName } from '../../protocol/ic.js';
import {
  encodeShutdown,
  plannedReason,
  ShutdownFlag,
  shutdownClass,
  shutdownInstance,
} from '../../protocol/shutdown.js';
import { checkIcLimits, IcDevice, type IcLimits, type IcOptions, type IcProvider, icOptions } from './ic-device.js';

/** Options of {@link shutdown}. */
export type ShutdownOptions = IcOptions;

/** What goes with a request to shut down. */
export interface ShutdownWish extends IcLimits {
  /** Do not wait for applications. Default false. */
  readonly force?: boolean;
  /** Default 0x80000000: planned. */
  readonly reason?: number;
  /** How long the guest may take to get ready. Linux does not look at it. Default 0. */
  readonly timeoutSeconds?: number;
  /** For whoever is logged in; at most 1023 UTF-16 units. Linux does not show it. Default empty. */
  readonly text?: string;
}

/** A shutdown device. Each request resolves with the status that the guest answers, see `IcStatus`: 0 = it is about to obey. */
export interface ShutdownProvider extends IcProvider<never> {
  /** @throws VmbusError ERR_VMBUS_CLOSED, _RESCINDED, _UNSUPPORTED, _TIMEOUT, _PROTOCOL; the signal's reason; TypeError, RangeError */
  shutdown(wish?: ShutdownWish): Promise<number>;
  /** @throws as {@link shutdown} */
  restart(wish?: ShutdownWish): Promise<number>;
  /** Needs version 3.2. Linux refuses where the platform cannot. @throws as {@link shutdown} */
  hibernate(wish?: ShutdownWish): Promise<number>;
}

/** Names of the options of {@link shutdown}. */
export const shutdownOptions: readonly (keyof ShutdownOptions)[] = icOptions;

/**
 * A shutdown device.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const power = shutdown();
 * await using host = await SimulatedHost.start({ devices: [power] });
 * await power.ready({ timeoutMs: 60_000 });
 * const status = await power.restart({ text: 'new kernel', timeoutMs: 10_000 });
 * console.log(status === IcStatus.done ? 'the guest restarts' : icStatusName(status));
 */
export function shutdown(options: ShutdownOptions = {}): ShutdownProvider {
  return new ShutdownDevice(definition, options, shutdownOptions);
}

const hibernateVersion = icVersion(3, 2);
const definition = {
  name: 'shutdown',
  classGuid: shutdownClass,
  instanceGuid: shutdownInstance,
  type: IcType.shutdown,
  versions: [icVersion(1, 0), icVersion(3, 0), icVersion(3, 1), hibernateVersion],
  silenceHint: 'in the guest: ls /sys/bus/vmbus/drivers/hv_utils',
};
const answerMs = 30_000;

class ShutdownDevice extends IcDevice<never> implements ShutdownProvider {
  shutdown(wish: ShutdownWish = {}): Promise<number> {
    return this.#ask('shutdown', 0, wish);
  }

  restart(wish: ShutdownWish = {}): Promise<number> {
    return this.#ask('restart', ShutdownFlag.restart, wish);
  }

  hibernate(wish: ShutdownWish = {}): Promise<number> {
    return this.#ask('hibernation', ShutdownFlag.hibernate, wish);
  }

  async #ask(what: string, action: number, wish: ShutdownWish): Promise<number> {
    checkIcLimits(wish, ['force', 'reason', 'timeoutSeconds', 'text']);
    const { force, reason = plannedReason, timeoutSeconds = 0, text = '', ...limits } = wish;
    checkFlag(force, 'options.force');
    const flags = action | (force ? ShutdownFlag.force : 0);
    const body = encodeShutdown({ reason, timeoutSeconds, flags, text });
    const encode = (version: number): Uint8Array => {
      if (action === ShutdownFlag.hibernate && version < hibernateVersion) throw tooOld(version);
      return body;
    };
    return this.request({ what, encode, decode: ({ status }) => status, answerMs }, limits);
  }
}

function tooOld(version: number): VmbusError {
  const name = icVersionName(version);
  return new VmbusError('ERR_VMBUS_UNSUPPORTED', `shutdown: a guest of version ${name} knows no hibernation`, {
    facts: { service: 'shutdown', version: name },
    hint: 'shut it down instead, or give it a kernel that agrees on 3.2',
  });
}
