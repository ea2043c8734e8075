// SPDX-License-Identifier: MIT
//
// A plan in the words of a shell, so that it can be read, checked and run by hand.

import type { InterfaceCommand, PlanStep } from '../index.js';
import type { Output } from './output.js';

/** Prints the writes of a plan: each as the command that would do it, with what it is for. */
export function printPlan(steps: readonly PlanStep[], out: Output, { dryRun }: { readonly dryRun: boolean }): void {
  const { paint } = out;
  if (dryRun)
    out.line(
      paint.dim(steps.length > 0 ? '# nothing was written; this is what would be:' : '# there is nothing to do'),
    );
  for (const { what, path, write } of steps) {
    out.line(dryRun ? `printf ${quoted(write)} > ${quoted(path)}  ${paint.dim(`# ${what}`)}` : paint.dim(what));
  }
}

/** Prints what puts an interface back: as it would be typed, or (once done) in words. */
export function printCommands(
  commands: readonly InterfaceCommand[],
  out: Output,
  { dryRun }: { readonly dryRun: boolean },
): void {
  const { paint } = out;
  for (const { what, argv } of commands)
    out.line(dryRun ? `${argv.map(quoted).join(' ')}  ${paint.dim(`# ${what}`)}` : paint.dim(what));
}

/** A word as a POSIX shell takes it; `printf` turns the `\n` of a write into a line end. */
function quoted(text: string): string {
  const word = text.replaceAll('\n', '\\n');
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
