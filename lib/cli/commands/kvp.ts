// SPDX-License-Identifier: MIT
//
// `hv kvp`: key-value pairs between guest and host, in the pool files beside the distribution's daemon, or in its place. The
// work of its verbs stands in ../kvp/.

import { type Command, Option } from 'commander';
import { lockTimeout, poolOption, timeoutOption } from '../kvp/pools.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action, Work } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  const pools =
    '\nPools: guest (1) is written by the guest and read by the host, external (0) the other way round; auto-external (3) is\n' +
    'what the host tells about itself and this machine.\n';
  command.addHelpText(
    'after',
    pools +
      examples([
        'hv kvp ls',
        'hv kvp set build.phase ready',
        'hv kvp get --pool auto-external VirtualMachineName',
        'hv kvp wait --pool external app.config --timeout 90s',
      ]),
  );
  command.action(() => {
    throw new UsageError(
      'say what to do: ls, get, set, del, dump, watch, wait, publish, join or serve',
      'hv kvp --help',
    );
  });
  defineReading(command, action);
  defineWriting(command, action);
  defineWaiting(command, action);
  defineServing(command, action);
}

const key = ['<key>', 'the key; case counts here, though not for Windows'] as const;
const create = ['--create', "make the file where it is missing, as the daemon's (0644)"] as const;
const fsync = ['--fsync', 'end when the disk has it'] as const;

function defineReading(command: Command, action: Action): void {
  const read = () => import('../kvp/read.js');
  command
    .command('ls')
    .description('List keys and values, of all pools or one, and what the usual ones mean.')
    .addOption(poolOption())
    .addOption(lockTimeout())
    .addHelpText(
      'after',
      examples(['hv kvp ls', 'hv kvp ls --pool external', "hv kvp ls --json | jq '.pools[].entries'"]),
    )
    .action(action(later(() => read().then(({ list }) => list))));
  command
    .command('get')
    .description('Print the value of a key; status 3 where there is none.')
    .argument(...key)
    .addOption(poolOption('guest'))
    .addOption(lockTimeout())
    .addHelpText('after', examples(['hv kvp get build.phase', 'hv kvp get --pool auto-external HostName']))
    .action(action(later(() => read().then(({ get }) => get))));
  command
    .command('dump')
    .description('Print pool files as they are: every record, doubles, damage, a torn end, the mode.')
    .addOption(poolOption())
    .addOption(lockTimeout())
    .addHelpText('after', examples(['hv kvp dump --pool guest', 'hv kvp dump --json']))
    .action(action(later(() => import('../kvp/dump.js').then(({ dump }) => dump))));
}

function defineWriting(command: Command, action: Action): void {
  const write = () => import('../kvp/write.js');
  command
    .command('set')
    .description('Set a key: up to 254 UTF-16 units, its value up to 1022.')
    .argument(...key)
    .argument('[value]', 'its value; - or left out: standard input without its last line end')
    .addOption(poolOption('guest'))
    .option(...create)
    .option(...fsync)
    .addOption(lockTimeout())
    .addHelpText('after', examples(['hv kvp set build.phase ready', 'hostname -I | hv kvp set build.addresses -']))
    .action(action(later(() => write().then(({ set }) => set))));
  command
    .command('del')
    .description('Delete keys; status 3 where one is not there.')
    .argument('<keys...>', 'the keys')
    .addOption(poolOption('guest'))
    .option('-f, --force', 'a key that is not there is no failure')
    .option(...fsync)
    .addOption(lockTimeout())
    .addHelpText('after', examples(['hv kvp del build.phase', 'hv kvp del --force build.phase build.addresses']))
    .action(action(later(() => write().then(({ del }) => del))));
  command
    .command('publish')
    .description('Publish a file of up to 744,000 bytes under a key, in as many records as it takes.')
    .argument(...key)
    .argument('[file]', 'the file; - or left out: standard input')
    .addOption(poolOption('guest'))
    .option(...create)
    .option(...fsync)
    .addOption(lockTimeout())
    .addHelpText(
      'after',
      examples(['hv kvp publish ci.status ./status.json', 'journalctl -b | tail -c 700000 | hv kvp publish log']),
    )
    .action(action(later(() => write().then(({ publish }) => publish))));
}

function defineWaiting(command: Command, action: Action): void {
  const wait = () => import('../kvp/wait.js');
  command
    .command('watch')
    .description('Print every change of a pool, also when it is emptied, until Ctrl-C.')
    .addOption(poolOption('guest'))
    .option('--initial', 'begin with what is there')
    .addOption(lockTimeout())
    .addHelpText('after', examples(['hv kvp watch --pool external', 'hv kvp watch --initial --json | jq -c .key']))
    .action(action(later(() => wait().then(({ watch }) => watch))));
  command
    .command('wait')
    .description('Wait for a key, and print its value.')
    .argument(...key)
    .addOption(poolOption('guest'))
    .option('--value <text>', 'wait until it has this value')
    .option('--join', 'it is published in parts: wait until it is whole')
    .addOption(timeoutOption('give up after so long; default: never'))
    .addHelpText('after', examples(['hv kvp wait --pool external app.go --value yes --timeout 90s']))
    .action(action(later(() => wait().then((verbs) => verbs.wait))));
  command
    .command('join')
    .description('Print what was published under a key, checked by its digest.')
    .argument(...key)
    .addOption(poolOption('guest'))
    .option('--wait', 'wait until it is there and whole')
    .addOption(timeoutOption('with --wait: give up after so long; default: never'))
    .addHelpText(
      'after',
      examples(['hv kvp join ci.status', 'hv kvp join --pool external app.config --wait --timeout 90s > app.json']),
    )
    .action(action(later(() => wait().then(({ joinValue }) => joinValue))));
}

function defineServing(command: Command, action: Action): void {
  const work = () => import('../kvp/serve.js');
  command
    .command('serve')
    .description("Serve the pools to the host in the place of the distribution's daemon, until Ctrl-C.")
    .option('--wait', 'wait for the service, if the host has it switched off')
    .addOption(
      new Option(
        '--set-ip <who>',
        'let the host set addresses: by a program, the one found (auto), or only show how',
      ).choices(['auto', 'show', 'netplan', 'network-manager', 'networkd', 'ifupdown']),
    )
    .addHelpText(
      'after',
      '\nPrograms that use the pool files go on as they are. The daemon has to be stopped first:\n' +
        '  systemctl stop hv-kvp-daemon   (Ubuntu, RHEL, openSUSE: also hypervkvpd, hv_kvp_daemon)\n' +
        examples(['hv kvp serve', 'hv kvp serve --set-ip show', 'hv kvp serve --wait --json >> /var/log/kvp.jsonl']),
    )
    .action(action(later(() => work().then(({ serve }) => serve))));
  command
    .command('undo-ip')
    .description('Take back the addresses that the host had set with --set-ip.')
    .argument('<interface>', 'its name: eth0')
    .addHelpText('after', examples(['hv kvp undo-ip eth0']))
    .action(action(later(() => work().then(({ undoIp }) => undoIp))));
}

/** Work whose file is loaded when it is done. */
function later<A extends unknown[]>(load: () => Promise<Work<A>>): Work<A> {
  return async (context, ...args) => (await load())(context, ...args);
}
