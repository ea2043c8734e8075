// SPDX-License-Identifier: MIT
//
// `hv demo`, also `npm start`: everything in fifteen seconds. In a guest it only reads; elsewhere it starts a simulated host
// and shows a device being borrowed, used, withdrawn and given back.

import type { Command } from 'commander';
import type { Context } from '../context.js';
import type { Stage } from '../demo/stage.js';
import { heading, say, tell } from '../demo/stage.js';
import { openWorld } from '../demo/world.js';
import { glyphsFor } from '../draw/glyphs.js';
import { integer } from '../option-values.js';
import { examples, version } from '../program.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly packets?: number;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option(
      '-n, --packets <n>',
      'move exactly so many packets (default: at least 200,000, for three seconds)',
      integer(1, 1e9),
    )
    .addHelpText(
      'after',
      examples([
        'hv demo',
        'hv demo --packets 1000000',
        'hv demo --json | jq .throughput',
        'NO_COLOR=1 hv demo > demo.txt',
      ]),
    )
    .action(action(demo));
}

async function demo(context: Context, options: Options): Promise<void> {
  const { out, signal } = context;
  const stage: Stage = { out, glyphs: glyphsFor(out.unicode), signal };
  if (!out.json) out.line(`${out.paint.bold(`vmbus ${version()}`)}  scripting inside a Linux guest on Hyper-V`);
  const world = await openWorld(context);
  heading(stage, 'Where we are');
  for (const line of world.because) tell(stage, line);
  if (world.host) {
    const { playSimulation } = await import('../demo/simulation-show.js');
    const figures = await playSimulation(stage, { bus: world.bus, host: world.host, packets: options.packets });
    if (out.json) out.document('vmbus.demo/1', { world: world.name, root: world.bus.root, ...figures });
  } else {
    const { playGuest } = await import('../demo/guest-show.js');
    const figures = await playGuest(stage, world.bus);
    if (out.json) out.document('vmbus.demo/1', { world: world.name, root: world.bus.root, ...figures });
  }
  heading(stage, 'What to try next');
  for (const [command, remark] of world.next) say(stage, `${command.padEnd(26)} ${out.paint.dim(`# ${remark}`)}`);
}
