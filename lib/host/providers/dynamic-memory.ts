// SPDX-License-Identifier: MIT
//
// The dynamic memory device as QEMU's hv-balloon plays it: handshake, status reports, balloon, unballoon, hot add.
// Called by: scripts, by-name.ts. Each opening is a dynamic-memory-session.ts; bytes are protocol/dynamic-memory.ts.
// The target outlives openings; what the guest gave away is forgotten when it closes the channel, as after a reset.

import { checkFlag } from '../../check.js';
import { outOfRange } from '../../errors.js';
import { type Guid, parseGuid } from '../../guid.js';
import {
  dynamicMemoryClass,
  type MemoryCapabilities,
  MemoryVersion,
  type PageRange,
  type StatusReport,
} from '../../protocol/dynamic-memory.js';
import type { HostChannel, Provider, ProviderSession } from '../types.js';
import { DynamicMemorySession } from './dynamic-memory-session.js';
import { checkProviderOptions } from './provider-options.js';

/** Options of {@link dynamicMemory}. Pages are 4096 bytes. */
export interface DynamicMemoryOptions {
  /** How long after the handshake targets are held back; QEMU takes 50 000. Default 0. */
  readonly postInitDelayMs?: number;
  /** Whether the guest is asked for status reports; else it is told to suppress them, and those that come are not kept. Default true. */
  readonly wantsReports?: boolean;
  /** Memory that the guest booted with, in pages. Default 1 GiB. */
  readonly ramPages?: number;
  /** First page where memory is hot-added. Default 4 GiB. */
  readonly hotAddBase?: number;
  /** Highest protocol version accepted. Default 2.0. */
  readonly newestVersion?: number;
  readonly instanceGuid?: string;
  /** Size of one ring with its header page, in bytes. Default: as the guest's kernel has it. */
  readonly ringBytes?: number;
  /** Name that commands know the device by. Default `balloon`. */
  readonly name?: string;
}

/** What a dynamic memory device tells whoever plays with it. */
export type DynamicMemoryEvent =
  | { readonly kind: 'state'; readonly state: DynamicMemoryState }
  | { readonly kind: 'report'; readonly report: StatusReport }
  | { readonly kind: 'ballooned' | 'unballooned' | 'hot-added'; readonly pages: number }
  | { readonly kind: 'warning'; readonly text: string };

/** Where the protocol is. */
export type DynamicMemoryState =
  | 'closed'
  | 'version'
  | 'capabilities'
  | 'post-init-wait'
  | 'idle'
  | 'balloon'
  | 'unballoon'
  | 'hot-add';

/** A dynamic memory device, and what can be done with it. */
export interface DynamicMemoryProvider extends Provider {
  readonly state: DynamicMemoryState;
  /** Last status report of this opening, if they are wanted. */
  readonly lastReport: StatusReport | null;
  /** What the guest said it can do. */
  readonly capabilities: MemoryCapabilities | null;
  /** Pages that the guest has given away. */
  readonly balloonedPages: number;
  /** Pages that were added while the guest ran. */
  readonly hotAddedPages: number;
  /** Pages that the guest has now: boot memory and added, without what it gave away. */
  readonly currentPages: number;
  /** Ranges that the guest has given away, in the order of their addresses. */
  readonly balloonedRanges: readonly PageRange[];
  /**
   * Sets how many pages the guest shall have in all. Fewer than now: asks it to give some away; more: gives back what it
   * gave, then adds memory. Takes effect when the handshake, its delay and a running operation are over.
   */
  balloon(targetPages: number): void;
  /** Answers each event from now on; a function that ends it. */
  subscribe(listener: (event: DynamicMemoryEvent) => void): () => void;
  /** The same as an iteration; ends on abort. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<DynamicMemoryEvent>;
}

/** Options after defaults. */
export interface DynamicMemoryPlan {
  readonly postInitDelayMs: number;
  readonly wantsReports: boolean;
  readonly ramPages: number;
  readonly hotAddBase: number;
  readonly newestVersion: number;
}

/** Names of the options of {@link dynamicMemory}. */
export const dynamicMemoryOptions: readonly (keyof DynamicMemoryOptions)[] = [
  'postInitDelayMs',
  'wantsReports',
  'ramPages',
  'hotAddBase',
  'newestVersion',
  'instanceGuid',
  'ringBytes',
  'name',
];

/**
 * A dynamic memory device.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const memory = dynamicMemory({ ramPages: 262_144 });
 * await using host = await SimulatedHost.start({ devices: [memory] });
 * memory.balloon(200_000);
 */
export function dynamicMemory(options: DynamicMemoryOptions = {}): DynamicMemoryProvider {
  checkProviderOptions(options, dynamicMemoryOptions);
  checkFlag(options.wantsReports, 'options.wantsReports');
  return new DynamicMemory(options);
}

class DynamicMemory implements DynamicMemoryProvider {
  readonly name: string;
  readonly classGuid: Guid = dynamicMemoryClass;
  readonly instanceGuid?: Guid;
  readonly ringBytes?: number;
  readonly #plan: DynamicMemoryPlan;
  readonly #listeners = new Set<(event: DynamicMemoryEvent) => void>();
  #session: DynamicMemorySession | null = null;
  #target: number | null = null;
  /** Memory added in earlier openings: it stays. */
  #added: readonly PageRange[] = [];

  constructor(options: DynamicMemoryOptions) {
    this.name = options.name ?? 'balloon';
    if (options.instanceGuid !== undefined) this.instanceGuid = parseGuid(options.instanceGuid, 'instanceGuid');
    if (options.ringBytes !== undefined) this.ringBytes = options.ringBytes;
    this.#plan = {
      postInitDelayMs: whole('options.postInitDelayMs', options.postInitDelayMs ?? 0),
      wantsReports: options.wantsReports ?? true,
      ramPages: whole('options.ramPages', options.ramPages ?? 262_144),
      hotAddBase: whole('options.hotAddBase', options.hotAddBase ?? 1_048_576),
      newestVersion: whole('options.newestVersion', options.newestVersion ?? MemoryVersion.win10),
    };
  }

  get state(): DynamicMemoryState {
    return this.#session?.state ?? 'closed';
  }

  get lastReport(): StatusReport | null {
    return this.#session?.lastReport ?? null;
  }

  get capabilities(): MemoryCapabilities | null {
    return this.#session?.capabilities ?? null;
  }

  get balloonedPages(): number {
    return this.#session?.pages.ballooned ?? 0;
  }

  get balloonedRanges(): readonly PageRange[] {
    return this.#session?.pages.ranges ?? [];
  }

  get hotAddedPages(): number {
    const added = this.#session?.pages.added ?? this.#added;
    return added.reduce((sum, range) => sum + range.pageCount, 0);
  }

  get currentPages(): number {
    return this.#plan.ramPages + this.hotAddedPages - this.balloonedPages;
  }

  balloon(targetPages: number): void {
    this.#target = whole('targetPages', targetPages);
    this.#session?.setTarget(this.#target);
  }

  subscribe(listener: (event: DynamicMemoryEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async *events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<DynamicMemoryEvent> {
    const { signal } = options;
    const waiting: DynamicMemoryEvent[] = [];
    let wake = (): void => undefined;
    const stop = this.subscribe((event) => {
      waiting.push(event);
      wake();
    });
    const onAbort = (): void => wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (!signal?.aborted) {
        const next = waiting.shift();
        if (next) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      stop();
    }
  }

  onOpen(channel: HostChannel): ProviderSession {
    const session = new DynamicMemorySession(channel, this.#plan, {
      added: this.#added,
      tell: (event) => {
        for (const listener of [...this.#listeners]) listener(event);
      },
      closed: (added) => {
        this.#added = added;
        if (this.#session === session) this.#session = null;
      },
    });
    this.#session = session;
    if (this.#target !== null) session.setTarget(this.#target);
    return session;
  }
}

function whole(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw outOfRange(name, 'a whole number, 0 or more', value);
  return value;
}
