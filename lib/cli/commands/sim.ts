// SPDX-License-Identifier: MIT
//
// `hv sim`: serves the folder of a simulated host until Ctrl-C, or for the life of a command.

import type { Command } from 'commander';
import { VmbusError } from '../../index.js';
import { runChild } from '../child.js';
import type { Context } from '../context.js';
import { collect } from '../option-values.js';
import { examples } from '../program.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly device?: readonly string[];
  readonly list?: boolean;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .usage('[options] [-- COMMAND...]')
    .option('-d, --device <name[:opts]>', 'offer this device; may be repeated (default: echo and balloon)', collect)
    .option('--list', 'list the devices there are')
    .addHelpText(
      'after',
      examples([
        'hv sim',
        'hv sim -d echo:subchannels=2 -d balloon --root /tmp/host',
        'hv sim -- npm test',
        'hv sim --list',
      ]),
    )
    .action(action(serve));
}

async function serve(context: Context, options: Options): Promise<number | undefined> {
  const { out, signal, command } = context;
  if (options.list) return list(context);
  const { startSimulation } = await import('../simulation.js');
  const { root } = context.options;
  const host = await startSimulation({
    signal,
    ...(options.device ? { devices: options.device } : {}),
    ...(root ? { root } : {}),
  });
  context.defer(() => host.close());
  if (command.length > 0) return (await runChild(context, { env: { VMBUS_ROOT: host.root } })).status;
  const { pid, devices } = host;
  if (out.json) out.record('vmbus.sim/1', { root: host.root, pid, devices });
  else introduce(context, host.root);
  const status = await Promise.race([aborted(signal), host.ended]);
  if (signal.aborted) return undefined;
  throw new VmbusError('ERR_VMBUS_CLOSED', `the host process ended by itself, with status ${status ?? 'none'}`);
}

async function list({ out }: Context): Promise<undefined> {
  const { providersByName } = await import('../../host/index.js');
  const devices = Object.entries(providersByName).map(([name, { summary, options }]) => ({ name, summary, options }));
  if (out.json) out.document('vmbus.providers/1', { devices });
  for (const { name, summary, options } of out.json ? [] : devices) {
    out.line(`${out.paint.bold(name.padEnd(10))} ${summary}`);
    out.line(`${' '.repeat(10)} ${out.paint.dim(`options: ${options.join(', ')}`)}`);
  }
  return undefined;
}

function introduce({ out }: Context, root: string): void {
  const { bold, dim } = out.paint;
  out.line(`a simulated Hyper-V host serves ${bold(root)}`);
  out.line(`  ${dim('for a shell and its scripts')}  export VMBUS_ROOT=${root}`);
  out.line(`  ${dim('for one command            ')}  hv --root ${root} ls --tree`);
  out.line(`  ${dim('for one script             ')}  openBus({ root: '${root}' })`);
  out.line(`  ${dim('something to talk to       ')}  hv --root ${root} bind echo`);
  out.line('Ctrl-C ends it and removes the folder.');
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    // A pending promise does not keep a process alive; a timer does.
    const alive = setInterval(() => undefined, 2 ** 30);
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(alive);
        resolve();
      },
      { once: true },
    );
  });
}
