// SPDX-License-Identifier: MIT
//
// `hv on EVENT -- COMMAND`: runs a command at each event of a kind, one at a time, each within a limit.

import { type Command, Option } from 'commander';
import type { LifecycleKind } from '../../index.js';
import { runChild } from '../child.js';
import type { Context } from '../context.js';
import { eventEnvironment, noteAbsent } from '../events/event-text.js';
import { ExitCode } from '../exit-codes.js';
import { duration } from '../option-values.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly limit?: number;
  readonly once?: boolean;
  readonly takeOver?: boolean;
}

const usualLimitMs = 60_000;
/** Hosts wait half a minute for an answer. */
const takeOverLimitMs = 20_000;

const about = `The command finds VMBUS_EVENT, VMBUS_EVENT_TIME, VMBUS_ROOT and the event's
facts (VMBUS_EVENT_WAY, VMBUS_EVENT_JUMP_MS, VMBUS_EVENT_DEVICE ...) in its
environment. Events that come while it runs wait for its end. At a shutdown
systemd waits for it, for InhibitDelayMaxSec (5 s) at most; beside the kernel's
driver nobody can refuse one.

With --take-over the kernel lends the shutdown device, and the host waits for
the command: status 0 agrees, and this system goes down (/sbin/poweroff,
/sbin/reboot); any other refuses. Out of time, it is ended, and that agrees.
The command also finds VMBUS_EVENT_WAY (power-off, restart) and _IS_FORCED.`;

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .argument('<event>', 'shutdown, sleep, resume, time-jump, moved, device-added, device-removed')
    .usage('<event> [options] -- COMMAND...')
    .addOption(
      new Option('--limit <time>', 'end the command after so long (default: 60s; 20s with --take-over)').argParser(
        duration,
      ),
    )
    .option('--once', 'end after the first event, with the status of the command')
    .option('--take-over', 'shutdown: take the device from the kernel, and decide')
    .addHelpText(
      'after',
      `\n${about}\n${examples([
        'hv on shutdown -- ./drain.sh',
        'hv on shutdown --take-over -- ./may-it-go-down.sh',
        "hv on time-jump -- sh -c 'logger clock went $VMBUS_EVENT_JUMP_MS ms'",
        'hv on device-added --once -- ./set-up-disk.sh',
      ])}`,
    )
    .action(action(on));
}

async function on(context: Context, event: string, options: Options): Promise<number> {
  const { out, signal, command } = context;
  if (command.length === 0) throw new UsageError('say which command to run: hv on EVENT -- COMMAND', 'hv on --help');
  const { once = false } = options;
  if (options.takeOver === true) {
    if (event !== 'shutdown') throw new UsageError('--take-over goes with shutdown alone', 'hv on --help');
    const { takeOver } = await import('../events/take-over.js');
    return takeOver(context, { limitMs: options.limit ?? takeOverLimitMs, once });
  }
  const limit = options.limit ?? usualLimitMs;
  const { lifecycle, VmbusError } = await import('../../index.js');
  const root = await context.root();
  const life = lifecycle({ root, signal, kinds: [event as LifecycleKind] });
  context.defer(() => life[Symbol.asyncDispose]());
  const sources = await life.sources;
  if (!sources.some(({ isWatched }) => isWatched)) {
    noteAbsent(sources, out);
    const why = sources[0]?.says ?? 'only a script that serves backups does';
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `nothing tells of ${event} here: ${why}`, {
      hint: 'see what is told here, and by whom: hv events',
    });
  }
  out.note(`waiting for ${event}; Ctrl-C ends it`);
  for await (const one of life) {
    const { status, timedOut } = await runChild(context, {
      env: { ...eventEnvironment(one), VMBUS_ROOT: root },
      limitMs: limit,
    });
    if (timedOut) out.note(`the command was ended: it took longer than ${limit / 1000} s (--limit)`);
    else if (status !== 0) out.note(`the command ended with status ${status}`);
    if (once) return timedOut ? ExitCode.failed : status;
  }
  return ExitCode.ok;
}
