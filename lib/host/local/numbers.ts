// SPDX-License-Identifier: MIT
//
// Small numbers handed out lowest first and used again: relids and UIO minors.
// Called by: simulated-host.ts, local/device.ts.

/** A set of numbers in use. */
export class Numbers {
  readonly #first: number;
  readonly #taken = new Set<number>();

  constructor(first: number) {
    this.#first = first;
  }

  /** The lowest free number, taken. */
  take(): number {
    let number = this.#first;
    while (this.#taken.has(number)) number += 1;
    this.#taken.add(number);
    return number;
  }

  give(number: number): void {
    this.#taken.delete(number);
  }
}
