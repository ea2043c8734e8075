// SPDX-License-Identifier: MIT
//
// What dynamic memory looks like to a script: options, handlers, requests and figures, and nothing that runs.

import type { CapabilitiesResponse, PageRange } from '../../protocol/dynamic-memory.js';
import type { MemoryFigures } from './figures.js';

/** The host wants pages. */
export interface BalloonAsk {
  readonly pageCount: number;
  readonly sizeBytes: number;
  /** Aborted when the service ends; the answer is not wanted any more then. */
  readonly signal: AbortSignal;
}

/** The host gives pages back. Only pages that were given are ever named here. */
export interface UnballoonNews {
  readonly ranges: readonly PageRange[];
  readonly signal: AbortSignal;
}

/** The host offers new memory. */
export interface HotAddAsk {
  readonly range: PageRange;
  /** The region the range lies in; the range itself where the host named none. */
  readonly region: PageRange;
  readonly sizeBytes: number;
  readonly signal: AbortSignal;
}

/** Options of {@link openMemory}. */
export interface MemoryOptions {
  /** Ends opening, and later the service, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long the host may take for each of the two steps of the greeting. Default 5000. */
  readonly handshakeTimeoutMs?: number;
  /** Time between status reports; 0 for none. Default 1000, or 0 where the host says that it wants none. */
  readonly reportIntervalMs?: number;
  /** Time before the first report of the series. Default 0; the kernel's own driver waits 45 s, since it starts at boot. */
  readonly reportDelayMs?: number;
  /** Where the series has its figures from. Default {@link readMemoryFigures}. */
  readonly figures?: (borrowedPages: number) => MemoryFigures;
  /**
   * Answers the ranges to give; none (or undefined) = nothing, which is what a script that owns no pages should say. Only
   * with this handler does the guest say that it has a balloon.
   *
   * The host takes the frames away: any touch of them afterwards, by the kernel too (migration, compaction, a dump), is
   * fatal for the guest. Name only pages that this process holds for good and has locked, and hold them until the host has
   * returned them or the service is closed.
   */
  readonly onBalloon?: (
    ask: BalloonAsk,
  ) => readonly PageRange[] | undefined | Promise<readonly PageRange[] | undefined>;
  /** Told which of the given pages have come back. */
  readonly onUnballoon?: (news: UnballoonNews) => void | Promise<void>;
  /**
   * Answers how many pages of the range were added (0 = not now), or `'never'`. Only with this handler does the guest say that
   * it can add memory. Nothing but a kernel can, so this is for scripts that have one do it.
   */
  readonly onHotAdd?: (ask: HotAddAsk) => number | 'never' | Promise<number | 'never'>;
  /** Alignment of hot-added memory, 2^n MiB. Default 7: 128 MiB, the kernel's usual memory block. */
  readonly hotAddAlignment?: number;
  /** How long a returning sequence may pause before it is taken as abandoned. Default 30000. */
  readonly sequenceTimeoutMs?: number;
}

/** What the host asked or said, and what became of it. */
export type MemoryRequest =
  | { readonly kind: 'balloon'; readonly askedPages: number; readonly givenPages: number }
  | {
      readonly kind: 'unballoon';
      readonly askedPages: number;
      readonly returnedPages: number;
      readonly isLast: boolean;
    }
  | { readonly kind: 'unballoonAbandoned' }
  | { readonly kind: 'hotAdd'; readonly range: PageRange; readonly addedPages: number; readonly isRefused: boolean }
  | { readonly kind: 'info'; readonly maxPages: number | null };

/** Plain picture of a service. */
export interface MemoryInspection {
  readonly phase: 'greeting' | 'ready' | 'closed';
  /** `2.0`, `1.0` or `0.3`; null before it is agreed. */
  readonly version: string | null;
  readonly balloon: boolean;
  readonly hotAdd: boolean;
  readonly host: Pick<CapabilitiesResponse, 'hotRemove' | 'suppressReports'> | null;
  /** Pages that the host holds now. */
  readonly borrowedPages: number;
  /** The most pages this machine can have, as the host said; null if it did not. */
  readonly maxPages: number | null;
  readonly stats: MemoryStats;
}

/** Counters since opening. */
export interface MemoryStats {
  readonly reportsSent: number;
  /** Reports of the series that found the ring full. */
  readonly reportsSkipped: number;
  readonly requests: number;
  /** Messages that came when none of their kind was due. */
  readonly ignoredMessages: number;
  /** Pages the host wanted to return that it never had. */
  readonly ignoredPages: number;
  readonly abandonedSequences: number;
  readonly requestsDropped: number;
}
