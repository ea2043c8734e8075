// SPDX-License-Identifier: MIT
//
// A promise that is settled from outside. A rejection that nobody waits for is no uncaught error.
// Called by: freezer.ts.

/** What will have happened. */
export class Outcome {
  readonly promise: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => undefined);
  }

  resolve(): void {
    this.#resolve();
  }

  reject(error: unknown): void {
    this.#reject(error);
  }
}
