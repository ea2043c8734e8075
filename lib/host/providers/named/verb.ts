// SPDX-License-Identifier: MIT
//
// Makes verbs of named providers: arguments are read by their types, then a function is called with them.
// Called by: input-verbs.ts, integration-verbs.ts and machine-verbs.ts beside it.

import type { Provider } from '../../types.js';
import type { NamedVerb } from './types.js';

/** An argument of a verb. */
export interface Argument<T> {
  /** As help shows it. */
  readonly usage: string;
  /** Takes its share from the front of what is left. @throws TypeError where that is not one */
  take(words: unknown[]): T;
}

type Values<A extends readonly Argument<unknown>[]> = {
  [I in keyof A]: A[I] extends Argument<infer T> ? T : never;
};

/** A verb whose arguments are those, and what it does with them. */
export function verb<P extends Provider, const A extends readonly Argument<unknown>[]>(
  summary: string,
  args: A,
  run: (provider: P, ...values: Values<A>) => unknown,
): NamedVerb {
  const usage = args.map((argument) => argument.usage).join(' ');
  return {
    summary,
    usage,
    call(provider, given) {
      const words = [...given];
      const values = args.map((argument) => argument.take(words));
      if (words.length > 0) throw mistake(`takes ${usage || 'no arguments'}, and ${show(words[0])} is one too many`);
      // Tables keep verbs beside the provider that they are of.
      return run(provider as P, ...(values as Values<A>));
    },
  };
}

/** Any text, also an empty one. */
export function text(name: string): Argument<string> {
  return required(name, 'a text', (word) =>
    typeof word === 'string' || typeof word === 'number' ? String(word) : undefined,
  );
}

/** A number, whole or not. */
export function number(name: string): Argument<number> {
  return required(name, 'a number', (word) => {
    if (typeof word === 'number') return word;
    return typeof word === 'string' && /^[+-]?\d+(\.\d+)?$/.test(word) ? Number(word) : undefined;
  });
}

const units: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes: a number, or one with K, M, G or T. */
export function bytes(name: string): Argument<number> {
  return required(name, 'a size such as 4096 or 512M', (word) => {
    if (typeof word === 'number') return word;
    const [, digits, unit = ''] = (typeof word === 'string' && /^(\d+)([KMGT])?$/i.exec(word)) || [];
    return digits === undefined ? undefined : Number(digits) * (units[unit.toUpperCase()] ?? 1);
  });
}

/** One of some words. */
export function oneOf<const W extends string>(name: string, words: readonly W[]): Argument<W> {
  return required(name, `one of ${words.join(', ')}`, (word) => words.find((known) => known === word));
}

/** An argument that may be left away. */
export function optional<T>(argument: Argument<T>): Argument<T | undefined> {
  return {
    usage: `[${argument.usage}]`,
    take: (words) => (words.length === 0 ? undefined : argument.take(words)),
  };
}

/** All that is left; at least one. */
export function several<T>(argument: Argument<T>): Argument<readonly T[]> {
  return {
    usage: `${argument.usage}...`,
    take(words) {
      const values = [argument.take(words)];
      while (words.length > 0) values.push(argument.take(words));
      return values;
    },
  };
}

function required<T>(name: string, what: string, read: (word: unknown) => T | undefined): Argument<T> {
  return {
    usage: name,
    take(words) {
      if (words.length === 0) throw mistake(`needs ${name}: ${what}`);
      const word = words.shift();
      const value = read(word);
      if (value === undefined) throw mistake(`takes ${what} as ${name}, not ${show(word)}`);
      return value;
    },
  };
}

/** Wrong arguments of a verb. Who knows its name says that before the message. */
export class VerbMistake extends TypeError {
  readonly code = 'ERR_INVALID_ARG_VALUE';
}

export function mistake(message: string): VerbMistake {
  return new VerbMistake(message);
}

function show(word: unknown): string {
  return typeof word === 'string' ? `'${word.slice(0, 60)}'` : String(word);
}
