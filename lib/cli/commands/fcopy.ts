// SPDX-License-Identifier: MIT
//
// `hv fcopy`: files that the host copies into this machine (Copy-VMFile). The work of its verbs stands in ../fcopy/.

import type { Command } from 'commander';
import { fileSize, folder, hookOption } from '../fcopy/options.js';
import { duration } from '../option-values.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action, Work } from '../verbs.js';

const into = '-i, --into <dir[=mode[,owner[:group]]]>';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command.addHelpText(
    'after',
    `\nOn the host, in PowerShell: Copy-VMFile 'web 1' -SourcePath C:\\report.txt -DestinationPath /srv/inbox/report.txt -FileSource Host\n${examples(
      ['hv fcopy serve --into /srv/inbox', 'hv fcopy explain'],
    )}`,
  );
  command.action(() => {
    throw new UsageError('say what to do: serve or explain', 'hv fcopy --help');
  });
  addRules(
    command
      .command('serve')
      .description('Receive files into folders with rules, in the place of the daemon, until Ctrl-C.')
      .requiredOption(into, 'a folder for files, its rules; may be repeated', folder),
  )
    .option('--fsync', 'tell the host that a file is complete when the disk has it')
    .addOption(hookOption())
    .option('--hook-timeout <time>', 'end the command after so long', duration, 60_000)
    .option('--once', 'end after one file: status 0 if it was received, 1 if not')
    .option('--wait', 'wait for a service that is not there yet')
    .addHelpText(
      'after',
      '\nThe mode is of files, 0640 where none is said; owner and group are names or numbers. A file has no name until it is\n' +
        'complete. A path of the host that leads elsewhere is refused, by links as well.\n' +
        examples([
          'hv fcopy serve --into /srv/inbox=0640,app:app --max-size 2G --create-folders',
          "hv fcopy serve --into /srv/inbox --overwrite --on-file './import --file={}'",
          'hv fcopy serve --into /tmp/in --once --json | jq -r .path',
        ]),
    )
    .action(action(later(() => import('../fcopy/serve.js').then(({ serve }) => serve))));
  addRules(
    command
      .command('explain')
      .description('Tell where file copy stands here, and what would become of a file of the host.')
      .argument('[path]', 'the destination that the host would name')
      .option(into, 'with a path: the folders and rules, as for serve', folder),
  )
    .addHelpText('after', examples(['hv fcopy explain', 'hv fcopy explain --into /srv/inbox /srv/inbox/../etc/passwd']))
    .action(action(later(() => import('../fcopy/explain.js').then(({ explain }) => explain))));
}

function addRules(command: Command): Command {
  return command
    .option('--max-size <size>', 'most bytes of a file, such as 500M or 20G (default: 1G)', fileSize)
    .option('--overwrite', 'replace files that are there, when the host wants that (Copy-VMFile -Force)')
    .option('--create-folders', 'make missing folders, when the host wants that (-CreateFullPath)');
}

/** Work whose file is loaded when it is done. */
function later<A extends unknown[]>(load: () => Promise<Work<A>>): Work<A> {
  return async (context, ...args) => (await load())(context, ...args);
}
