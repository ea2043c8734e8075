// SPDX-License-Identifier: MIT
//
// Requests of a service, one at a time. A newer one means that nobody waits for the older: its signal is aborted, and it has a
// moment to come to its end before the newer one begins.
// Called by: service-device.ts.

/** How long a request may go on after its signal was aborted, before the next one begins anyway. */
const graceMs = 1000;

/** A request that is being answered. */
interface Turn {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** The requests of one opening. */
export class Turns<Request, Answer> {
  readonly #answer: (request: Request, signal: AbortSignal) => Answer | Promise<Answer>;
  readonly #done: (request: Request, answer: Answer) => void;
  readonly #failed: (error: unknown) => void;
  #current: Turn | null = null;
  #next: Request | null = null;
  #isEnded = false;

  /**
   * @param answer Answers a request
   * @param done Gets each answer that somebody waits for
   * @param failed Gets what `answer` or `done` threw, unless nobody waits for it any more
   */
  constructor(
    answer: (request: Request, signal: AbortSignal) => Answer | Promise<Answer>,
    done: (request: Request, answer: Answer) => void,
    failed: (error: unknown) => void,
  ) {
    this.#answer = answer;
    this.#done = done;
    this.#failed = failed;
  }

  /** A request has come. Of several that wait, the newest alone is answered. */
  take(request: Request): void {
    if (this.#isEnded) return;
    const isNext = this.#next === null;
    if (isNext && this.#current === null) {
      this.#begin(request);
      return;
    }
    this.#next = request;
    if (isNext && this.#current) void this.#follow(this.#current);
  }

  /** Nobody waits for anything any more. */
  end(): void {
    this.#isEnded = true;
    this.#next = null;
    this.#current?.abort.abort();
  }

  #begin(request: Request): void {
    const abort = new AbortController();
    const turn: Turn = { abort, ended: this.#run(request, abort.signal) };
    this.#current = turn;
    void turn.ended.then(() => {
      if (this.#current === turn) this.#current = null;
    });
  }

  async #run(request: Request, signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.#answer(request, signal);
      if (!signal.aborted) this.#done(request, answer);
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    }
  }

  async #follow({ abort, ended }: Turn): Promise<void> {
    abort.abort();
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([ended, grace]);
    clearTimeout(timer);
    const request = this.#next;
    this.#next = null;
    if (request !== null && !this.#isEnded) this.#begin(request);
  }
}
