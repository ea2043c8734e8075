// SPDX-License-Identifier: MIT
//
// Lines that are drawn over while they change: on a terminal only; elsewhere just their last state is printed.

import { stripVTControlCharacters } from 'node:util';
import type { Output } from '../output.js';

/** Time between two drawings; more would flicker and cost what is being measured. */
const intervalMs = 80;

/** Some lines at the place where the output stands. */
export class LiveLines {
  readonly #out: Output;
  #drawn = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(out: Output) {
    this.#out = out;
  }

  /** Draws the lines, unless it was done a moment ago or nobody would see them change. */
  update(lines: () => readonly string[]): void {
    const now = performance.now();
    if (!this.#out.isTerminal || now - this.#lastMs < intervalMs) return;
    this.#lastMs = now;
    this.#draw(lines());
  }

  /** Draws the lines for good. */
  finish(lines: readonly string[]): void {
    this.#draw(lines);
    this.#drawn = 0;
  }

  /** Takes the lines away. */
  clear(): void {
    if (this.#drawn > 0) this.#out.raw(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  #draw(lines: readonly string[]): void {
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : '';
    const end = this.#out.isTerminal ? '\u001b[K\n' : '\n';
    this.#out.raw(up + lines.map((line) => this.#fit(line) + end).join(''));
    this.#drawn = this.#out.isTerminal ? lines.length : 0;
  }

  /** A line that breaks would put the next drawing into the wrong place: it loses its end, and its colours. */
  #fit(line: string): string {
    if (!this.#out.isTerminal) return line;
    const cells = [...stripVTControlCharacters(line)];
    return cells.length <= this.#out.width ? line : cells.slice(0, this.#out.width).join('');
  }
}
