// SPDX-License-Identifier: MIT
//
// Colour, or the lack of it: decided once per stream, from the options, NO_COLOR, TERM and what the stream is.

import { styleText } from 'node:util';

/** What the command line said about colour: `--color`, `--no-color`, or nothing. */
export type ColorWish = boolean | undefined;

/** Styles the command uses, by meaning. */
export interface Paint {
  readonly enabled: boolean;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
  second(text: string): string;
}

type Format = Parameters<typeof styleText>[0];

/** Whether to colour what goes to a stream. The command line wins over the environment, the environment over the terminal. */
export function wantsColor(wish: ColorWish, stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (wish !== undefined) return wish;
  if (env.NO_COLOR) return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** Styles that colour, or leave the text as it is. */
export function makePaint(enabled: boolean): Paint {
  const style = (format: Format) => (text: string) =>
    enabled && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  return {
    enabled,
    bold: style('bold'),
    dim: style('dim'),
    good: style('green'),
    warn: style('yellow'),
    bad: style('red'),
    accent: style('cyan'),
    second: style('magenta'),
  };
}
