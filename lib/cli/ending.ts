// SPDX-License-Identifier: MIT
//
// The end of a run that did not go well: what commander has to say, in our words; everything else as it is. Loaded only then.

import { CommanderError } from 'commander';
import { ExitCode, exitCodeFor } from './exit-codes.js';
import { printFailure } from './failure.js';
import type { Output } from './output.js';
import { UsageError } from './usage-error.js';

/** Tells what ended a run, and answers with its exit status. Help and version are no failures. */
export function endOf(error: unknown, out: Output): number {
  if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.ok;
  const told = error instanceof CommanderError ? inOurWords(error) : error;
  printFailure(told, out);
  return exitCodeFor(told);
}

/** `error: unknown option '--jsn'\n(Did you mean --json?)` → a message and a hint. */
function inOurWords(error: CommanderError): UsageError {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest.join(' ').replace(/^\(D/, 'd').replace(/\)$/, '').trim();
  return new UsageError(first, suggestion || 'hv --help lists verbs and options, hv VERB --help shows examples');
}
