// SPDX-License-Identifier: MIT
//
// `hv vss`: backups of this machine by the host. The work of its verbs stands in ../vss/.

import { type Command, Option } from 'commander';
import { collect, duration } from '../option-values.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action, Work } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command.addHelpText(
    'after',
    '\nFor a backup the host asks for a freeze: applications are brought to rest by hooks, then the file systems. What holds\n' +
      'those is a process of its own; they are thawed when hv is killed, and at the deadline.\n' +
      examples([
        'hv vss explain',
        'sudo hv vss dry-run --freeze --hooks /etc/vmbus/backup.d',
        'sudo hv vss serve --hooks /etc/vmbus/backup.d --deadline 30s',
      ]),
  );
  command.action(() => {
    throw new UsageError('say what to do: explain, dry-run, serve or thaw', 'hv vss --help');
  });
  defineLooking(command, action);
  defineServing(command, action);
}

const leaveOut = (): Option =>
  new Option('--leave-out <mount>', 'do not freeze this mount point or source; may be given again').argParser(collect);
const hooks = (): Option =>
  new Option('--hooks <folder>', 'programs that get freeze or thaw as their argument, by name');

function defineLooking(command: Command, action: Action): void {
  command
    .command('explain')
    .description('Show what a freeze would do with each mount, and why; status 1 if it would be refused.')
    .addOption(leaveOut())
    .addOption(hooks())
    .option('-a, --all', 'also mounts that are on no disk of this machine')
    .addHelpText(
      'after',
      examples(['hv vss explain', 'hv vss explain --leave-out /mnt/stick', "hv vss explain --json | jq '.obstacles'"]),
    )
    .action(action(later(() => import('../vss/explain.js').then((verbs) => verbs.explain))));
  withSteps(command.command('dry-run'))
    .description(
      'Try a backup without the host: everything but the freeze, or with --freeze that as well, for a moment.',
    )
    .option('--freeze', 'run hooks and commands, freeze, thaw at once, and tell how long each took')
    .addHelpText('after', examples(['sudo hv vss dry-run', 'sudo hv vss dry-run --freeze --hooks /etc/vmbus/backup.d']))
    .action(action(later(() => import('../vss/dry-run.js').then((verbs) => verbs.dryRun))));
}

function defineServing(command: Command, action: Action): void {
  withSteps(command.command('serve'))
    .description("Serve the host's backups in the place of the distribution's daemon, until Ctrl-C.")
    .option('--own-foreign', 'thaw also what somebody else had frozen before')
    .option('--wait', 'wait while the host has the service switched off')
    .addHelpText(
      'after',
      '\nOf a freeze is told when it is over: who logs to a frozen disk keeps its thaw from coming.\n' +
        examples([
          'sudo hv vss serve',
          'sudo hv vss serve --hooks /etc/vmbus/backup.d --deadline 30s',
          "sudo hv vss serve --on-freeze 'systemctl stop app' --on-thaw 'systemctl start app'",
        ]),
    )
    .action(action(later(() => import('../vss/serve.js').then((verbs) => verbs.serve))));
  command
    .command('thaw')
    .description('Thaw every file system whoever froze it, and what hooks of a killed run brought to rest.')
    .addOption(leaveOut())
    .addHelpText(
      'after',
      '\nFor a machine that hangs because who froze it is gone. In the middle of a backup it spoils that.\n' +
        examples(['sudo hv vss thaw', 'sudo hv vss thaw --json']),
    )
    .action(action(later(() => import('../vss/thaw.js').then((verbs) => verbs.thaw))));
}

function withSteps(command: Command): Command {
  return command
    .addOption(hooks())
    .option('--on-freeze <command>', 'shell command that brings an application to rest, before the hooks')
    .option('--on-thaw <command>', 'shell command that wakes it up again, after the hooks')
    .addOption(time('--deadline', 'thaw so long after the freeze, whoever still counts on it', 60_000))
    .addOption(time('--hook-timeout', 'for commands and hooks together, each way', 20_000))
    .addOption(leaveOut());
}

function time(name: string, text: string, defaultMs: number): Option {
  return new Option(`${name} <time>`, `${text} (a bare number is seconds)`)
    .argParser(duration)
    .default(defaultMs, `${defaultMs / 1000}s`);
}

/** Work whose file is loaded when it is done. */
function later<A extends unknown[]>(load: () => Promise<Work<A>>): Work<A> {
  return async (context, ...args) => (await load())(context, ...args);
}
