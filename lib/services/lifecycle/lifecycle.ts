// SPDX-License-Identifier: MIT
//
// One stream of what happens to this guest: shutdown, sleep and resume, jumps of the clock, devices that come and go, hints that it
// was moved to another host.
// Called by scripts, `hv events` and `hv on`. Calls sources.ts.

import { resolveRoot } from '../../bus/root.js';
import { checkInteger, checkLimits, checkOptionNames, checkText } from '../../check.js';
import { invalidType, invalidValue } from '../../errors.js';
import { Feed } from '../../feed.js';
import { nearest } from '../../nearest.js';
import type { LogindWatch } from './logind.js';
import {
  type SourceContext,
  watchClocks,
  watchDevices,
  watchHostName,
  watchShutdownService,
  watchSystem,
} from './sources.js';
import type {
  Lifecycle,
  LifecycleEvent,
  LifecycleKind,
  LifecycleNews,
  LifecycleOptions,
  LifecycleSource,
} from './types.js';

/** Every kind of event. */
export const lifecycleKinds: readonly LifecycleKind[] = [
  'shutdown',
  'sleep',
  'resume',
  'time-jump',
  'moved',
  'device-added',
  'device-removed',
  'freeze',
  'thaw',
];
const known = ['root', 'signal', 'kinds', 'shutdown', 'clockIntervalMs', 'leastJumpMs'];

/**
 * Watches the life of this guest. systemd is held up from a shutdown's event until the next one is asked for: what a loop does
 * with an event is done before the guest goes down, as far as systemd grants the time.
 * @throws TypeError, RangeError for wrong options; VmbusError ERR_VMBUS_NOT_A_GUEST for a root that is not there
 * @example
 * const life = lifecycle({ kinds: ['shutdown', 'moved'] });
 * for (const { isWatched, says } of await life.sources) console.log(isWatched, says);
 * for await (const event of life) if (event.kind === 'shutdown') await drain();
 * @category Services
 */
export function lifecycle(options: LifecycleOptions = {}): Lifecycle {
  checkOptions(options);
  return new LifecycleWatch(options);
}

class LifecycleWatch implements Lifecycle {
  readonly sources: Promise<readonly LifecycleSource[]>;
  readonly #feed = new Feed<LifecycleEvent>();
  readonly #events: AsyncIterableIterator<LifecycleEvent>;
  readonly #stop = new AbortController();
  readonly #kinds: ReadonlySet<LifecycleKind>;
  #logind: LogindWatch | null = null;
  #isHeldUp = false;

  constructor(options: LifecycleOptions) {
    this.#kinds = new Set(options.kinds ?? lifecycleKinds);
    // Before anything is watched, so that nothing falls between.
    this.#events = this.#feed.watch(undefined);
    const { signal } = options;
    const onAbort = (): void => this.#end();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#stop.signal.addEventListener('abort', () => signal?.removeEventListener('abort', onAbort), { once: true });
    this.sources = this.#begin(options, resolveRoot(options.root));
    // Who does not ask is not bothered.
    this.sources.catch(() => undefined);
    if (signal?.aborted) this.#end();
  }

  async next(): Promise<IteratorResult<LifecycleEvent>> {
    if (this.#isHeldUp) {
      this.#isHeldUp = false;
      this.#logind?.release();
    }
    const step = await this.#events.next();
    this.#isHeldUp = !step.done && (step.value.kind === 'shutdown' || step.value.kind === 'sleep');
    return step;
  }

  async return(): Promise<IteratorResult<LifecycleEvent>> {
    this.#end();
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  tell(news: LifecycleNews): void {
    if (this.#kinds.has(news.kind)) this.#feed.push({ time: new Date(), ...news });
  }

  async #begin(options: LifecycleOptions, root: string): Promise<readonly LifecycleSource[]> {
    const { clockIntervalMs = 1000, leastJumpMs = 500, shutdown } = options;
    const context: SourceContext = {
      root,
      signal: this.#stop.signal,
      tell: (news) => this.tell(news),
      fail: (error) => this.#end(error),
    };
    const wants = (...kinds: readonly LifecycleKind[]): boolean => kinds.some((kind) => this.#kinds.has(kind));
    const none = async (): Promise<null> => null;
    const sources = await Promise.all([
      wants('shutdown') && shutdown ? watchShutdownService(context, shutdown) : none(),
      wants('shutdown', 'sleep') && !shutdown ? watchSystem(context, (watch) => this.#hold(watch)) : none(),
      wants('time-jump', 'resume') ? watchClocks(context, clockIntervalMs, leastJumpMs) : none(),
      wants('moved') ? watchHostName(context) : none(),
      wants('device-added', 'device-removed') ? watchDevices(context) : none(),
    ]);
    return sources.filter((source) => source !== null);
  }

  #hold(watch: LogindWatch): void {
    if (this.#stop.signal.aborted) watch.close();
    else this.#logind = watch;
  }

  #end(error?: unknown): void {
    this.#stop.abort();
    this.#logind?.close();
    this.#logind = null;
    this.#feed.finish(error === undefined ? {} : { error });
  }
}

function checkOptions(options: LifecycleOptions): void {
  checkOptionNames(options, known);
  checkText(options.root, 'options.root');
  checkLimits({ signal: options.signal });
  if (options.clockIntervalMs !== undefined)
    checkInteger(options.clockIntervalMs, 'options.clockIntervalMs', 1, 3_600_000);
  if (options.leastJumpMs !== undefined) checkInteger(options.leastJumpMs, 'options.leastJumpMs', 1, 3_600_000);
  const { kinds } = options;
  if (kinds === undefined) return;
  if (!Array.isArray(kinds)) throw invalidType('options.kinds', 'an array of kinds', kinds);
  for (const kind of kinds as readonly unknown[]) {
    if (lifecycleKinds.includes(kind as LifecycleKind)) continue;
    const near = nearest(String(kind), lifecycleKinds);
    const hint = near === null ? `must be some of ${lifecycleKinds.join(', ')}` : `did you mean ${near}?`;
    throw invalidValue('options.kinds', hint, kind);
  }
}
