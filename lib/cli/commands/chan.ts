// SPDX-License-Identifier: MIT
//
// `hv chan`: talk on the channel of a device bound for user space. Its four verbs stand in files of their own.

import { type Command, Option } from 'commander';
import { duration, hexBytes, integer, size } from '../option-values.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action, Work } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command.addHelpText(
    'after',
    examples(['hv chan ping echo', 'hv chan send echo hello', 'hv chan recv echo --json', 'hv chan dump echo']),
  );
  command.action(() => {
    throw new UsageError('say what to do: ping, send, recv or dump', 'hv chan --help');
  });
  definePing(command, action);
  defineSend(command, action);
  defineReceive(command, action);
  defineDump(command, action);
}

function definePing(command: Command, action: Action): void {
  command
    .command('ping')
    .description('Measure round trips on a device that answers, such as echo.')
    .argument('<device>', 'the device, by any of its names: class, interface, uioN, relid or GUID')
    .option('-c, --count <n>', 'round trips; 0 = until Ctrl-C', integer(0), 10)
    .addOption(timeOption('-i, --interval <time>', 'from one to the next', 200))
    .option('-s, --size <bytes>', 'payload, at least 8 bytes', size, 64)
    .addOption(timeOption('-W, --timeout <time>', 'wait for an answer for so long', 1000))
    .option('-q, --quiet', 'print the summary only')
    .addHelpText('after', examples(['hv --sim chan ping echo', 'hv chan ping echo -c 10000 -i 0 -q --json']))
    .action(action(later(() => import('./chan-ping.js').then(({ ping }) => ping))));
}

function defineSend(command: Command, action: Action): void {
  command
    .command('send')
    .description('Send one packet: text, hex bytes, a file, or standard input.')
    .argument('<device>', 'the device, by any of its names: class, interface, uioN, relid or GUID')
    .argument('[text]', 'the payload as text; left out: standard input')
    .option('--hex <bytes>', 'the payload as hex digits', hexBytes)
    .option('--file <path>', 'the payload from a file')
    .option('--request', 'ask for a completion, wait for it and print it')
    .addOption(timeOption('--timeout <time>', 'give up after so long', 5000))
    .addHelpText(
      'after',
      examples([
        'hv chan send echo hello',
        'hv chan send echo --hex "01 00 00 00" --request',
        'hv chan send echo < packet.bin',
      ]),
    )
    .action(action(later(() => import('./chan-send.js').then(({ send }) => send))));
}

function defineReceive(command: Command, action: Action): void {
  command
    .command('recv')
    .description('Print the packets that the host sends.')
    .argument('<device>', 'the device, by any of its names: class, interface, uioN, relid or GUID')
    .option('-c, --count <n>', 'end after so many packets; 0 = until Ctrl-C', integer(0), 0)
    .addOption(timeOption('--timeout <time>', 'end after so long'))
    .addHelpText(
      'after',
      examples(['hv chan recv echo --count 1', 'hv chan recv echo --json --timeout 5s | jq -r .payload']),
    )
    .action(action(later(() => import('./chan-recv.js').then(({ receive }) => receive))));
}

function defineDump(command: Command, action: Action): void {
  command
    .command('dump')
    .description('Open the channel, and print both ring headers and its counters.')
    .argument('<device>', 'the device, by any of its names: class, interface, uioN, relid or GUID')
    .addHelpText('after', examples(['hv chan dump echo', 'hv chan dump echo --json']))
    .action(action(later(() => import('./chan-dump.js').then(({ dump }) => dump))));
}

/** An option that takes a duration; its default stands in the help as it would be typed. */
function timeOption(flags: string, text: string, defaultMs?: number): Option {
  const option = new Option(flags, `${text} (a bare number is seconds)`).argParser(duration);
  if (defaultMs === undefined) return option;
  return option.default(defaultMs, defaultMs % 1000 === 0 ? `${defaultMs / 1000}s` : `${defaultMs}ms`);
}

/** Work whose file is loaded when it is done. */
function later<A extends unknown[]>(load: () => Promise<Work<A>>): Work<A> {
  return async (context, ...args) => (await load())(context, ...args);
}
