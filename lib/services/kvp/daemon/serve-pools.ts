// SPDX-License-Identifier: MIT
//
// A whole replacement of the distribution's key-value daemon: the same pool files with both kinds of locks, the guest's facts,
// the addresses of its network adapters.
// Called by scripts and `hv kvp serve`. Calls devices/kvp.ts for the device, pool.ts for the files.
// Source of what hosts expect: tools/hv/hv_kvp_daemon.c.

import { resolveRoot } from '../../../bus/root.js';
import { checkLimits, checkObject, checkOptionNames } from '../../../check.js';
import { type KvpService, serveKvp } from '../../../devices/kvp.js';
import { invalidType, VmbusError } from '../../../errors.js';
import { IcStatus } from '../../../protocol/ic.js';
import { KvpPool as PoolNumber } from '../../../protocol/kvp.js';
import type { KvpDeviceAnswer, KvpDeviceRequest } from '../../../protocol/kvp-device.js';
import { kvpPoolNames, openKvpPool } from '../open-pool.js';
import type { KvpPool } from '../types.js';
import { autoValues } from './auto-values.js';
import { findInterface, readIpInfo } from './ip-info.js';
import type { ServeKvpPoolsOptions } from './types.js';

/**
 * Serves the pool files to the host in the place of the distribution's daemon, which must be stopped; programs that use the files
 * beside it go on as they are.
 * @throws as {@link serveKvp}; ERR_VMBUS_SYSTEM where the files can't be made
 * @example
 * await using service = await serveKvpPools({ wait: true });
 * await service.closed;
 * @category Key-value pairs
 */
export async function serveKvpPools(options: ServeKvpPoolsOptions = {}): Promise<KvpService> {
  checkObject(options, 'options', 'an object');
  checkOptionNames(options, ['root', 'signal', 'wait', 'setIpInfo', 'onRequest', 'onState']);
  checkLimits({ signal: options.signal });
  for (const name of ['setIpInfo', 'onRequest', 'onState'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'function') throw invalidType(`options.${name}`, 'a function', value);
  }
  const root = resolveRoot(options.root);
  const pools: KvpPool[] = [];
  for (const name of kvpPoolNames) pools.push(await openKvpPool(name, { root, create: true }));
  const closePools = async (): Promise<void> => {
    for (const pool of pools) await pool.close();
  };
  const { signal, wait } = options;
  const served = new PoolServer(root, pools, options);
  try {
    const service = await serveKvp({
      root,
      answer: (request, abort) => served.answer(request, abort),
      onError: (error, request) => options.onRequest?.({ request, status: IcStatus.failed, error }),
      onState: (state) => options.onState?.(state),
      ...(signal ? { signal } : {}),
      ...(wait === undefined ? {} : { wait }),
    });
    served.kernelVersion = () => service.kernelVersion;
    void service.closed.then(closePools);
    return service;
  } catch (error) {
    await closePools();
    throw error;
  }
}

/** Answers from the pools. */
class PoolServer {
  kernelVersion: () => string = () => '';
  readonly #root: string;
  readonly #pools: readonly KvpPool[];
  readonly #options: ServeKvpPoolsOptions;

  constructor(root: string, pools: readonly KvpPool[], options: ServeKvpPoolsOptions) {
    this.#root = root;
    this.#pools = pools;
    this.#options = options;
  }

  async answer(request: KvpDeviceRequest, signal: AbortSignal): Promise<KvpDeviceAnswer> {
    const answer = await this.#answerTo(request, signal);
    this.#options.onRequest?.({ request, status: answer.status, error: null });
    return answer;
  }

  async #answerTo(request: KvpDeviceRequest, signal: AbortSignal): Promise<KvpDeviceAnswer> {
    switch (request.kind) {
      case 'get': {
        const value =
          request.pool === PoolNumber.auto ? this.#auto(request.key) : await this.#pool(request.pool).get(request.key);
        return value === null ? nothing : { status: 0, entry: { key: request.key, value } };
      }
      case 'set':
        await this.#pool(request.pool).set(request.key, request.value);
        return done;
      case 'delete': {
        const { deleted } = await this.#pool(request.pool).delete(request.key);
        return deleted.length > 0 ? done : nothing;
      }
      case 'enumerate': {
        const entry = (await this.#entries(request.pool))[request.index];
        return entry ? { status: 0, entry } : nothing;
      }
      case 'getIpInfo': {
        const name = findInterface(this.#root, request.adapterId, 'guid-or-mac');
        if (name === null) return notFound;
        return { status: 0, info: readIpInfo(this.#root, name, request.adapterId, request.family) };
      }
      case 'setIpInfo': {
        const name = findInterface(this.#root, request.info.adapterId, 'guid');
        if (name === null) return notFound;
        if (!this.#options.setIpInfo) return { status: IcStatus.notSupported };
        await this.#options.setIpInfo({ interface: name, info: request.info }, signal);
        return done;
      }
      default:
        return request satisfies never;
    }
  }

  async #entries(pool: number): Promise<readonly { readonly key: string; readonly value: string }[]> {
    if (pool === PoolNumber.auto) return autoValues(this.#root, this.kernelVersion());
    return this.#pool(pool).entries();
  }

  #auto(key: string): string | null {
    return autoValues(this.#root, this.kernelVersion()).find((entry) => entry.key === key)?.value ?? null;
  }

  #pool(number: number): KvpPool {
    const pool = this.#pools[number];
    if (!pool) throw new VmbusError('ERR_VMBUS_NO_POOL', `there is no pool ${number}`, { facts: { pool: number } });
    return pool;
  }
}

const done: KvpDeviceAnswer = { status: IcStatus.done };
const nothing: KvpDeviceAnswer = { status: IcStatus.noMoreItems };
const notFound: KvpDeviceAnswer = { status: IcStatus.notFound };
