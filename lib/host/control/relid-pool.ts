// SPDX-License-Identifier: MIT
//
// Relids that are free. Called by: control-path.ts.
// A relid is a bit in the event flags of a processor: 1 … 2047, and 0 is no channel.

const lastRelid = 2047;

/** Gives out the number that has been free for longest, so that late words of a guest about an old channel find nothing. */
export class RelidPool {
  readonly #free: number[] = Array.from({ length: lastRelid }, (_, i) => i + 1);

  /** Null when all are taken. */
  take(): number | null {
    return this.#free.shift() ?? null;
  }

  give(relid: number): void {
    this.#free.push(relid);
  }
}
