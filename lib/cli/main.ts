#!/usr/bin/env node
// SPDX-License-Identifier: MIT
//
// The command `hv`: reads the command line, runs one verb, tells what went wrong, and answers with an exit status.
// Everything a run has opened, bound or started is given back before it ends, also after a signal or a broken pipe.

import process from 'node:process';
import type { Command } from 'commander';
import { makeContext } from './context.js';
import type { Interruption } from './interruption.js';
import { listenForEnd } from './interruption.js';
import { Output } from './output.js';
import type { SplitArguments } from './program.js';
import { buildProgram, findVerb, spellHelp, splitArguments } from './program.js';
import { errorsInside } from './suppressed.js';
import { UsageError } from './usage-error.js';
import type { Action } from './verbs.js';
import { verbs } from './verbs.js';

async function main(argv: readonly string[]): Promise<number> {
  const words = splitArguments(argv);
  const end = listenForEnd(process);
  let status = 0;
  try {
    const action = makeAction(words, end, (answer) => {
      status = answer;
    });
    const own = spellHelp(words.own);
    const program = await buildProgram(findVerb(own), action);
    if (words.own.length === 0) return usage(program);
    await program.parseAsync(own, { from: 'user' });
    return end.status ?? status;
  } catch (error) {
    return tellEnd(error, words, end);
  } finally {
    end.stop();
  }
}

/** What an interrupted command throws on its way out is the interruption, not news; anything else is told. */
async function tellEnd(error: unknown, words: SplitArguments, end: Interruption): Promise<number> {
  const errors = errorsInside(error).filter((one) => end.status === undefined || !isAbort(one, end.signal));
  if (errors.length === 0) return end.status ?? 0;
  const { endOf } = await import('./ending.js');
  const [first = 0] = errors.map((one) => endOf(one, makeOutput(words)));
  return end.status ?? first;
}

/** How to print is known before the grammar is: the complaint about a bad option must come as JSON too. */
function makeOutput({ own }: SplitArguments): Output {
  const color = own.filter((word) => word === '--color' || word === '--no-color').at(-1);
  const wish = color === undefined ? undefined : color === '--color';
  const { stdout, stderr, env } = process;
  return new Output({ json: own.includes('--json'), color: wish, stdout, stderr, env });
}

/** Ties the work of a verb to this run: a context before it, cleaning up after it. */
function makeAction(words: SplitArguments, end: Interruption, answer: (status: number) => void): Action {
  return (work) =>
    async (...args) => {
      const command = args.at(-1) as Command;
      refuseStrayCommand(command, words);
      await using context = makeContext({
        out: makeOutput(words),
        options: command.optsWithGlobals(),
        interruption: end,
        command: words.command,
      });
      const answered = await work(context, ...args);
      if (typeof answered === 'number') answer(answered);
    };
}

/** A command after `--` that nothing would run is a mistake worth stopping for. */
function refuseStrayCommand(command: Command, words: SplitArguments): void {
  const verb = verbs.find(({ name }) => name === command.name());
  if (!words.hasSeparator || (verb?.takesCommand && words.command.length > 0)) return;
  if (verb?.takesCommand) throw new UsageError(`a command is missing after "--"`, `hv ${command.name()} --help`);
  throw new UsageError(`hv ${command.name()} runs no command, but "--" names one`, `hv ${command.name()} --help`);
}

function usage(program: Command): number {
  process.stderr.write(program.helpInformation());
  return 2;
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

process.exitCode = await main(process.argv.slice(2));
