// SPDX-License-Identifier: MIT
//
// A program in the guest that prints JSON, line by line, as suites wait for it.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { GuestProcess } from '../../lab/hosted/boot-hosted.js';

/** One line. */
export type Line = Readonly<Record<string, unknown>>;

/** What a program prints. */
export interface GuestLines {
  /** The next line that matches; those before it are dropped. @throws with what the program said, when it ends before */
  next(matches?: (line: Line) => boolean): Promise<Line>;
  /** A line that matches; others wait for their turn. @throws as `next` */
  find(matches: (line: Line) => boolean): Promise<Line>;
  /** What it has printed to standard error. */
  errors(): string;
}

export function linesOf(guest: GuestProcess): GuestLines {
  let errors = '';
  guest.stderr.on('data', (chunk: Buffer) => {
    errors += String(chunk);
  });
  const lines = createInterface({ input: guest.stdout });
  const unread: Line[] = [];
  lines.on('line', (line) => unread.push(JSON.parse(line) as Line));
  const ended = once(lines, 'close');
  const wait = async (matches: (line: Line) => boolean): Promise<number> => {
    for (;;) {
      const at = unread.findIndex(matches);
      if (at >= 0) return at;
      const [news] = await Promise.race([once(lines, 'line'), ended]);
      if (news === undefined && !unread.some(matches))
        throw new Error(`the program ended with ${await guest.ended}: ${JSON.stringify(unread)}${errors}`);
    }
  };
  const take = (from: number, count: number): Line => unread.splice(from, count).at(-1) ?? {};
  return {
    next: async (matches = () => true) => take(0, 1 + (await wait(matches))),
    find: async (matches) => take(await wait(matches), 1),
    errors: () => errors,
  };
}
