// SPDX-License-Identifier: MIT
//
// What vmbus-freezer says, line by line.
// Called by: freezer.ts, thaw.ts. Written by: native/freezer (report.h, main.cc, worker.cc).

/** Version of arguments and lines. */
export const freezerProtocol = 1;

/** Why it thawed: it was told to, its pipe was closed, time, a signal, or a file system that could not be frozen. */
export type FreezerReason = 'told' | 'closed' | 'deadline' | 'signal' | 'failed';

/** One line. Indexes are places in the list that it was given. */
export type FreezerLine =
  /** Everything is open, and nothing frozen. */
  | { readonly kind: 'ready'; readonly protocol: number; readonly count: number }
  /** `foreign`: it was frozen before, by somebody else. */
  | { readonly kind: 'frozen' | 'foreign'; readonly index: number }
  | { readonly kind: 'failed' | 'unopened' | 'thawed'; readonly index: number; readonly errno: number }
  /** All are frozen. */
  | { readonly kind: 'holding' }
  /** It could not get ready; for want of what. */
  | { readonly kind: 'refused'; readonly want: string; readonly errno: number }
  /** The last line; `failures` file systems are still frozen. */
  | { readonly kind: 'end'; readonly reason: FreezerReason; readonly failures: number };

const wants: Readonly<Record<string, string>> = {
  'no-signals': 'signals',
  'no-clock': 'a clock',
  'no-thread': 'a thread',
  'no-memory-lock': 'memory that is not paged out',
};

/** The meaning of a line; null for one that has none. */
export function parseFreezerLine(line: string): FreezerLine | null {
  const [word = '', first = '', second = ''] = line.split(' ');
  const [a, b] = [Number(first), Number(second)];
  switch (word) {
    case 'ready':
      return { kind: word, protocol: a, count: b };
    case 'frozen':
    case 'foreign':
      return { kind: word, index: a };
    case 'failed':
    case 'unopened':
    case 'thawed':
      return { kind: word, index: a, errno: b };
    case 'holding':
      return { kind: word };
    case 'end':
      return { kind: word, reason: first as FreezerReason, failures: b };
    default: {
      const want = wants[word];
      return want === undefined ? null : { kind: 'refused', want, errno: a };
    }
  }
}
