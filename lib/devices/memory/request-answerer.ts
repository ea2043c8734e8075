// SPDX-License-Identifier: MIT
//
// Answers the host's requests by the script's handlers. What the host says is checked before a handler sees it, and what a
// handler says is checked before the host sees it. One request at a time: the next one waits in the ring.
// Called by memory.ts. Source: the message loop of drivers/hv/hv_balloon.c of the Linux kernel.

import { invalidType, outOfRange } from '../../errors.js';
import type { Feed } from '../../feed.js';
import type {
  BalloonRequest,
  HotAddRequest,
  MemoryGuestMessage,
  MemoryHostMessage,
  PageRange,
  UnballoonRequest,
} from '../../protocol/dynamic-memory.js';
import {
  infoMaxPageCount,
  maxPageNumber,
  maxRangesPerMessage,
  memoryPageBytes,
} from '../../protocol/dynamic-memory.js';
import { checkGiven, type MemorySettings } from './arguments.js';
import type { GreetingWire } from './greeting.js';
import { PageSet } from './page-set.js';
import type { MemoryRequest } from './types.js';

type Request = Exclude<MemoryHostMessage, { kind: 'versionResponse' | 'capabilitiesResponse' }>;

/** Answers requests, and knows which pages are away. */
export class RequestAnswerer {
  /** Pages that the host holds. */
  readonly given: PageSet = new PageSet();
  readonly counts = { requests: 0, ignoredMessages: 0, ignoredPages: 0, abandonedSequences: 0 };
  /** The most pages this machine can have, as the host said. */
  maxPages: number | null = null;
  readonly #wire: GreetingWire;
  readonly #settings: MemorySettings;
  readonly #feed: Feed<MemoryRequest>;
  readonly #stop: AbortSignal;
  #sequenceTimer: NodeJS.Timeout | undefined;

  constructor(wire: GreetingWire, settings: MemorySettings, feed: Feed<MemoryRequest>, stop: AbortSignal) {
    this.#wire = wire;
    this.#settings = settings;
    this.#feed = feed;
    this.#stop = stop;
    stop.addEventListener('abort', () => clearTimeout(this.#sequenceTimer), { once: true });
  }

  /** @throws what a handler throws, or the error for what it answered; the host has been told "nothing" then */
  async answer(request: Request): Promise<void> {
    this.counts.requests += 1;
    switch (request.kind) {
      case 'balloonRequest':
        return this.#balloon(request);
      case 'unballoonRequest':
        return this.#unballoon(request);
      case 'hotAddRequest':
        return this.#hotAdd(request);
      case 'info': {
        const pages = infoMaxPageCount(request);
        if (pages !== null) this.maxPages = Number(pages);
        this.#feed.push({ kind: 'info', maxPages: pages === null ? null : Number(pages) });
        return;
      }
      case 'hotRemoveRequest':
        // Never announced as a capability, so never due. No guest that is known answers it.
        this.counts.ignoredMessages += 1;
        return;
      default:
        request satisfies never;
    }
  }

  async #balloon({ pageCount }: BalloonRequest): Promise<void> {
    let ranges: PageRange[] = [];
    try {
      ranges = await this.#askForPages(pageCount);
    } catch (error) {
      if (!this.#stop.aborted) await this.#respond([]);
      throw error;
    }
    if (this.#stop.aborted) {
      for (const range of ranges) this.given.take(range);
      return;
    }
    await this.#respond(ranges);
    this.#feed.push({ kind: 'balloon', askedPages: pageCount, givenPages: count(ranges) });
  }

  async #askForPages(pageCount: number): Promise<PageRange[]> {
    const { onBalloon } = this.#settings;
    if (onBalloon === undefined || pageCount === 0) return [];
    const ask = { pageCount, sizeBytes: pageCount * memoryPageBytes, signal: this.#stop };
    const ranges = checkGiven(await this.#unlessStopped(onBalloon(ask)), pageCount);
    for (const [i, range] of ranges.entries()) {
      if (this.given.add(range)) continue;
      for (const added of ranges.slice(0, i)) this.given.take(added);
      throw outOfRange(
        `onBalloon answer[${i}]`,
        'pages that are not given already',
        `${range.firstPage} + ${range.pageCount}`,
      );
    }
    return ranges;
  }

  /** One message for every 510 ranges; all but the last say that more will come. */
  async #respond(ranges: readonly PageRange[]): Promise<void> {
    let first = 0;
    do {
      const part = ranges.slice(first, first + maxRangesPerMessage);
      first += part.length;
      await this.#send({
        kind: 'balloonResponse',
        transactionId: this.#wire.nextId(),
        moreToCome: first < ranges.length,
        ranges: part,
      });
    } while (first < ranges.length);
  }

  async #unballoon({ ranges, moreToCome }: UnballoonRequest): Promise<void> {
    clearTimeout(this.#sequenceTimer);
    const returned = ranges.flatMap((range) => this.given.take(range));
    const askedPages = count(ranges);
    const returnedPages = count(returned);
    this.counts.ignoredPages += askedPages - returnedPages;
    if (returned.length > 0)
      await this.#unlessStopped(this.#settings.onUnballoon?.({ ranges: returned, signal: this.#stop }));
    if (this.#stop.aborted) return;
    if (moreToCome) this.#awaitRest();
    else await this.#send({ kind: 'unballoonResponse', transactionId: this.#wire.nextId() });
    this.#feed.push({ kind: 'unballoon', askedPages, returnedPages, isLast: !moreToCome });
  }

  #awaitRest(): void {
    this.#sequenceTimer = setTimeout(() => {
      this.counts.abandonedSequences += 1;
      this.#feed.push({ kind: 'unballoonAbandoned' });
    }, this.#settings.sequenceTimeoutMs);
    this.#sequenceTimer.unref();
  }

  async #hotAdd(request: HotAddRequest): Promise<void> {
    let added: number | 'never' = 0;
    try {
      added = await this.#askToAdd(request);
    } catch (error) {
      if (!this.#stop.aborted) await this.#sendHotAdd('never');
      throw error;
    }
    if (this.#stop.aborted) return;
    await this.#sendHotAdd(added);
    const addedPages = added === 'never' ? 0 : added;
    this.#feed.push({ kind: 'hotAdd', range: request.range, addedPages, isRefused: added === 'never' });
  }

  async #askToAdd({ range, region }: HotAddRequest): Promise<number | 'never'> {
    const { onHotAdd } = this.#settings;
    if (onHotAdd === undefined) return 'never';
    if (!isSound(range) || (region !== null && !isWithin(range, region))) {
      this.counts.ignoredPages += range.pageCount;
      return 0;
    }
    const ask = { range, region: region ?? range, sizeBytes: range.pageCount * memoryPageBytes, signal: this.#stop };
    const added = await this.#unlessStopped(onHotAdd(ask));
    if (added === undefined && this.#stop.aborted) return 0;
    if (added === 'never') return added;
    if (typeof added !== 'number') throw invalidType('onHotAdd answer', "a number of pages or 'never'", added);
    if (!Number.isInteger(added) || added < 0 || added > range.pageCount)
      throw outOfRange('onHotAdd answer', `0 to the ${range.pageCount} pages offered`, added);
    return added;
  }

  /** The protocol says "never" by success with no pages, and "not now" by failure. */
  #sendHotAdd(added: number | 'never'): Promise<void> {
    return this.#send({
      kind: 'hotAddResponse',
      transactionId: this.#wire.nextId(),
      pageCount: added === 'never' ? 0 : added,
      isSuccess: added !== 0,
    });
  }

  #send(message: MemoryGuestMessage): Promise<void> {
    return this.#wire.send(message);
  }

  /** What a handler answers, or undefined as soon as the service ends: a handler must not be able to hold it up. */
  async #unlessStopped<T>(work: T | Promise<T>): Promise<T | undefined> {
    const stop = this.#stop;
    if (stop.aborted) return undefined;
    let onStop: (() => void) | undefined;
    const stopped = new Promise<undefined>((resolve) => {
      onStop = () => resolve(undefined);
      stop.addEventListener('abort', onStop, { once: true });
    });
    try {
      return await Promise.race([work, stopped]);
    } finally {
      if (onStop) stop.removeEventListener('abort', onStop);
    }
  }
}

function count(ranges: readonly PageRange[]): number {
  return ranges.reduce((sum, { pageCount }) => sum + pageCount, 0);
}

function isSound({ firstPage, pageCount }: PageRange): boolean {
  return pageCount > 0 && firstPage > 0n && firstPage + BigInt(pageCount) <= maxPageNumber + 1n;
}

function isWithin(range: PageRange, region: PageRange): boolean {
  return (
    range.firstPage >= region.firstPage &&
    range.firstPage + BigInt(range.pageCount) <= region.firstPage + BigInt(region.pageCount)
  );
}
