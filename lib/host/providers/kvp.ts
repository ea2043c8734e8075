// SPDX-License-Identifier: MIT
//
// The key-value service (data exchange): reads and writes the guest's pools, and the addresses of its network adapters.
// Called by: scripts, by-name.ts. Frame and openings: ic-device.ts; bytes: protocol/kvp.ts.
//
// Linux answers through hv_kvp_daemon. Without it the guest does not even agree on versions; with it an answer takes at most
// 30 s, then the kernel answers with a failure. Host and guest are used to this: the host sets and deletes in the pool
// `external`, and enumerates `guest` and `auto`.

import { checkObject } from '../../check.js';
import { invalidType, VmbusError } from '../../errors.js';
import { IcStatus, IcType, icVersion } from '../../protocol/ic.js';
import {
  decodeKvpIpReply,
  decodeKvpItemReply,
  encodeKvpRequest,
  KvpPool,
  type KvpPoolName,
  type KvpRequest,
  kvpClass,
  kvpInstance,
} from '../../protocol/kvp.js';
import type { IpFamily, KvpIpInfo } from '../../protocol/kvp-ip-info.js';
import { type KvpItem, kvpItem } from '../../protocol/kvp-value.js';
import { protocolViolation } from '../../protocol/wire-fields.js';
import { checkIcLimits, IcDevice, type IcLimits, type IcOptions, type IcProvider, icOptions } from './ic-device.js';
import { checkDone } from './ic-errors.js';
import type { IcAnswer } from './ic-pending.js';

/** Options of {@link kvp}. */
export interface KvpOptions extends IcOptions {
  /** Keys that the host sets in the pool `external` whenever versions were agreed on: texts, or numbers of 32 bits. */
  readonly values?: Readonly<Record<string, string | number>>;
}

export type { KvpPoolName } from '../../protocol/kvp.js';

/** Which pool, and how long to wait. */
export interface KvpPlace extends IcLimits {
  /** Default `external`. */
  readonly pool?: KvpPoolName;
}

/** What a key-value device tells, besides its states. */
export type KvpEvent =
  /** The guest took the `values` of the options. */
  | { readonly kind: 'set'; readonly keys: readonly string[] }
  /** The guest answered one of them with a failure. */
  | { readonly kind: 'refused'; readonly error: VmbusError };

/**
 * A key-value device. Its requests fail with VmbusError ERR_VMBUS_REFUSED, _CLOSED, _RESCINDED, _UNSUPPORTED, _TIMEOUT,
 * _PROTOCOL or the signal's reason; with TypeError or RangeError for what fits no message.
 */
export interface KvpProvider extends IcProvider<KvpEvent> {
  /** Sets a key. Numbers have 32 bits, bigints 64: Linux takes those as empty texts. */
  set(key: string, value: string | number | bigint, place?: KvpPlace): Promise<void>;
  /**
   * The value of a key; null where the guest has none. From Linux it is always empty: the kernel takes it from the wrong place
   * of its daemon's answer. Hosts enumerate instead.
   */
  get(key: string, place?: KvpPlace): Promise<string | number | bigint | null>;
  /** Deletes a key. False where the guest had none. */
  delete(key: string, place?: KvpPlace): Promise<boolean>;
  /** Every item of a pool, in the guest's order, one request each. Fails when there are more than 4096. */
  enumerate(pool: KvpPoolName, limits?: IcLimits): Promise<readonly KvpItem[]>;
  /**
   * Addresses of a network adapter. Linux's daemon finds it by its MAC address in upper case, with colons; its answers need the
   * daemon's helper scripts.
   */
  getIpInfo(adapterId: string, options?: IcLimits & { readonly family?: IpFamily }): Promise<KvpIpInfo>;
  /** Sets addresses of a network adapter, which Linux finds by its instance GUID in braces. */
  setIpInfo(info: KvpIpInfo, limits?: IcLimits): Promise<void>;
}

/** Names of the options of {@link kvp}. */
export const kvpOptions: readonly (keyof KvpOptions)[] = ['values', ...icOptions];

/**
 * A key-value device.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const pairs = kvp({ values: { HostingSystem: 'laptop' } });
 * await using host = await SimulatedHost.start({ devices: [pairs] });
 * await pairs.ready({ timeoutMs: 60_000 });
 * await pairs.set('greeting', 'hello from the host');
 * for (const { key, value } of await pairs.enumerate('auto')) console.log(`${key}: ${value}`);
 * const { addresses } = await pairs.getIpInfo('00:15:5D:00:00:01', { family: 'both' });
 */
export function kvp(options: KvpOptions = {}): KvpProvider {
  return new KvpDevice(options);
}

const definition = {
  name: 'kvp',
  classGuid: kvpClass,
  instanceGuid: kvpInstance,
  type: IcType.kvp,
  versions: [icVersion(3, 0), icVersion(4, 0), icVersion(5, 0)],
  silenceHint: 'in the guest: systemctl status hv-kvp-daemon (its kernel is silent until that daemon runs)',
};
/** A kernel answers with a failure after 30 s. */
const answerMs = 40_000;
const mostItems = 4096;

class KvpDevice extends IcDevice<KvpEvent> implements KvpProvider {
  readonly #values: readonly KvpItem[];

  constructor(options: KvpOptions) {
    super(definition, options, kvpOptions);
    const { values = {} } = options;
    checkObject(values, 'options.values', 'an object of texts and numbers');
    this.#values = Object.entries(values).map(([key, value]) => kvpItem(key, value));
    for (const item of this.#values) encodeKvpRequest({ kind: 'set', pool: KvpPool.external, item }, 0);
  }

  async set(key: string, value: string | number | bigint, place: KvpPlace = {}): Promise<void> {
    const { pool, limits } = placeOf(place);
    await this.#done({ kind: 'set', pool, item: kvpItem(key, value) }, limits);
  }

  async get(key: string, place: KvpPlace = {}): Promise<string | number | bigint | null> {
    const { pool, limits } = placeOf(place);
    return this.#ask({ kind: 'get', pool, key }, limits, (answer) => itemOf(answer, 'get')?.value ?? null);
  }

  async delete(key: string, place: KvpPlace = {}): Promise<boolean> {
    const { pool, limits } = placeOf(place);
    return this.#ask({ kind: 'delete', pool, key }, limits, (answer) => !isAbsent(answer, 'delete'));
  }

  async enumerate(poolName: KvpPoolName, limits: IcLimits = {}): Promise<readonly KvpItem[]> {
    checkIcLimits(limits);
    const pool = poolNumber(poolName);
    const items: KvpItem[] = [];
    while (items.length <= mostItems) {
      const request: KvpRequest = { kind: 'enumerate', pool, index: items.length };
      const item = await this.#ask(request, limits, (answer) => itemOf(answer, 'enumerate'));
      if (item === null) return items;
      items.push(item);
    }
    throw protocolViolation('kvp', `the pool ${poolName} does not end after ${mostItems} items`, { pool: poolName });
  }

  async getIpInfo(
    adapterId: string,
    { family = 'both', ...limits }: IcLimits & { readonly family?: IpFamily } = {},
  ): Promise<KvpIpInfo> {
    checkIcLimits(limits);
    return this.#ask({ kind: 'getIpInfo', adapterId, family }, limits, (answer) => {
      checkDone('kvp', 'getIpInfo', answer);
      return decodeKvpIpReply(answer.body, answer.version);
    });
  }

  async setIpInfo(info: KvpIpInfo, limits: IcLimits = {}): Promise<void> {
    checkIcLimits(limits);
    checkObject(info, 'info', 'an object with adapterId, addresses, …');
    await this.#done({ kind: 'setIpInfo', info }, limits);
  }

  protected override async whileReady(signal: AbortSignal): Promise<void> {
    for (const item of this.#values) {
      try {
        await this.#done({ kind: 'set', pool: KvpPool.external, item }, { signal });
      } catch (error) {
        if (signal.aborted || !VmbusError.is(error)) throw error;
        this.tell({ kind: 'refused', error });
      }
    }
    if (this.#values.length > 0) this.tell({ kind: 'set', keys: this.#values.map(({ key }) => key) });
  }

  async #done(request: KvpRequest, limits: IcLimits): Promise<void> {
    await this.#ask(request, limits, (answer) => checkDone('kvp', request.kind, answer));
  }

  async #ask<T>(request: KvpRequest, limits: IcLimits, decode: (answer: IcAnswer) => T): Promise<T> {
    // What fits no message in any version is refused now, not when its turn comes.
    encodeKvpRequest(request, 0);
    const encode = (version: number): Uint8Array => encodeKvpRequest(request, version);
    return this.request({ what: request.kind, encode, decode, answerMs }, limits);
  }
}

/** The item in an answer; null where the guest has none. */
function itemOf(answer: IcAnswer, what: string): KvpItem | null {
  return isAbsent(answer, what) ? null : decodeKvpItemReply(answer.body);
}

/** @throws VmbusError ERR_VMBUS_REFUSED for any other failure than that there is nothing */
function isAbsent(answer: IcAnswer, what: string): boolean {
  if (answer.status === IcStatus.noMoreItems) return true;
  checkDone('kvp', what, answer);
  return false;
}

function placeOf(place: KvpPlace): { readonly pool: number; readonly limits: IcLimits } {
  checkIcLimits(place, ['pool']);
  const { pool = 'external', ...limits } = place as KvpPlace;
  return { pool: poolNumber(pool), limits };
}

function poolNumber(pool: KvpPoolName): number {
  if (typeof pool === 'string' && Object.hasOwn(KvpPool, pool)) return KvpPool[pool];
  throw invalidType('pool', `one of ${Object.keys(KvpPool).join(', ')}`, pool);
}
