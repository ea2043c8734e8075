// SPDX-License-Identifier: MIT
//
// A simulated host as a process of its own: one JSON line of options on stdin, one JSON line `{ root }` or `{ error }` on
// stdout; then commands and their answers, a JSON line each. Ends when stdin does, so it never outlives its parent.
// Started by: host-process.ts.

import { createInterface } from 'node:readline';

import { isProcessCommand, type ProcessAnswer, type ProcessCommand, type ProcessOptions } from './process-protocol.js';
import { makeProvider } from './providers/by-name.js';
import { SimulatedHost } from './simulated-host.js';

let host: SimulatedHost | null = null;

function say(message: ProcessAnswer): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function failure(error: unknown): { readonly error: Record<string, unknown> } {
  const { message, code } =
    error instanceof Error ? (error as Error & { code?: string }) : { message: String(error), code: undefined };
  return { error: { message, code: code ?? 'ERR_VMBUS_SYSTEM' } };
}

async function begin(options: ProcessOptions): Promise<void> {
  const { devices, ...others } = options;
  host = await SimulatedHost.start({ ...others, devices: devices.map(makeProvider) });
  say({ root: host.root, devices: host.devices.map(({ name, instanceGuid }) => ({ name, instanceGuid })) });
}

function obey(command: ProcessCommand): void {
  if (!host) throw new Error('the host is not running yet');
  if (command.verb === 'rescind') host.rescind(command.device);
  else if (command.verb === 'vanish') host.vanishNode(command.device);
  else if (command.verb === 'refresh') host.refresh();
  else host.add(makeProvider(command.device));
}

async function end(status: number): Promise<void> {
  await host?.close();
  process.exit(status);
}

async function onLine(line: string): Promise<void> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
    if (!host) {
      await begin(parsed as ProcessOptions);
      return;
    }
    if (!isProcessCommand(parsed)) throw new Error(`not a command: ${line}`);
    obey(parsed);
    say({ id: parsed.id });
  } catch (error) {
    say(isProcessCommand(parsed) ? { id: parsed.id, ...failure(error) } : failure(error));
    if (!host) await end(1);
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));
const lines = createInterface({ input: process.stdin });
let last: Promise<void> = Promise.resolve();
lines.on('line', (line) => {
  last = last.then(() => onLine(line));
});
lines.on('close', () => void last.then(() => end(0)));
