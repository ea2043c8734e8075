// SPDX-License-Identifier: MIT
//
// The command line's grammar: global options, verbs, help. Only the verb that was asked for is loaded.

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Action } from './verbs.js';
import { verbs } from './verbs.js';

/** Words on the command line before a `--`, and the command after it. */
export interface SplitArguments {
  readonly own: readonly string[];
  readonly command: readonly string[];
  readonly hasSeparator: boolean;
}

/** Takes the command of another program off the line, so that its options are never taken for ours. */
export function splitArguments(argv: readonly string[]): SplitArguments {
  const at = argv.indexOf('--');
  if (at < 0) return { own: argv, command: [], hasSeparator: false };
  return { own: argv.slice(0, at), command: argv.slice(at + 1), hasSeparator: true };
}

/** The first word that is no option and no option's value: the verb. `help` stands for all of them. */
export function findVerb(own: readonly string[]): string | undefined {
  for (let i = 0; i < own.length; i++) {
    const word = own[i] ?? '';
    if (word === '--root') i += 1;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

/** `help chan ping` as `chan ping --help`: the help command knows verbs only, not what stands under them. */
export function spellHelp(own: readonly string[]): readonly string[] {
  const words = own.filter((word) => !word.startsWith('-'));
  const [first, verb, under] = words;
  if (first !== 'help' || under === undefined || !verbs.some(({ name }) => name === verb)) return own;
  return [...words.slice(1), '--help'];
}

/** The program with its verbs; the wanted one complete, the others as lines of the help. */
export async function buildProgram(wanted: string | undefined, action: Action): Promise<Command> {
  const program = new Command('hv');
  addGlobals(program);
  for (const verb of verbs) {
    const command = program.command(verb.name).summary(verb.summary).description(sentence(verb.summary));
    command.helpGroup(verb.group);
    if (wanted === verb.name || wanted === 'help') (await verb.load()).define(command, action);
  }
  program.addHelpCommand(
    new Command('help').argument('[verb...]').description('show the help of a verb').helpGroup('Try out:'),
  );
  program.addHelpText('after', examples(['hv ls --tree', 'hv doctor', 'hv --sim chan ping echo', 'hv demo']));
  return program;
}

function addGlobals(program: Command): void {
  program
    .description('Scripting inside a Linux guest on Hyper-V: devices, channels and services of VMBus.')
    .usage('[options] VERB [arguments]')
    .version(version(), '-V, --version', 'print the version')
    .option('--root <dir>', 'work on this root: a simulated host, or a snapshot (default: VMBUS_ROOT, or /)')
    .option('--sim', 'start a simulated host for the life of the command')
    .option('--json', 'print JSON, with a versioned schema')
    .option('--color', 'colour, wherever the output goes')
    .option('--no-color', 'no colour (as NO_COLOR does)')
    .helpOption('-h, --help', 'show help')
    // Arguments of a verb stand in its own help.
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
}

/** The version in package.json, which stands two folders above this file in every layout. */
export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version: found } = JSON.parse(text) as { version?: unknown };
  return typeof found === 'string' ? found : 'unknown';
}

/** The examples that end each help text. */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}
