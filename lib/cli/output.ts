// SPDX-License-Identifier: MIT
//
// Where a command's words go: text or JSON documents to standard output, notes and errors to standard error.
// JSON documents name their schema and version, which are part of the contract.

import type { ColorWish, Paint } from './paint.js';
import { makePaint, wantsColor } from './paint.js';

/** The streams of one run; tests bring their own. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
}

/** How a run prints. */
export interface OutputOptions extends Streams {
  readonly json: boolean;
  readonly color: ColorWish;
}

/** Printing for one run of the command. */
export class Output {
  readonly json: boolean;
  readonly paint: Paint;
  readonly errorPaint: Paint;
  /** Draw with Unicode; else with ASCII. */
  readonly unicode: boolean;
  readonly #streams: Streams;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#streams = options;
    this.paint = makePaint(wantsColor(options.color, options.stdout, options.env));
    this.errorPaint = makePaint(wantsColor(options.color, options.stderr, options.env));
    this.unicode = isUnicode(options.env);
  }

  /** Standard output is a terminal: lines may be drawn over. */
  get isTerminal(): boolean {
    return this.#streams.stdout.isTTY === true && this.#streams.env.TERM !== 'dumb';
  }

  /** Columns to draw in: the terminal's, at most 120; 80 where there is none. */
  get width(): number {
    const columns = this.#streams.stdout.columns;
    return this.isTerminal && columns ? Math.max(40, Math.min(columns, 120)) : 80;
  }

  /** One or more lines of text. */
  line(text = ''): void {
    this.#streams.stdout.write(`${text}\n`);
  }

  /** Text as it is, without a line end. */
  raw(text: string): void {
    this.#streams.stdout.write(text);
  }

  /** Bytes as they are. */
  bytes(data: Uint8Array): void {
    this.#streams.stdout.write(data);
  }

  /** A whole document, indented. */
  document(schema: string, fields: Readonly<Record<string, unknown>>): void {
    this.line(JSON.stringify({ schema, ...fields }, plain, 2));
  }

  /** One record of a stream of records, on one line. */
  record(schema: string, fields: Readonly<Record<string, unknown>>): void {
    this.line(this.recordText(schema, fields));
  }

  /** The line of such a record. */
  recordText(schema: string, fields: Readonly<Record<string, unknown>>): string {
    return JSON.stringify({ schema, ...fields }, plain);
  }

  /** Something the reader should know, beside the result: to standard error, and only in text. */
  note(text: string): void {
    if (!this.json) this.#streams.stderr.write(`${this.errorPaint.dim(`note: ${text}`)}\n`);
  }

  /** Text to standard error as it is. */
  error(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }
}

/** Counters are numbers while JSON can hold them exactly, and decimal text beyond. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}

/** The locale says UTF-8, in the order the C library asks. */
export function isUnicode(env: NodeJS.ProcessEnv): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale);
}
