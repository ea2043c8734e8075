// SPDX-License-Identifier: MIT
//
// A host whose script ends while a guest is frozen: its last word is a thaw.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { openChannel } from '../../dist/channel/index.js';
import { LinuxIcGuest } from '../unit/support/linux-ic-guest.js';

/** A script that freezes the first guest that comes, and then does something. */
const script = (after: string): string => `
  import { SimulatedHost, vss } from ${JSON.stringify(new URL('../../dist/host/index.js', import.meta.url).href)};
  const backup = vss();
  const host = await SimulatedHost.start({ devices: [backup], bound: true });
  console.log(host.root);
  await backup.ready();
  await backup.freeze();
  ${after}`;

for (const [how, after, exitCode] of [
  ['exits', 'process.exit(0)', 0],
  ['throws', "setImmediate(() => { throw new Error('a bug of the script'); })", 1],
] as const) {
  describe('a guest that is frozen', () => {
    it(`is thawed when the script of its host ${how}`, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script(after)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const exited = once(child, 'exit');
      const [root] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      const guest = new LinuxIcGuest(['5.0']);
      const channel = await openChannel(openBus({ root }).device('vss'));
      await assert.rejects(async () => {
        for await (const { payload } of channel) {
          const answer = guest.take(payload);
          // The thaw comes from a host that is gone already.
          if (answer) await channel.send(answer);
        }
      });

      assert.deepEqual(
        guest.bodies.map((body) => body[0]),
        [5, 6],
      );
      assert.equal((await exited)[0], exitCode);
    });
  });
}
