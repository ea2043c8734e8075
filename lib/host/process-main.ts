// SPDX-License-Identifier: MIT
//
// A simulated host as a process of its own: one JSON line of options on stdin, one JSON line `{ root }` or `{ error }` on
// stdout; then commands, their answers and events, a JSON line each. Ends when stdin does, so it never outlives its parent.
// Started by: host-process.ts. Calls: process-host.ts.

import { createInterface } from 'node:readline';

import { EventLog } from './event-log.js';
import { plainError } from './plain.js';
import { ProcessHost } from './process-host.js';
import {
  isProcessCommand,
  type ProcessAnswer,
  type ProcessCommand,
  type ProcessNews,
  type ProcessOptions,
} from './process-protocol.js';

const log = new EventLog((event) => say({ event }));
let host: ProcessHost | null = null;
let isEnding = false;

function say(message: ProcessAnswer | ProcessNews): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function begin(options: ProcessOptions): Promise<void> {
  try {
    host = await ProcessHost.start(options, log);
    say({ root: host.root, devices: host.devices });
  } catch (error) {
    say({ error: plainError(error) });
    await end(1);
  }
}

async function obey({ id, ...request }: ProcessCommand): Promise<void> {
  try {
    if (!host) throw new Error('the host is not running yet');
    const result = await host.obey(request);
    say(result === undefined ? { id } : { id, result });
  } catch (error) {
    say({ id, error: plainError(error) });
  }
}

async function end(status: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  let last = status;
  try {
    await host?.close();
  } catch (error) {
    say({ error: plainError(error) });
    last = 1;
  }
  process.exit(last);
}

async function onLine(line: string): Promise<void> {
  const parsed: unknown = JSON.parse(line);
  if (!host) await begin(parsed as ProcessOptions);
  // A guest may take its time for what it is asked: nobody else waits for it.
  else if (isProcessCommand(parsed)) void obey(parsed);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));
// Who is to be told is gone; stdin says the same.
process.stdout.on('error', () => void end(0));
const lines = createInterface({ input: process.stdin });
let last: Promise<void> = Promise.resolve();
lines.on('line', (line) => {
  last = last.then(() => onLine(line));
});
lines.on('close', () => void last.then(() => end(0)));
