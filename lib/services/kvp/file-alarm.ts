// SPDX-License-Identifier: MIT
//
// Wakes whoever waits for a change of a file that may not be there yet, nor its folder. Holds no more than one bit.
// Called by watch.ts. inotify tells of the nearest folder that exists; a look every now and then covers what it
// can't tell: a file system without it, and no room for another watch.

import { existsSync, type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

const lookAgainMs = 2000;

/** Waits for changes of one file. */
export class FileAlarm implements Disposable {
  readonly #path: string;
  readonly #signal: AbortSignal;
  #watcher: FSWatcher | null = null;
  #watched: string | null = null;
  #hasRung = false;
  #wake: (() => void) | null = null;

  constructor(path: string, signal: AbortSignal) {
    this.#path = path;
    this.#signal = signal;
    // Not left to whoever waits: an iteration that nobody goes on with must not keep the process alive.
    signal.addEventListener('abort', this.#dispose, { once: true });
    if (!signal.aborted) this.#watchNearest();
  }

  /** Ends when something changed since the last call, when it is time to look again, after `atMostMs`, or by the signal. */
  async wait(atMostMs: number = lookAgainMs): Promise<void> {
    if (this.#signal.aborted) return;
    if (!this.#hasRung) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          this.#signal.removeEventListener('abort', end);
          this.#wake = null;
          resolve();
        };
        const timer = setTimeout(end, Math.max(0, Math.min(atMostMs, lookAgainMs)));
        this.#signal.addEventListener('abort', end, { once: true });
        this.#wake = end;
      });
    }
    this.#hasRung = false;
    if (!this.#signal.aborted) this.#watchNearest();
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#dispose);
    this.#dispose();
  }

  readonly #dispose = (): void => {
    this.#watcher?.close();
    this.#watcher = null;
    this.#watched = null;
  };

  /** The folder of the file, or the nearest one above it: a folder made there rings as well. */
  #watchNearest(): void {
    let folder = dirname(this.#path);
    let child = basename(this.#path);
    while (!existsSync(folder) && dirname(folder) !== folder) {
      child = basename(folder);
      folder = dirname(folder);
    }
    const identity = identityOf(folder);
    if (identity !== null && identity === this.#watched && this.#watcher !== null) return;
    this.#dispose();
    try {
      this.#watcher = watch(folder, (_event, name) => {
        if (name === null || name === child || name === basename(folder)) this.#ring();
      });
      // Lost with its folder, or never had: the regular look remains.
      this.#watcher.on('error', this.#dispose);
      this.#watched = identity;
    } catch {
      this.#dispose();
    }
  }

  #ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }
}

/** A folder made anew under the same name is another one, which the old watch does not see. */
function identityOf(folder: string): string | null {
  const stat = statSync(folder, { throwIfNoEntry: false });
  return stat === undefined ? null : `${folder} ${stat.dev} ${stat.ino}`;
}
