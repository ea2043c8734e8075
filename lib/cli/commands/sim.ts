// SPDX-License-Identifier: MIT
//
// `hv sim`: serves the folder of a simulated host until Ctrl-C, or for the life of a command; tells what happens on it, and
// takes commands meanwhile.
// Calls: simulation.ts, sim/.

import type { Command } from 'commander';
import { VmbusError } from '../../index.js';
import { runChild } from '../child.js';
import type { Context } from '../context.js';
import { collect, integer } from '../option-values.js';
import { examples } from '../program.js';
import { controlHelp } from '../sim/control-help.js';
import type { Simulation } from '../simulation.js';
import { UsageError } from '../usage-error.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly device?: readonly string[];
  readonly list?: boolean;
  readonly bound?: boolean;
  readonly cpus?: number;
  readonly requireMonitor?: boolean;
  readonly record?: string;
  readonly control?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .usage('[options] [-- COMMAND...]')
    .option(
      '-d, --device <name[:opts]>',
      'offer this device; may be repeated (default: echo, balloon, some idle)',
      collect,
    )
    .option('--list', 'list the devices there are, their options and verbs')
    .option('--bound', 'bind every device to uio_hv_generic at once')
    .option('--cpus <n>', 'CPUs that the tree shows', integer(1, 8192))
    .option('--require-monitor', 'bind only devices with a monitorId, as Linux 6.1')
    .option('--record <file>', 'write down what guests and devices say')
    .option('--control', 'take commands from standard input (at a terminal anyway)')
    .option('-q, --quiet', 'tell troubles only')
    .option('-v, --verbose', 'tell what comes again and again, too: heartbeats, reports')
    .addHelpText('after', `\n${notes.join('\n')}\n${examples(exampleLines)}`)
    .action(action(serve));
}

const notes = [
  'OPTS is option=value,...; for some devices a value alone is enough:',
  'scsi:disk.img, net:10.9.9.1/24 (hv sim --list tells which).',
  'Events go to standard output, with --json as vmbus.sim.event/1 records; beside a',
  'COMMAND, which has standard output for itself, only troubles, to standard error.',
  '',
  'Commands while it serves (answers with --json: vmbus.sim.answer/1 records):',
  ...controlHelp().map((line) => `  ${line}`),
];

const exampleLines = [
  'hv sim',
  'hv sim -d net:10.9.9.1/24 -d scsi:disk.img,readonly -d kvp',
  'hv sim -d echo:subchannels=2 -d balloon --root /tmp/host --json',
  'hv sim -d echo --bound --record run.jsonl -- npm test',
  "echo 'add echo:name=second' | hv sim --control",
  'hv sim --list',
];

async function serve(context: Context, options: Options): Promise<number | undefined> {
  if (options.list) {
    const { listDevices } = await import('../sim/list-devices.js');
    await listDevices(context);
    return undefined;
  }
  const hasCommand = context.command.length > 0;
  if (hasCommand && options.control)
    throw new UsageError('--control and a command both want standard input', 'leave one of them away');
  const host = await startHost(context, options);
  if (!hasCommand) introduce(context, host);
  const { tellEvents } = await import('../sim/tell-events.js');
  const quiet = options.quiet || (hasCommand && !options.verbose);
  const told = tellEvents(host, context, { quiet, verbose: options.verbose, toError: hasCommand });
  if (!hasCommand) return serveUntilEnd(context, host, { told, control: options.control ?? false });
  told.catch(() => undefined);
  return (await runChild(context, { env: { VMBUS_ROOT: host.root } })).status;
}

async function startHost(context: Context, options: Options): Promise<Simulation> {
  const { startSimulation } = await import('../simulation.js');
  const { root } = context.options;
  const { device, bound, cpus, requireMonitor, record } = options;
  const host = await startSimulation({
    signal: context.signal,
    ...(device ? { devices: device } : {}),
    ...Object.fromEntries(
      Object.entries({ root, bound, cpus, requireMonitor, record }).filter(([, value]) => value !== undefined),
    ),
  });
  context.defer(() => host.close());
  return host;
}

interface Serving {
  readonly told: Promise<void>;
  readonly control: boolean;
}

async function serveUntilEnd(context: Context, host: Simulation, { told, control }: Serving): Promise<undefined> {
  const { signal } = context;
  const { isAtTerminal, takeCommands } = await import('../sim/control.js');
  const quit = new Promise<'quit'>((resolve, reject) => {
    if (control || isAtTerminal()) takeCommands(context, { host, quit: () => resolve('quit') }).catch(reject);
  });
  const interrupted = aborted(signal);
  const end = await Promise.race([quit, interrupted.promise, told.then(() => host.ended)]).finally(interrupted.stop);
  if (signal.aborted || end === 'quit') return;
  throw new VmbusError('ERR_VMBUS_CLOSED', `the host process ended by itself, with status ${end ?? 'none'}`);
}

function introduce({ out }: Context, { root, pid, devices }: Simulation): void {
  if (out.json) {
    out.record('vmbus.sim/1', { root, pid, devices });
    return;
  }
  const { bold, dim } = out.paint;
  out.line(`a simulated Hyper-V host serves ${bold(root)}`);
  out.line(`  ${dim('devices                    ')}  ${devices.map(({ name }) => name).join(' ')}`);
  out.line(`  ${dim('for a shell and its scripts')}  export VMBUS_ROOT=${root}`);
  out.line(`  ${dim('for one command            ')}  hv --root ${root} ls --tree`);
  out.line(`  ${dim('for one script             ')}  openBus({ root: '${root}' })`);
  const [first] = devices;
  if (first) out.line(`  ${dim('something to talk to       ')}  hv --root ${root} bind ${first.name}`);
  out.line('Ctrl-C ends it and removes the folder.');
}

/** The end of the run. A pending promise does not keep a process alive; a timer does. */
function aborted(signal: AbortSignal): { readonly promise: Promise<void>; stop(): void } {
  const alive = setInterval(() => undefined, 2 ** 30);
  const promise = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  return { promise, stop: () => clearInterval(alive) };
}
