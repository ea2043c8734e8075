// SPDX-License-Identifier: MIT
//
// Folders of simulated hosts whose script was killed: the next host removes them, and no folder of anybody else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { SimulatedHost } from '../../dist/host/index.js';

interface Script {
  readonly root: string;
  kill(): Promise<void>;
}

/** A script with a host in its own process. */
async function script(t: TestContext): Promise<Script> {
  const main = new URL('../../dist/host/index.js', import.meta.url).href;
  const text = `
    import { SimulatedHost, echo } from ${JSON.stringify(main)};
    console.log((await SimulatedHost.start({ devices: [echo()], bound: true })).root);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [root] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  t.after(async () => {
    await kill();
    rmSync(root, { recursive: true, force: true });
  });
  return { root, kill };
}

async function startAnother(): Promise<void> {
  await using host = await SimulatedHost.start({ devices: [] });
  assert.ok(existsSync(host.root));
}

/** A folder beside `root` that looks like a host's, with this record. */
function imitation(t: TestContext, root: string, name: string, record: object | null): string {
  const folder = join(dirname(root), name);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'run/vmbus'), { recursive: true, mode: 0o700 });
  if (record) writeFileSync(join(folder, 'run/vmbus/host.json'), JSON.stringify(record));
  return folder;
}

describe('the folder of a host', () => {
  it('is removed by the next host when its script was killed', async (t) => {
    const killed = await script(t);
    await killed.kill();
    assert.ok(existsSync(killed.root), 'nobody could have removed it yet');

    await startAnother();

    assert.equal(existsSync(killed.root), false);
  });

  it('stays while the host lives', async (t) => {
    const living = await script(t);

    await startAnother();

    assert.ok(existsSync(join(living.root, 'sys/bus/vmbus/devices')));
  });

  it('is removed when another process has the number now, and stays in every case of doubt', async (t) => {
    const { root } = await script(t);
    const record = JSON.parse(readFileSync(join(root, 'run/vmbus/host.json'), 'utf8')) as Record<string, unknown>;
    const dead = { ...record, startTime: '1' };
    assert.match(basename(root), /^vmbus-[A-Za-z0-9]{6}$/);
    const doubtful = [
      imitation(t, root, 'vmbus-Test01', null),
      imitation(t, root, 'vmbus-Test02', { ...dead, isFresh: false }),
      imitation(t, root, 'vmbus-Test03', { ...dead, pidNamespace: 'pid:[1]' }),
      imitation(t, root, 'vmbus-Test04', { ...dead, bootId: 'another' }),
      imitation(t, root, 'vmbus-Test05', { ...dead, startTime: undefined }),
      imitation(t, root, 'vmbus-Test06', { ...dead, pid: -1 }),
      imitation(t, root, 'vmbus-of-somebody', dead),
    ];
    const reused = imitation(t, root, 'vmbus-Test07', dead);

    await startAnother();

    assert.equal(existsSync(reused), false);
    assert.deepEqual(
      doubtful.filter((folder) => !existsSync(folder)),
      [],
    );
  });
});
