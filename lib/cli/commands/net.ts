// SPDX-License-Identifier: MIT
//
// `hv net`: network cards that are lent to user space. The work of its verbs stands in ../net/.

import { type Command, Option } from 'commander';
import { duration, integer, size } from '../option-values.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action, Work } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command.addHelpText(
    'after',
    '\nA card must be lent to user space first (hv bind); one in use is refused there. hv restore gives it back.\n' +
      examples([
        'hv --sim net ping 10.9.9.1',
        'hv net ls',
        'hv bind eth1 -- hv net ping 10.9.9.1',
        'hv net dump --pcapng frames.pcapng',
      ]),
  );
  command.action(() => {
    throw new UsageError('say what to do: ls, info, ping, dump, echo, tap or bench', 'hv net --help');
  });
  defineLooking(command, action);
  definePing(command, action);
  defineFrames(command, action);
}

const cardText = 'the network card, by any of its names: class, uioN, relid or GUID';
const queues = (): Option => new Option('-q, --queues <n>', 'channels to use').argParser(integer(1, 64)).default(1);

function defineLooking(command: Command, action: Action): void {
  command
    .command('ls')
    .description('List the network cards, and who has them.')
    .addHelpText('after', examples(['hv net ls', 'hv net ls --json | jq -r .cards[].interface']))
    .action(action(later(() => import('../net/info.js').then(({ list }) => list))));
  command
    .command('info')
    .description('Open a card, and show its address, link, buffers and protocol.')
    .argument('[card]', cardText, 'net')
    .addHelpText('after', examples(['hv --sim net info', 'hv net info uio0 --json']))
    .action(action(later(() => import('../net/info.js').then(({ info }) => info))));
}

function definePing(command: Command, action: Action): void {
  command
    .command('ping')
    .description('Ping an address over a card that this command holds.')
    .argument('<address>', 'an IPv4 address')
    .option('-d, --device <card>', cardText, 'net')
    .option('--from <address>', "this side's address and prefix (10.9.9.2/24); left out: by DHCP")
    .option('--router <address>', 'where packets for other networks go')
    .option('-c, --count <n>', 'round trips; 0 = until Ctrl-C', integer(0), 4)
    .addOption(timeOption('-i, --interval <time>', 'from one to the next', 1000))
    .option('-s, --size <bytes>', 'payload', size, 56)
    .addOption(timeOption('-W, --timeout <time>', 'wait for an answer for so long', 1000))
    .addHelpText(
      'after',
      examples(['hv --sim net ping 10.9.9.1', 'hv net ping 10.9.9.1 --from 10.9.9.7/24 -c 100 -i 10ms --json']),
    )
    .action(action(later(() => import('../net/ping.js').then(({ ping }) => ping))));
}

function defineFrames(command: Command, action: Action): void {
  command
    .command('dump')
    .description('Print the frames that a card receives, or write them into a capture file.')
    .argument('[card]', cardText, 'net')
    .option('-c, --count <n>', 'end after so many frames; 0 = until Ctrl-C', integer(0), 0)
    .option('--pcapng <file>', 'write frames there, for tshark and Wireshark')
    .option('-p, --promiscuous', 'every frame on the wire, where the switch hands it over')
    .addHelpText('after', examples(['hv net dump', 'hv net dump --pcapng frames.pcapng -c 1000', 'hv net dump --json']))
    .action(action(later(() => import('../net/dump.js').then(({ dump }) => dump))));
  command
    .command('tap')
    .description("Join a card to an interface of this system, which goes on using the card that way; see 'ip link'.")
    .argument('[card]', cardText, 'net')
    .option('-n, --name <interface>', 'its name; left out: the kernel finds one')
    .option('--mtu <bytes>', 'longest packet', integer(68, 9000))
    .addOption(queues())
    .addHelpText('after', examples(['hv --sim net tap', 'hv bind eth1 -- hv net tap --name lan0']))
    .action(action(later(() => import('../net/tap.js').then(({ tap }) => tap))));
  command
    .command('echo')
    .description('Send every frame that is for the card back to its sender.')
    .argument('[card]', cardText, 'net')
    .option('-c, --count <n>', 'end after so many frames; 0 = until Ctrl-C', integer(0), 0)
    .addOption(queues())
    .addHelpText('after', examples(['hv net echo', 'hv net echo -c 1000 --json']))
    .action(action(later(() => import('../net/echo.js').then(({ echo }) => echo))));
  command
    .command('bench')
    .description('Send frames to the card itself for a while, and tell how many went.')
    .argument('[card]', cardText, 'net')
    .addOption(timeOption('-t, --time <time>', 'for so long', 2000))
    .option('-s, --size <bytes>', 'bytes of a frame', integer(14, 65535), 64)
    .addOption(queues())
    .addHelpText('after', examples(['hv --sim net bench', 'hv net bench -s 1514 -q 2 --json']))
    .action(action(later(() => import('../net/echo.js').then(({ bench }) => bench))));
}

/** An option that takes a duration; its default stands in the help as it would be typed. */
function timeOption(flags: string, text: string, defaultMs: number): Option {
  const option = new Option(flags, `${text} (a bare number is seconds)`).argParser(duration);
  return option.default(defaultMs, defaultMs % 1000 === 0 ? `${defaultMs / 1000}s` : `${defaultMs}ms`);
}

/** Work whose file is loaded when it is done. */
function later<A extends unknown[]>(load: () => Promise<Work<A>>): Work<A> {
  return async (context, ...args) => (await load())(context, ...args);
}
