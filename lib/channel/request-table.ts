// SPDX-License-Identifier: MIT
//
// The requests that wait for a completion, by transaction id. Ids that come back are looked up here and nowhere else:
// the host can answer a request that waits, once, and nothing more.
// Called by: channel-core.ts (issue, add), inbox.ts (settle).

import { randomInt } from 'node:crypto';
import { packetAt } from './packet.js';
import type { Store } from './store.js';
import type { Packet } from './types.js';

/** One request that waits. Called once, either way. */
export interface PendingRequest {
  complete(packet: Packet): void;
  fail(error: unknown): void;
}

const highLimit = 2 ** 20;
const lowLimit = 2 ** 32;

/**
 * Ids are odd numbers below 2^52, counted up from a random start: never 0, which means "unsolicited", unlikely to meet the
 * ids a script chooses for itself, and exact as a JavaScript number, so that a lookup makes no bigint.
 */
export class RequestTable {
  readonly #pending = new Map<number, PendingRequest>();
  readonly #first: number;
  #next: number;
  #unexpected = 0;

  /** @param first For tests: the first id. */
  constructor(first: number = randomInt(2 ** 47) * 2 + 1) {
    this.#first = first;
    this.#next = first;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** True once an id was given out: from then on completions may be ours. */
  get isUsed(): boolean {
    return this.#next !== this.#first;
  }

  /** Completions that came twice, or too late. */
  get unexpected(): number {
    return this.#unexpected;
  }

  /** A fresh id. It starts below 2^48 and there is no end to reach before 2^52: that is 2^50 requests away. */
  issue(): number {
    const id = this.#next;
    this.#next = id + 2;
    return id;
  }

  add(id: number, request: PendingRequest): void {
    this.#pending.set(id, request);
  }

  /** The request is not waited for any more: given up or failed. */
  remove(id: number): void {
    this.#pending.delete(id);
  }

  has(low: number, high: number): boolean {
    return this.#pending.has(idOf(low, high));
  }

  /** Takes a completion that answers one of our requests, or did once. False: it is a packet like any other. */
  settle(store: Store, row: number): boolean {
    const id = idOf(store.idLow(row), store.idHigh(row));
    const request = this.#pending.get(id);
    if (request !== undefined) {
      this.#pending.delete(id);
      request.complete(packetAt(store, row));
      return true;
    }
    if (!this.#wasIssued(id)) return false;
    this.#unexpected += 1;
    return true;
  }

  /** Ends all of them. */
  failAll(error: unknown): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const request of all) request.fail(error);
  }

  #wasIssued(id: number): boolean {
    return id % 2 === 1 && id >= this.#first && id < this.#next;
  }
}

/** Low word of one of our ids, signed. */
export function requestLow(id: number): number {
  return id | 0;
}

/** High word of one of our ids. */
export function requestHigh(id: number): number {
  return Math.floor(id / lowLimit);
}

/** The number of two words; NaN for ids beyond ours, which no table holds. */
function idOf(low: number, high: number): number {
  const upper = high >>> 0;
  return upper < highLimit ? upper * lowLimit + (low >>> 0) : Number.NaN;
}
