// SPDX-License-Identifier: MIT
//
// A simulated host in a process of its own: how it starts, what it obeys, and that nothing of it is left in the end.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type HostProcess, startHostProcess } from '../../dist/host/index.js';

const hostModule = new URL('../../dist/host/index.js', import.meta.url).href;

/** Runs a module's text in a process of its own. */
function script(text: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return String(line);
}

/** Exit status of a host process; waiting alone does not keep this process alive. */
async function statusOf(host: HostProcess): Promise<number | null> {
  const alive = setInterval(() => undefined, 60_000);
  const status = await host.ended;
  clearInterval(alive);
  return status;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function devices(root: string): string[] {
  return readdirSync(join(root, 'sys/bus/vmbus/devices'));
}

describe('a host process', () => {
  it('serves a folder until it is closed', async () => {
    const host = await startHostProcess({ devices: ['echo', 'balloon:wantsReports=false'], cpus: 2 });

    assert.equal(devices(host.root).length, 2);
    assert.deepEqual(
      host.devices.map(({ name }) => name),
      ['echo', 'balloon'],
    );
    assert.notEqual(host.pid, process.pid);
    await host.close();
    await host.stop();

    assert.equal(await statusOf(host), 0);
    assert.equal(existsSync(host.root), false);
    assert.equal(isAlive(host.pid), false);
  });

  it('offers and withdraws devices while it runs', async () => {
    await using host = await startHostProcess({ devices: ['echo'] });

    await host.add({ name: 'echo', options: { name: 'second', instanceGuid: '6a3b0000-1111-2222-3333-000000000009' } });
    assert.ok(devices(host.root).includes('6a3b0000-1111-2222-3333-000000000009'));
    await host.rescind('second');

    assert.equal(devices(host.root).length, 1);
    await assert.rejects(host.rescind('second'), { code: 'ERR_VMBUS_NO_DEVICE' });
    await assert.rejects(host.add('nothing'), { code: 'ERR_INVALID_ARG_VALUE' });
    await host.refresh();
  });

  it('serves the folder that it is given', async (t) => {
    const parent = mkdtempSync(join(tmpdir(), 'vmbus-test-'));
    t.after(() => rmSync(parent, { recursive: true, force: true }));
    await using host = await startHostProcess({ devices: [], root: join(parent, 'root') });

    assert.equal(host.root, join(parent, 'root'));
  });

  it('that cannot start says why, and leaves nothing behind', async (t) => {
    const parent = mkdtempSync(join(tmpdir(), 'vmbus-test-'));
    t.after(() => rmSync(parent, { recursive: true, force: true }));

    await assert.rejects(startHostProcess({ devices: ['nothing'] }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /echo/,
    });
    await assert.rejects(startHostProcess({ devices: [], root: tmpdir() }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /empty/,
    });
    await assert.rejects(
      startHostProcess({ devices: ['echo'], signal: AbortSignal.abort(new Error('never mind')) }),
      /never mind/,
    );
  });

  it('ends when its signal is aborted', async () => {
    const stop = new AbortController();
    const host = await startHostProcess({ devices: ['echo'], signal: stop.signal });

    stop.abort();

    assert.equal(await statusOf(host), 0);
    assert.equal(existsSync(host.root), false);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`removes its folder on ${signal}`, async () => {
      const host = await startHostProcess({ devices: ['echo'], bound: true });

      process.kill(host.pid, signal);

      assert.equal(await statusOf(host), 0);
      assert.equal(existsSync(host.root), false);
    });
  }

  it('that is killed leaves no folder either', async () => {
    const host = await startHostProcess({ devices: ['echo'], bound: true });

    process.kill(host.pid, 'SIGKILL');

    assert.equal(await statusOf(host), null);
    assert.equal(existsSync(host.root), false);
    await assert.rejects(host.refresh(), { code: 'ERR_VMBUS_CLOSED' });
    await host.close();
  });

  it('does not keep its parent alive, and ends with it', async () => {
    const parent = script(`
      import { startHostProcess } from '${hostModule}';
      const host = await startHostProcess({ devices: ['echo'] });
      console.log(JSON.stringify({ root: host.root }));
    `);
    const { root } = JSON.parse(await firstLine(parent));

    assert.deepEqual(await once(parent, 'exit'), [0, null]);
    await until(() => !existsSync(root));

    assert.equal(existsSync(root), false);
  });

  it('ends when its parent is killed', async () => {
    const parent = script(`
      import { startHostProcess } from '${hostModule}';
      const host = await startHostProcess({ devices: ['echo'] });
      console.log(JSON.stringify({ root: host.root }));
      setInterval(() => {}, 1000);
    `);
    const { root } = JSON.parse(await firstLine(parent));

    parent.kill('SIGKILL');
    await until(() => !existsSync(root));

    assert.equal(existsSync(root), false);
  });
});

describe('a host in the process of a script', () => {
  it('keeps the process alive, and removes its folder when the process exits without closing it', async () => {
    const child = script(`
      import { SimulatedHost, echo } from '${hostModule}';
      const host = await SimulatedHost.start({ devices: [echo()], bound: true });
      process.on('SIGUSR2', () => process.exit(3));
      console.log(host.root);
    `);
    const root = await firstLine(child);
    assert.equal(existsSync(root), true);
    assert.equal(child.exitCode, null);

    child.kill('SIGUSR2');

    assert.deepEqual(await once(child, 'exit'), [3, null]);
    assert.equal(existsSync(root), false);
  });

  it('lets the process end when it is told to', async () => {
    const child = script(`
      import { SimulatedHost, echo } from '${hostModule}';
      const host = await SimulatedHost.start({ devices: [echo()], bound: true });
      host.unref();
      console.log(host.root);
    `);
    const root = await firstLine(child);

    assert.deepEqual(await once(child, 'exit'), [0, null]);
    assert.equal(existsSync(root), false);
  });

  it('leaves no descriptor and no memory mapped when it is closed', async () => {
    const child = script(`
      import { readdirSync, readFileSync } from 'node:fs';
      import { SimulatedHost, echo } from '${hostModule}';
      const open = () => readdirSync('/proc/self/fd').length;
      const rings = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.includes('vmbus-rings')).length;
      const round = async () => { await (await SimulatedHost.start({ devices: [echo(), echo({ monitorId: 3 })], bound: true })).close(); };
      await round();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const before = open();
      for (let i = 0; i < 5; i += 1) await round();
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(JSON.stringify([open() - before, rings()]));
    `);

    assert.equal(await firstLine(child), '[0,0]');
    await once(child, 'exit');
  });
});

it('the child program stands beside the library', () => {
  assert.ok(existsSync(fileURLToPath(new URL('./process-main.js', hostModule))));
});
