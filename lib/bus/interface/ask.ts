// SPDX-License-Identifier: MIT
//
// How the parts that deal with interfaces ask for what they need: as generators, so that the same code runs awaiting, and at
// once while the process exits. steps.ts runs them.

import type { IpAnswer } from './ip-program.js';

/** Something to do: run `ip` with these words, or wait. */
export type Ask = { readonly ip: readonly string[] } | { readonly pauseMs: number };

/** What comes back: what `ip` said, or (for whoever asked something else) a number. */
export type Answer = IpAnswer | number;

/** A piece of work that asks. */
export type Asking<T> = Generator<Ask, T, Answer>;

/** Runs `ip`. */
export function* askIp(words: readonly string[]): Asking<IpAnswer> {
  const answer = yield { ip: words };
  return typeof answer === 'number' ? { status: -1, stdout: '', stderr: 'nobody ran it' } : answer;
}

/** Waits. */
export function* wait(pauseMs: number): Asking<void> {
  yield { pauseMs };
}
