// SPDX-License-Identifier: MIT
//
// Where the events of a guest's life come from. Each source begins by itself, and says what it watches or why it can't.
// Called by lifecycle.ts.

import { openBus } from '../../bus/open-bus.js';
import { rootKind } from '../../bus/root.js';
import type { ShutdownService } from '../../devices/shutdown.js';
import { openKvpPool } from '../kvp/open-pool.js';
import { ClockWatch, lifeClocks } from './clock-watch.js';
import { type LogindWatch, watchLogind } from './logind.js';
import type { LifecycleKind, LifecycleNews, LifecycleSource } from './types.js';

/** What a source has to do with. */
export interface SourceContext {
  readonly root: string;
  readonly signal: AbortSignal;
  tell(news: LifecycleNews): void;
  /** A source that was watched broke: the iteration ends with its error. */
  fail(error: unknown): void;
}

const watched = (kinds: readonly LifecycleKind[], says: string): LifecycleSource => ({ kinds, isWatched: true, says });
const absent = (kinds: readonly LifecycleKind[], says: string): LifecycleSource => ({ kinds, isWatched: false, says });
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Devices that come and go. */
export function watchDevices({ root, signal, tell, fail }: SourceContext): LifecycleSource {
  const kinds = ['device-added', 'device-removed'] as const;
  if (rootKind(root) === 'snapshot') return absent(kinds, 'nothing comes or goes in a snapshot');
  try {
    const bus = openBus({ root });
    const classes = new Map(bus.devices().map(({ id, class: { name } }) => [id, name]));
    const changes = bus.watch({ signal });
    void (async () => {
      for await (const { kind, subject, device, current } of changes) {
        if (subject !== 'device' || kind === 'changed') continue;
        const className = current?.class.name ?? classes.get(device) ?? null;
        if (className !== null) classes.set(device, className);
        tell({ kind: kind === 'added' ? 'device-added' : 'device-removed', device, className });
      }
    })()
      .catch(fail)
      .finally(() => bus.close());
    return watched(kinds, `the bus in ${root}`);
  } catch (error) {
    return absent(kinds, reason(error));
  }
}

/** Clocks of this machine, whatever the root: a simulated guest has no others. */
export function watchClocks({ signal, tell }: SourceContext, intervalMs: number, leastJumpMs: number): LifecycleSource {
  const watch = new ClockWatch(lifeClocks, leastJumpMs);
  const timer = setInterval(() => {
    for (const news of watch.look()) tell(news);
  }, intervalMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return watched(
    ['time-jump', 'resume'],
    `clocks, compared every ${intervalMs} ms; a guest that its host saved and restored shows only a jump of the clock, once it was set`,
  );
}

/** The name of the host, which it tells through key-value pairs. */
export async function watchHostName({ root, signal, tell, fail }: SourceContext): Promise<LifecycleSource> {
  const key = 'PhysicalHostName';
  try {
    const pool = await openKvpPool('autoExternal', { root, signal });
    const before = await pool.get(key);
    const changes = pool.watch({ signal });
    let from = before;
    void (async () => {
      for await (const change of changes) {
        if (change.kind !== 'set' || change.key !== key) continue;
        if (from !== null && from !== change.value) tell({ kind: 'moved', from, to: change.value });
        from = change.value;
      }
    })()
      .catch((error: unknown) => (signal.aborted ? undefined : fail(error)))
      .finally(() => pool.close());
    return watched(['moved'], `${key} in the pool auto-external, as late as the host tells it`);
  } catch (error) {
    signal.throwIfAborted();
    return absent(['moved'], reason(error));
  }
}

/** A shutdown device that the script serves. */
export function watchShutdownService({ signal, tell, fail }: SourceContext, service: ShutdownService): LifecycleSource {
  const events = service.events({ signal });
  void (async () => {
    for await (const { ask, answer } of events)
      tell({ kind: 'shutdown', source: 'host', way: ask.way, isRefused: answer === 'refused' });
  })().catch(fail);
  return watched(['shutdown'], 'the shutdown device, served by this script: it decides, and may refuse');
}

/** systemd's news; the watch that holds it up stands in `held`. */
export async function watchSystem(
  { root, signal, tell, fail }: SourceContext,
  held: (watch: LogindWatch) => void,
): Promise<LifecycleSource> {
  const kinds = ['shutdown', 'sleep'] as const;
  if (root !== '/') return absent(kinds, `${root} is not the running system: only that one shuts down`);
  try {
    const watch = await watchLogind(
      {
        tell: ({ kind }) =>
          tell(kind === 'sleep' ? { kind } : { kind, source: 'system', way: 'unknown', isRefused: false }),
        lost: fail,
      },
      signal,
    );
    held(watch);
    return watched(
      kinds,
      "systemd's news: the kernel has answered the host already, nobody can refuse, and systemd waits for InhibitDelayMaxSec (5 s) at most",
    );
  } catch (error) {
    return absent(kinds, `${reason(error)}; the kernel answers the host by itself and tells no one`);
  }
}
