// SPDX-License-Identifier: MIT
//
// `hv service`: units and rules of this package in their places below a root, and away again. Shows first; runs nothing.

import { type Command, Option } from 'commander';
import type { UnitPlan } from '../../index.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';
import { examples } from '../program.js';
import { renderTable } from '../table.js';
import { UsageError } from '../usage-error.js';
import type { Action } from '../verbs.js';

interface ListOptions {
  readonly init?: 'systemd' | 'openrc';
}
interface ChangeOptions extends ListOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly hv?: string;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command.addHelpText(
    'after',
    `\nWrites only below the root. A file that somebody else wrote or changed is left alone, unless --force.\n${examples(
      [
        'hv service ls',
        'hv service install on-shutdown --dry-run',
        'hv --root /mnt/image service install ptp-link on-shutdown --yes',
        'hv service uninstall on-shutdown --yes',
      ],
    )}`,
  );
  command.action(() => {
    throw new UsageError('say what to do: ls, install or uninstall', 'hv service --help');
  });
  const init = () => new Option('--init <system>', 'what starts services there').choices(['systemd', 'openrc']);
  command
    .command('ls')
    .description('List units and rules, and what this system has of them.')
    .addOption(init())
    .addHelpText('after', examples(['hv service ls', "hv service ls --json | jq '.units[].state'"]))
    .action(action(list));
  for (const verb of ['install', 'uninstall'] as const) {
    const under = command
      .command(verb)
      .description(verb === 'install' ? 'Put files in their places.' : 'Remove files that are ours, and unchanged.')
      .argument('<names...>', 'names that `hv service ls` shows')
      .option('--dry-run', 'show what would change, line by line, and change nothing')
      .option('-y, --yes', 'change it')
      .option('--force', 'also what is not ours, or was changed')
      .addOption(init());
    if (verb === 'install')
      under.option('--hv <path>', 'the command on the system that runs the units (default: the PATH tells)');
    under.addHelpText(
      'after',
      examples([`hv service ${verb} on-shutdown --dry-run`, `hv service ${verb} on-shutdown --yes`]),
    );
    under.action(
      action((context, names: readonly string[], options: ChangeOptions) => change(context, verb, names, options)),
    );
  }
}

async function list(context: Context, { init }: ListOptions): Promise<void> {
  const { out } = context;
  const { listUnits } = await import('../../index.js');
  const units = listUnits({ root: await context.root(), ...(init ? { init } : {}) });
  if (out.json) return out.document('vmbus.service-list/1', { units });
  const columns = ['NAME', 'STATE', 'WHAT IT IS FOR'].map((title) => ({ title }));
  out.line(
    renderTable(
      columns,
      units.map(({ name, state, title }) => [name, state, title]),
      out.paint,
    ),
  );
  for (const { name, reason } of units) if (reason !== null) out.note(`${name}: ${reason}`);
  for (const { name, state, paths } of units)
    if (state === 'changed') out.note(`${name}: not as we left it: ${paths.join(' ')}`);
}

async function change(
  context: Context,
  action: UnitPlan['action'],
  names: readonly string[],
  { dryRun = false, yes = false, force = false, init, hv }: ChangeOptions,
): Promise<number> {
  const { out } = context;
  if (dryRun === yes)
    throw new UsageError(
      'say --dry-run to see what would change, or --yes to change it',
      `hv service ${action} --help`,
    );
  const { applyUnits, planUnits } = await import('../../index.js');
  const plan = planUnits({
    root: await context.root(),
    action,
    names,
    force,
    ...(init ? { init } : {}),
    ...(hv ? { hv } : {}),
  });
  const done = dryRun ? [] : applyUnits(plan);
  if (out.json) out.document('vmbus.service/1', { ...plan, dryRun, done: done.map(({ path }) => path) });
  else tell(plan, out, { dryRun });
  return plan.refused > 0 ? ExitCode.failed : ExitCode.ok;
}

function tell({ steps, next, refused }: UnitPlan, out: Output, { dryRun }: { readonly dryRun: boolean }): void {
  const { paint } = out;
  for (const { kind, path, reason, diff } of steps) {
    const word = kind === 'refuse' ? paint.bad(kind) : paint.bold(kind);
    out.line(`${word} ${path}${reason === null ? '' : `: ${harmless(reason)}`}`);
    const shows = kind === 'refuse' || (dryRun && kind !== 'keep');
    for (const line of shows ? diff : []) out.line(`  ${colored(line, paint)}`);
  }
  if (refused > 0) out.note('--force does what is refused for the file that is there');
  const changes = steps.some(({ kind }) => kind !== 'keep' && kind !== 'refuse');
  for (const command of changes ? next : []) out.note(`then, in that system: ${command}`);
}

function colored(line: string, paint: Output['paint']): string {
  const text = harmless(line);
  if (line.startsWith('+')) return paint.good(text);
  return line.startsWith('-') ? paint.bad(text) : paint.dim(text);
}
