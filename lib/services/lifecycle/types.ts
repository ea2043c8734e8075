// SPDX-License-Identifier: MIT
//
// What happens to a guest in its life: shapes of events, and nothing that runs.

import type { ShutdownService, ShutdownWay } from '../../devices/shutdown.js';

/** An event, with the time at which it was noticed. */
export type LifecycleEvent = { readonly time: Date } & LifecycleNews;

/** What happened. */
export type LifecycleNews =
  | {
      readonly kind: 'shutdown';
      /**
       * `host`: the host asked, and a script serves the device. `system`: systemd shuts down, whoever asked; beside the kernel's
       * driver nobody can tell the host's wish from an administrator's, and nobody can refuse it.
       */
      readonly source: 'host' | 'system';
      /** `unknown` where systemd does not say. */
      readonly way: ShutdownWay | 'unknown';
      /** Refused by the script that serves the device; nothing follows then. */
      readonly isRefused: boolean;
    }
  /** systemd suspends or hibernates the guest. */
  | { readonly kind: 'sleep' }
  /** The guest was suspended; its clocks say for how long. A guest saved by its host does not notice: see `time-jump`. */
  | { readonly kind: 'resume'; readonly sleptMs: number }
  /** Somebody set the clock: chrony, an administrator, or the kernel after the host had saved and restored the guest. */
  | { readonly kind: 'time-jump'; readonly jumpMs: number }
  /** The host tells another name than before: the guest was moved. A hint, as late as the host tells it. */
  | { readonly kind: 'moved'; readonly from: string; readonly to: string }
  | { readonly kind: 'device-added' | 'device-removed'; readonly device: string; readonly className: string | null }
  /** Told by a script that serves backups: see {@link Lifecycle.tell}. */
  | { readonly kind: 'freeze' | 'thaw' };

/** Kinds of events. */
export type LifecycleKind = LifecycleNews['kind'];

/** Where events of some kinds come from; or why there are none. */
export interface LifecycleSource {
  readonly kinds: readonly LifecycleKind[];
  readonly isWatched: boolean;
  /** In a sentence: what is watched and what it cannot tell, or why it is not watched. */
  readonly says: string;
}

/** Options of {@link lifecycle}. */
export interface LifecycleOptions {
  /** Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Kinds to tell. Default all. */
  readonly kinds?: readonly LifecycleKind[];
  /** A shutdown device that this script serves, see openShutdown(): its requests are told in the place of systemd's news. */
  readonly shutdown?: ShutdownService;
  /** How often clocks are compared. Default 1000 ms. */
  readonly clockIntervalMs?: number;
  /** Smallest jump of the clock that is told. Default 500 ms. */
  readonly leastJumpMs?: number;
}

/** The life of this guest, as it goes on. */
export interface Lifecycle extends AsyncIterableIterator<LifecycleEvent>, AsyncDisposable {
  /** What is watched, and what can't be known here. Resolves when everything that can be watched is. */
  readonly sources: Promise<readonly LifecycleSource[]>;
  /** Adds news of the script's own, such as freeze and thaw from its handlers of serveVss(). */
  tell(news: LifecycleNews): void;
}
