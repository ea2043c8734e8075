// SPDX-License-Identifier: MIT
//
// What happened, told to the script; between freeze and thaw kept in memory: who logs to a frozen disk waits for the thaw that he
// keeps from coming.
// Called by: cycle.ts, serve-backup.ts.

import type { BackupEvent } from './types.js';

type Untimed<T> = T extends unknown ? Omit<T, 'time'> : never;

/** An event that has yet to get its time. */
export type News = Untimed<BackupEvent>;

/** Events on their way to the script. */
export class Journal {
  readonly #tell: (event: BackupEvent) => void;
  readonly #kept: BackupEvent[] = [];
  #isHeld = false;

  constructor(tell: (event: BackupEvent) => void = () => undefined) {
    this.#tell = tell;
  }

  add(news: News): void {
    this.#kept.push({ time: new Date(), ...news } as BackupEvent);
    if (!this.#isHeld) this.#flush();
  }

  /** Keeps what comes from now on. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Tells what was kept. */
  release(): void {
    this.#isHeld = false;
    this.#flush();
  }

  #flush(): void {
    for (const event of this.#kept.splice(0)) {
      // An error of the listener is nobody's here: it must not end a thaw half way.
      queueMicrotask(() => this.#tell(event));
    }
  }
}
