// SPDX-License-Identifier: MIT
//
// Commands on standard input while a host is served: one a line, one after the other, each with an answer. The end of the
// input ends the commands, not the host.
// Called by: commands/sim.ts. Calls: control-commands.ts.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import type { Context } from '../context.js';
import { describeFailure, printFailure } from '../failure.js';
import { answerText } from './answer-text.js';
import { commandWords } from './command-words.js';
import { type ControlDesk, runCommand } from './control-commands.js';

/** Whether somebody at a terminal may type commands. Reading one from the background stops a process. */
export function isAtTerminal(): boolean {
  if (!process.stdin.isTTY) return false;
  // proc(5): pid (comm) state ppid pgrp session tty_nr tpgid …; the name of the program may hold anything.
  const [, , ownGroup, , , foregroundGroup] = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return ownGroup === foregroundGroup;
}

/** Obeys commands until there are no more, or the run ends. */
export async function takeCommands(context: Context, desk: ControlDesk): Promise<void> {
  const { signal } = context;
  const lines = createInterface({ input: process.stdin, terminal: false });
  const stop = (): void => {
    lines.close();
    // Else what is still to come keeps the process alive.
    process.stdin.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  let isOver = false;
  const quit = (): void => {
    isOver = true;
    desk.quit();
  };
  try {
    for await (const line of lines) {
      if (signal.aborted) break;
      await obey(line, { host: desk.host, quit }, context);
      if (isOver) break;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

async function obey(line: string, desk: ControlDesk, { out, signal }: Context): Promise<void> {
  const command = line.trim();
  try {
    const words = commandWords(command);
    if (words.length === 0) return;
    const result = await runCommand(words, desk);
    if (out.json) out.record(schema, { command, result: result ?? null });
    else for (const text of answerText(result, out.paint)) out.line(text);
  } catch (error) {
    // What waited for a guest when the host was ended is no news.
    if (signal.aborted) return;
    if (out.json) out.record(schema, { command, error: describeFailure(error) });
    else printFailure(error, out);
  }
}

const schema = 'vmbus.sim.answer/1';
