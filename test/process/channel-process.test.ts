// SPDX-License-Identifier: MIT
//
// Processes with channels: when they stay alive, how they end, and channels that a program lost.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openBus } from '../../dist/bus/index.js';
import { openChannel } from '../../dist/channel/index.js';
import { startHostProcess } from '../../dist/host/index.js';

let host: Awaited<ReturnType<typeof startHostProcess>>;

before(async () => {
  host = await startHostProcess({ devices: [{ name: 'echo', options: {} }], bound: true });
});
after(() => host.close());

const child = fileURLToPath(new URL('./channel-child.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** Runs a program to its end; `stop` ends it once it has said its first line. */
function run(program: string, options: { readonly stop?: boolean } = {}): Promise<Ended> {
  const process_ = spawn(process.execPath, ['--expose-gc', child, program, host.root]);
  let output = '';
  let errors = '';
  process_.stdout.on('data', (chunk) => {
    output += chunk;
    if (options.stop === true) setTimeout(() => process_.kill('SIGTERM'), 300);
  });
  process_.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    process_.on('close', (code) => resolve({ code, lines: output.trim().split('\n'), errors }));
  });
}

/** The host has let go of the last owner, whoever that was. */
async function canBeOpened(): Promise<void> {
  for (;;) {
    try {
      const channel = await openChannel(openBus({ root: host.root }).device('echo'));
      assert.equal((await channel.request(Uint8Array.of(5))).payload[0], 5);
      await channel.close();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_VMBUS_BUSY') throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe('a process', () => {
  it('stays alive as long as it has an open channel', async () => {
    const { code, lines } = await run('open', { stop: true });

    assert.deepEqual([code, lines], [null, ['open']]);
    await canBeOpened();
  });

  for (const program of ['closed', 'unref']) {
    it(`ends by itself with its channel ${program === 'unref' ? "unref'd" : program}`, async () => {
      const { code, lines, errors } = await run(program);

      assert.deepEqual([code, lines, errors], [0, [program], '']);
      await canBeOpened();
    });
  }

  it('may exit in the middle of everything', async () => {
    const { code, errors } = await run('exit');

    assert.deepEqual([code, errors], [7, '']);
    await canBeOpened();
  });

  it('catches what its visitor throws, and its channel goes on', async () => {
    const { code, lines, errors } = await run('uncaught');

    assert.deepEqual([code, lines, errors], [0, ['caught boom', 'answered 2'], '']);
  });

  it('dies of an error in its loop like of any other', async () => {
    const { code, lines, errors } = await run('unhandled');

    assert.deepEqual([code, lines], [1, ['loop']]);
    assert.match(errors, /boom in a loop/);
    await canBeOpened();
  });

  it('has a device that another process holds only if it insists', async () => {
    const owner = await openChannel(openBus({ root: host.root }).device('echo'));

    const { code, errors } = await run('open');

    assert.equal(code, 1);
    assert.match(errors, /ERR_VMBUS_BUSY/);
    assert.match(errors, /another process/);
    await owner.close();
  });
});

describe('a channel that was lost', () => {
  it('is closed by the garbage collector, with one warning that names the device', async () => {
    const { code, lines } = await run('lost');

    assert.equal(code, 0);
    assert.equal(lines.length, 2, lines.join('\n'));
    assert.match(
      lines[0] ?? '',
      /^VmbusWarning: The channel 1 of device [0-9a-f-]{36} was collected while it was open/,
    );
    assert.equal(lines[1], 'closed by the collector');
  });

  it('is not one that somebody waits on', async () => {
    const { code, lines } = await run('waited');

    assert.deepEqual([code, lines], [0, ['got 16']]);
  });
});
