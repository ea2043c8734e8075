// SPDX-License-Identifier: MIT
//
// `hv scsi`: storage controllers that are lent to user space. The work of its verbs stands in ../scsi/.

import { type Command, Option } from 'commander';
import { fileSize } from '../fcopy/options.js';
import { duration, integer, size } from '../option-values.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action, Work } from '../verbs.js';

const deviceText = 'the SCSI controller or IDE accelerator, by any of its names: class, uioN, relid or GUID';
const lun = (): Option =>
  new Option('-l, --lun <n>', 'the disk; not needed where there is one').argParser(integer(0, 255));
const offset = (): Option =>
  new Option('--offset <bytes>', 'where to begin, such as 0, 4K or 20G').argParser(fileSize).default(0);

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command.addHelpText(
    'after',
    '\nA controller must be lent to user space first (hv bind); one whose disks are\n' +
      'in use is refused there. Once it was lent, its disks may hang with the kernel\n' +
      'until the next reboot: hv bind asks for --accept restored-disks-hang. Data go\n' +
      'through huge pages: sysctl vm.nr_hugepages=4.\n' +
      examples([
        'hv scsi ls',
        'hv bind scsi --accept restored-disks-hang -- hv scsi read scsi -o copy.img',
        'hv scsi bench scsi --random --size 4K --depth 32',
      ]),
  );
  command.action(() => {
    throw new UsageError('say what to do: ls, inquiry, capacity, read, write or bench', 'hv scsi --help');
  });
  defineLooking(command, action);
  defineMoving(command, action);
  command
    .command('bench')
    .description('Measure how fast a disk is read. Writes nothing.')
    .argument('[device]', deviceText, 'scsi')
    .addOption(lun())
    .option('-s, --size <bytes>', 'bytes of a read', size, 256 * 1024)
    .option('-d, --depth <n>', 'reads at a time', integer(1, 256), 16)
    .option('--channels <n>', 'channels to use', integer(1, 64), 1)
    .option('-t, --time <time>', 'for so long', duration, 3000)
    .option('--random', 'anywhere, instead of one after the other')
    .addHelpText('after', examples(['hv scsi bench', 'hv scsi bench -s 4K -d 32 --random --json']))
    .action(action(later(() => import('../scsi/bench.js').then(({ bench }) => bench))));
}

function defineLooking(command: Command, action: Action): void {
  command
    .command('ls')
    .description('List what is on a controller.')
    .argument('[device]', deviceText, 'scsi')
    .addHelpText('after', examples(['hv scsi ls', 'hv scsi ls uio0 --json | jq .units']))
    .action(action(later(() => import('../scsi/look.js').then(({ list }) => list))));
  command
    .command('inquiry')
    .description('Show what a disk says that it is.')
    .argument('[device]', deviceText, 'scsi')
    .addOption(lun())
    .addHelpText('after', examples(['hv scsi inquiry scsi --lun 0']))
    .action(action(later(() => import('../scsi/look.js').then(({ inquiry }) => inquiry))));
  command
    .command('capacity')
    .description('Show how large a disk is.')
    .argument('[device]', deviceText, 'scsi')
    .addOption(lun())
    .addHelpText('after', examples(['hv scsi capacity scsi --lun 0']))
    .action(action(later(() => import('../scsi/look.js').then(({ capacity }) => capacity))));
}

function defineMoving(command: Command, action: Action): void {
  command
    .command('read')
    .description('Copy bytes of a disk into a file, or to standard output.')
    .argument('[device]', deviceText, 'scsi')
    .addOption(lun())
    .addOption(offset())
    .option('--length <bytes>', 'how many; left out: to the end', fileSize)
    .option('-o, --output <file>', 'where to; left out: standard output')
    .addHelpText('after', examples(['hv scsi read scsi --length 512 | xxd', 'hv scsi read scsi --lun 1 -o disk.img']))
    .action(action(later(() => import('../scsi/move.js').then(({ read }) => read))));
  command
    .command('write')
    .description('Copy a file onto a disk. What is there is lost.')
    .argument('<device>', deviceText)
    .argument('<file>', 'whole blocks')
    .addOption(lun())
    .addOption(offset())
    .option('--write', 'do it; without this the command says what would be overwritten, and does nothing')
    .addHelpText('after', examples(['hv scsi write scsi disk.img', 'hv scsi write scsi disk.img --lun 1 --write']))
    .action(action(later(() => import('../scsi/move.js').then(({ write }) => write))));
}

/** Work whose file is loaded when it is done. */
function later<A extends unknown[]>(load: () => Promise<Work<A>>): Work<A> {
  return async (context, ...args) => (await load())(context, ...args);
}
