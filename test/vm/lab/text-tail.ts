// SPDX-License-Identifier: MIT
// Keeps the end of a text of any length, such as a console that may print for ever.
// Called by session.ts and hosted/.
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

export class TextTail {
  readonly #limit: number;
  #text = '';
  readonly #watchers = new Set<() => void>();

  /** @param limit characters kept at least; twice as many at most */
  constructor(limit: number = 256 * 1024) {
    this.#limit = limit;
  }

  get text(): string {
    return this.#text;
  }

  add(text: string): void {
    this.#text += text;
    if (this.#text.length > 2 * this.#limit) this.#text = this.#text.slice(-this.#limit);
    for (const look of [...this.#watchers]) look();
  }

  /** Waits until the text matches. @returns null if `ended` settles first */
  async appears(pattern: RegExp, ended: Promise<unknown>): Promise<RegExpExecArray | null> {
    let stop = (): void => undefined;
    try {
      return await new Promise<RegExpExecArray | null>((resolve) => {
        const look = (): void => {
          const match = pattern.exec(this.#text);
          if (match) resolve(match);
        };
        stop = () => this.#watchers.delete(look);
        this.#watchers.add(look);
        void ended.then(() => resolve(null));
        look();
      });
    } finally {
      stop();
    }
  }

  /** Takes everything that a stream brings. */
  follow(stream: Readable): void {
    const decoder = new StringDecoder('utf8');
    stream.on('data', (chunk: Buffer) => this.add(decoder.write(chunk)));
    stream.on('error', () => undefined); // its end is not what is of interest here
  }

  /** The last lines, without carriage returns. */
  lastLines(count: number): string {
    return this.#text.replaceAll('\r', '').trim().split('\n').slice(-count).join('\n');
  }
}
