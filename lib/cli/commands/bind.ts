// SPDX-License-Identifier: MIT
//
// `hv bind`: lends a device to user space. With a command the device is lent for its life and comes back whatever happens;
// without one it stays bound until `hv restore`, or until `--rollback-after` runs out.

import type { Command } from 'commander';
import type { DeviceBinding, InterfaceState } from '../../index.js';
import { runChild } from '../child.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { duration, names } from '../option-values.js';
import { printPlan } from '../plan-text.js';
import { examples } from '../program.js';
import { loadBusSurface } from '../surface.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly driver?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly accept?: readonly string[];
  readonly rollbackAfter?: number;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .argument('<device>', 'a GUID, eth0, sda, a relid or a class name')
    .usage('<device> [options] [-- COMMAND...]')
    .option('--driver <name>', 'the driver to bind to (default: uio_hv_generic)')
    .option('--dry-run', 'print what would be written, and write nothing')
    .option('--force', 'take a device that is in use: a mounted disk, an interface with an address')
    .option('--accept <hazards>', 'take on known harm, by the name that the refusal told', names)
    .option('--rollback-after <time>', 'give it back by itself after so long: 90s, 2m', duration)
    .addHelpText(
      'after',
      `\n${about}\n${examples([
        'hv bind eth1 --dry-run',
        'hv bind eth1 --rollback-after 2m -- ./experiment.sh',
        'hv bind eth1',
        'hv restore eth1',
      ])}`,
    )
    .action(action(bind));
}

const about = `With a COMMAND the device is bound for its life, and given back when it ends, is
killed, or runs out of time; its exit status becomes ours. It finds
VMBUS_DEVICE, VMBUS_NODE and VMBUS_ROOT in its environment. For hv inside of
COMMAND a class name (net, scsi) means this device. Without a COMMAND the device
stays bound until "hv restore", or until --rollback-after is over.

A network card's interface gets its name, MTU, addresses and routes again when
the card goes back; those of DHCP come with its client. --dry-run shows them.`;

/** How much longer than the command's own limit the library waits before it steps in, should this process be stuck or gone. */
const backstopMs = 15_000;

async function bind(context: Context, name: string, options: Options): Promise<number> {
  const { out, command, signal } = context;
  const { bindDevice } = await loadBusSurface();
  const device = (await context.bus()).device(name);
  const { driver, dryRun = false, force = false, accept = [], rollbackAfter: limitMs } = options;
  const lends = command.length > 0;
  const rollbackAfterMs = limitMs === undefined ? undefined : limitMs + (lends ? backstopMs : 0);
  const binding = await bindDevice(device, {
    dryRun,
    force,
    accept,
    signal,
    persist: !lends,
    ...(driver === undefined ? {} : { driver }),
    ...(rollbackAfterMs === undefined || dryRun ? {} : { rollbackAfterMs }),
  });
  for (const warning of binding.warnings) out.note(warning);
  for (const { kind, detail } of binding.uses) out.note(`taken all the same: ${kind}: ${detail}`);
  if (dryRun) return plan(context, binding);
  if (lends) return lend(context, binding, limitMs);
  await tell(context, binding);
  if (limitMs === undefined || out.json) return ExitCode.ok;
  if (process.stdin.isTTY) await hold(context, binding, limitMs);
  else out.note(`it goes back to ${binding.previousDriver ?? 'no driver'} by itself in ${limitMs / 1000} s`);
  return ExitCode.ok;
}

function plan({ out }: Context, binding: DeviceBinding): number {
  if (out.json) out.document('vmbus.bind/1', bindingJson(binding));
  else {
    printPlan(binding.steps, out, { dryRun: true });
    if (binding.interface !== null) out.line(out.paint.dim(`# and when it goes back: ${inWords(binding.interface)}`));
  }
  return ExitCode.ok;
}

/** What an interface gets again. */
function inWords({ name, isUp, mtu, master, addresses, routes }: InterfaceState): string {
  const parts = [
    `${name} is ${isUp ? 'up' : 'down'}, MTU ${mtu}`,
    ...(master === null ? [] : [`part of ${master}`]),
    ...addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    ...(routes.length === 0 ? [] : [`${routes.length} ${routes.length === 1 ? 'route' : 'routes'}`]),
  ];
  return parts.join(', ');
}

function bindingJson({
  device,
  driver,
  previousDriver,
  dryRun,
  steps,
  uses,
  interface: state,
  warnings,
}: DeviceBinding): Record<string, unknown> {
  return { device, driver, previousDriver, dryRun, steps, uses, interface: state, warnings };
}

async function tell(context: Context, binding: DeviceBinding): Promise<void> {
  const { out } = context;
  const now = (await context.bus()).device(binding.device);
  if (out.json) return out.document('vmbus.bind/1', { ...bindingJson(binding), node: now.uio?.node ?? null });
  printPlan(binding.steps, out, { dryRun: false });
  out.line(`${now.class.name} ${now.id} is bound to ${binding.driver}${now.uio ? ` at ${now.uio.node}` : ''}`);
  out.note(`hv restore ${now.id} gives it back`);
}

/** Runs the command on the device, and gives the device back when it has ended. */
async function lend(context: Context, binding: DeviceBinding, limitMs: number | undefined): Promise<number> {
  context.defer(() => giveBack(context, binding));
  const bus = await context.bus();
  const node = bus.device(binding.device).uio?.node;
  const env = { VMBUS_DEVICE: binding.device, VMBUS_ROOT: bus.root, ...(node ? { VMBUS_NODE: node } : {}) };
  const end = await runChild(context, { env, limitMs });
  if (end.timedOut) context.out.note('the time of --rollback-after is over: the command was ended');
  return end.timedOut ? ExitCode.failed : end.status;
}

/** Waits for Enter, which keeps the device bound, for the time to run out, or for the end of the session. */
async function hold({ out, signal }: Context, binding: DeviceBinding, afterMs: number): Promise<void> {
  const back = binding.previousDriver ?? 'no driver';
  out.note(`it goes back to ${back} in ${afterMs / 1000} s; press Enter to keep it`);
  if (await confirmed(afterMs, signal)) await binding.keep();
  else await giveBack({ out }, binding);
}

/** What of an interface is missing is to be seen, whoever has the card given back. */
async function giveBack({ out }: Pick<Context, 'out'>, binding: DeviceBinding): Promise<void> {
  const { interface: returned } = await binding.restore();
  for (const missing of returned?.missing ?? []) out.note(missing);
}

/** True when Enter was pressed in time. */
function confirmed(afterMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (answer: boolean): void => {
      clearTimeout(timer);
      process.stdin.off('data', onData).pause();
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const onData = (): void => finish(true);
    const onAbort = (): void => finish(false);
    const timer = setTimeout(() => finish(false), afterMs);
    signal.addEventListener('abort', onAbort, { once: true });
    if (process.stdin.isTTY) process.stdin.on('data', onData);
  });
}
