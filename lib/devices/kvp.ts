// SPDX-License-Identifier: MIT
//
// The key-value service from the guest's side, in the place of the distribution's daemon: the kernel passes each request of the
// host on to the one process that holds /dev/vmbus/hv_kvp.
// Calls service-device.ts for the device, protocol/kvp-device for bytes. What answers from the pool files: services/kvp/daemon.

import type { CloseReason } from '../channel/types.js';
import { checkLimits, checkObject, checkOptionNames } from '../check.js';
import { invalidType, VmbusError } from '../errors.js';
import { IcStatus } from '../protocol/ic.js';
import {
  decodeKvpDeviceRequest,
  decodeKvpRegistration,
  encodeKvpDeviceReply,
  encodeKvpRegistration,
  type KvpDeviceAnswer,
  type KvpDeviceRequest,
} from '../protocol/kvp-device.js';
import { within } from '../within.js';
import { ServiceDevice, type ServiceState } from './service-device.js';

export type { KvpDeviceAnswer, KvpDeviceRequest } from '../protocol/kvp-device.js';

/** Options of {@link serveKvp}. */
export interface ServeKvpOptions {
  /** Folder that holds `dev/vmbus`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /**
   * Answers a request, one at a time, within 28 s: the kernel gives up after 30. The signal is aborted when nobody waits any
   * more. What it throws is told to `onError`, and the host hears of a failure.
   */
  answer(request: KvpDeviceRequest, signal: AbortSignal): KvpDeviceAnswer | Promise<KvpDeviceAnswer>;
  /** A request that could not be answered, and why; without one it is null: the kernel's message was none. */
  onError?(error: unknown, request: KvpDeviceRequest | null): void;
  /** Told when the service comes (`ready`) and goes (`absent`: the host has switched it off; it is waited for). */
  onState?(state: ServiceState): void;
  /** Ends the service. */
  readonly signal?: AbortSignal;
  /** Wait for a service that is not there yet. Default false. */
  readonly wait?: boolean;
}

/**
 * The key-value service, served by this process.
 * @category Key-value pairs
 */
export interface KvpService extends AsyncDisposable {
  readonly state: ServiceState;
  /** Version of the kernel's side (`3.1`), which hosts are told as IntegrationServicesVersion. */
  readonly kernelVersion: string;
  /** Resolves when the service has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  close(): Promise<void>;
}

/** The kernel answers for us after 30 s, and then drops what we say. */
const answerMs = 28_000;

/**
 * Takes the place of the distribution's daemon on /dev/vmbus/hv_kvp. Until it is closed the host's requests come here.
 * @throws VmbusError ERR_VMBUS_BUSY with `facts.ownerPid` (the daemon runs), ERR_VMBUS_NO_DEVICE, ERR_VMBUS_PERMISSION, _TIMEOUT,
 * _PROTOCOL, _SYSTEM; TypeError; the signal's reason
 * @example
 * await using service = await serveKvp({
 *   answer: (request) => {
 *     if (request.kind === 'enumerate' && request.index === 0) return { status: 0, entry: { key: 'phase', value: 'ready' } };
 *     return { status: IcStatus.noMoreItems };
 *   },
 * });
 * await service.closed;
 * @category Key-value pairs
 */
export async function serveKvp(options: ServeKvpOptions): Promise<KvpService> {
  checkObject(options, 'options', 'an object with answer');
  checkOptionNames(options, ['root', 'answer', 'onError', 'onState', 'signal', 'wait']);
  checkLimits({ signal: options.signal });
  for (const name of ['answer', 'onError', 'onState'] as const) {
    const value: unknown = options[name];
    if (typeof value !== 'function' && (name === 'answer' || value !== undefined))
      throw invalidType(`options.${name}`, 'a function', value);
  }
  let kernelVersion = '';
  const device = await ServiceDevice.open({
    dialect: {
      name: 'kvp',
      node: 'hv_kvp',
      daemon: 'hv-kvp-daemon',
      registration: encodeKvpRegistration(),
      checkRegistered: (message) => {
        kernelVersion = decodeKvpRegistration(message);
      },
    },
    handlers: {
      answer: (message, signal) => answerMessage(message, signal, options),
      onState: (state) => options.onState?.(state),
    },
    ...(options.root === undefined ? {} : { root: options.root }),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.wait === undefined ? {} : { wait: options.wait }),
  });
  return {
    get state() {
      return device.state;
    },
    get kernelVersion() {
      return kernelVersion;
    },
    closed: device.closed,
    close: () => device.close(),
    [Symbol.asyncDispose]: () => device.close(),
  };
}

async function answerMessage(message: Uint8Array, signal: AbortSignal, options: ServeKvpOptions): Promise<Uint8Array> {
  let request: KvpDeviceRequest | null = null;
  try {
    const asked = decodeKvpDeviceRequest(message);
    request = asked;
    const answer = await within(
      { signal, timeoutMs: answerMs },
      (inner) => options.answer(asked, inner),
      () => lateError(asked),
    );
    return encodeKvpDeviceReply(message, answer);
  } catch (error) {
    if (!signal.aborted) options.onError?.(error, request);
    return encodeKvpDeviceReply(message, { status: IcStatus.failed });
  }
}

function lateError({ kind }: KvpDeviceRequest): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', `${kind} was not answered in ${answerMs} ms, and the kernel waits 30 s`, {
    hint: 'the host was told that it failed',
  });
}
