// SPDX-License-Identifier: MIT
//
// What the scenes of the demonstration share: how to print, how to draw, when to stop.

import type { Glyphs } from '../draw/glyphs.js';
import type { Output } from '../output.js';

/** What a scene is given. */
export interface Stage {
  readonly out: Output;
  readonly glyphs: Glyphs;
  readonly signal: AbortSignal;
}

/** Begins a scene: a rule with its title. In JSON mode scenes are silent. */
export function heading({ out, glyphs }: Stage, title: string): void {
  if (out.json) return;
  const rest = Math.max(3, Math.min(out.width, 80) - title.length - 4);
  out.line(
    `\n${out.paint.dim(glyphs.rule.repeat(2))} ${out.paint.bold(title)} ${out.paint.dim(glyphs.rule.repeat(rest))}`,
  );
}

/** A line of a scene. */
export function say({ out }: Stage, text = ''): void {
  if (!out.json) out.line(text === '' ? '' : `  ${text}`);
}

/** Words of a scene, broken into lines that fit. */
export function tell(stage: Stage, text: string, paint: (line: string) => string = (line) => line): void {
  const most = Math.min(stage.out.width, 80) - 2;
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > most) {
      say(stage, paint(line));
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  say(stage, paint(line));
}
