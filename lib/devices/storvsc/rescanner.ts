// SPDX-License-Identifier: MIT
//
// When to look at a controller's units again: a little after the host has said so, once for many times that it said so, and not
// too often, however often it does.
// Called by: storvsc.ts.

/** Notices that belong together come within this. */
const settleMs = 50;
/** A host that never stops gets this much of our time. */
const leastMs = 1000;

/** Runs one scan at a time. */
export class Rescanner {
  readonly #scan: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #lastEnd = Number.NEGATIVE_INFINITY;
  #isScanning = false;
  #isWanted = false;
  #isStopped = false;
  /** Scans that were made, and those that failed. */
  count = 0;
  failures = 0;

  /** @param scan looks at the units */
  constructor(scan: () => Promise<void>) {
    this.#scan = scan;
  }

  /** Something may have changed. */
  ask(): void {
    if (this.#isStopped) return;
    this.#isWanted = true;
    if (this.#isScanning || this.#timer !== undefined) return;
    const wait = Math.max(settleMs, this.#lastEnd + leastMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#run();
    }, wait).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#isScanning = true;
    this.#isWanted = false;
    this.count += 1;
    try {
      await this.#scan();
    } catch {
      // What was known stays; the host says it again, or the next command meets it.
      this.failures += 1;
    }
    this.#isScanning = false;
    this.#lastEnd = performance.now();
    if (this.#isWanted) this.ask();
  }
}
