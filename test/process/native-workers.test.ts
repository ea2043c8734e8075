// SPDX-License-Identifier: MIT
//
// The addon in worker threads: loaded, terminated at any moment, attached to the lease of another thread.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { LeaseEvent, OpenStage, Status } from '../../dist/native/binding.js';
import { binding, closeLease, End, openLease, Pair, RING_BYTES, TestFolder, turn } from '../channel/native-pair.js';
import type { Drained, WorkerTask } from './native-worker.js';

const script = fileURLToPath(new URL('native-worker.js', import.meta.url));

function start(scenario: string, task: Partial<Omit<WorkerTask, 'scenario'>>): Worker {
  return new Worker(script, { workerData: { path: '', token: 0, ...task, scenario } });
}

async function message(worker: Worker): Promise<unknown> {
  const [first] = await once(worker, 'message');
  return first;
}

/** Descriptors and shared mappings of this process: what a leak would show in. */
function held(): { readonly descriptors: number; readonly mappings: number } {
  const mappings = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('memfd:vmbus')).length;
  return { descriptors: readdirSync('/proc/self/fd').length, mappings };
}

test('a worker with an open lease and a served node is terminated without a trace, a hundred times', async () => {
  using folder = new TestFolder();
  let before = held();
  for (let i = 0; i < 100; i++) {
    const worker = start('open and stay', { path: folder.file(`uio${i}`) });
    assert.equal(await message(worker), 1);
    await worker.terminate();
    if (i === 9) before = held();
  }
  assert.deepEqual(held(), before);
  assert.deepEqual(readdirSync(folder.path), []);
});

test('a worker is terminated while its open waits for an answer', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const node = binding.serveNode(path, RING_BYTES, -1, () => {});
  binding.refNode(node, false);
  for (let i = 0; i < 10; i++) {
    const worker = start('open without an answer', { path });
    await message(worker);
    await worker.terminate();
  }
  await turn();
  const { errno, lease } = await openLease(path, { exclusive: false });
  assert.equal(errno, 0);
  await closeLease(lease);
  binding.closeNode(node);
});

test('a worker is terminated in the middle of its callbacks', async () => {
  using folder = new TestFolder();
  for (let i = 0; i < 10; i++) {
    const worker = start('busy in callbacks', { path: folder.file(`uio${i}`) });
    await message(worker);
    await worker.terminate();
  }
});

test('a process whose workers alone load the addon ends well', () => {
  const code = `
    const { Worker } = require('node:worker_threads');
    const { mkdtempSync, rmSync } = require('node:fs');
    const folder = mkdtempSync(require('node:os').tmpdir() + '/vmbus-test-');
    (async () => {
      for (let i = 0; i < 20; i++) {
        const worker = new Worker(${JSON.stringify(script)}, { workerData: { scenario: 'busy in callbacks', path: folder + '/uio' + i, token: 0 } });
        await new Promise((resolve) => worker.once('message', resolve));
        await worker.terminate();
      }
      rmSync(folder, { recursive: true });
      console.log('done');
    })();`;

  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });

  assert.deepEqual({ status, signal, stdout }, { status: 0, signal: null, stdout: 'done\n' }, stderr);
});

test('a wake reaches the owner and the worker attached to its lease', async () => {
  await using pair = await Pair.open();
  const worker = start('tell events', { token: binding.leaseToken(pair.lease) });
  const exited = once(worker, 'exit');
  assert.deepEqual(await message(worker), { errno: 0, stage: OpenStage.none });

  binding.wakeGuest(pair.node);

  assert.deepEqual(await message(worker), { event: LeaseEvent.wake });
  await pair.leaseEvents.reach(1);
  worker.postMessage('close');
  assert.deepEqual(await message(worker), { closed: 0 });
  await exited;
});

test('an attached worker that ends leaves the owner its lease', async () => {
  await using pair = await Pair.open();
  const worker = start('tell events', { token: binding.leaseToken(pair.lease) });
  await message(worker);
  await worker.terminate();

  pair.host.send(new Uint8Array(8));
  await pair.leaseEvents.reach(1);

  assert.equal(pair.guest.drain(), 1);
});

test('a token that names no lease, or no lease any more, fails at stage find', async () => {
  await using pair = await Pair.open();
  const token = binding.leaseToken(pair.lease);
  await closeLease(pair.lease);

  for (const stale of [token, 0, 999_999]) {
    const worker = start('tell events', { token: stale });
    const exited = once(worker, 'exit');
    assert.deepEqual(await message(worker), { errno: constants.errno.ENOENT, stage: OpenStage.find });
    await exited;
  }
});

test('the owner closes while a worker drains: the worker gets whole packets, then closed, and is told', async () => {
  const body = new Uint8Array(32 * 1024).fill(0x5a);
  for (let i = 0; i < 10; i++) {
    await using pair = await Pair.open({ ringBytes: 4 * 1024 * 1024 });
    const worker = start('drain until closed', { token: binding.leaseToken(pair.lease) });
    const exited = once(worker, 'exit');
    assert.equal(await message(worker), 'attached');
    let sent = 0;
    // More than the ring holds: the worker is draining by now, and each of its drains copies for a while.
    while (sent < 200) {
      while (pair.host.send(body) === 0) sent++;
      await turn();
    }
    while (pair.host.send(body) === 0) sent++;

    const result = message(worker);
    assert.equal(await closeLease(pair.lease), 0);

    const { packets, wrong, status, events } = (await result) as Drained;
    assert.equal(status, Status.closed);
    assert.equal(wrong, 0);
    assert.deepEqual(events, [LeaseEvent.ownerClosed]);
    assert.ok(packets > 100 && packets <= sent, `${packets} of ${sent}`);
    await exited;
  }
});

test('a withdrawn node is told to the owner and to the worker', async () => {
  await using pair = await Pair.open();
  const worker = start('tell events', { token: binding.leaseToken(pair.lease) });
  const exited = once(worker, 'exit');
  await message(worker);

  binding.closeNode(pair.node);

  assert.deepEqual(await message(worker), { event: LeaseEvent.rescinded });
  await pair.leaseEvents.reach(1);
  worker.postMessage('close');
  assert.deepEqual(await message(worker), { closed: 0 });
  await exited;
});

test('a worker that never lets go is named by the close, which does not wait for ever', async () => {
  await using pair = await Pair.open();
  const worker = start('attach and hang', { token: binding.leaseToken(pair.lease) });
  assert.deepEqual(await message(worker), { errno: 0 });

  assert.equal(await closeLease(pair.lease), constants.errno.ETIMEDOUT);

  assert.equal(pair.guest.drain(), Status.closed);
  await worker.terminate();
});

test('a lease opened and closed two hundred times leaves no descriptor and no mapping', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const node = binding.serveNode(path, RING_BYTES, 5, () => {});
  const ring = binding.addRing(node, RING_BYTES, 6);
  let before = held();
  for (let i = 0; i < 200; i++) {
    const { lease } = await openLease(path);
    new End(binding.attachPrimary(lease));
    new End(binding.attachSubchannel(lease, `/proc/self/fd/${binding.ringDescriptor(node, ring)}`, 9, 6));
    assert.equal(await closeLease(lease), 0);
    await turn();
    if (i === 9) before = held();
  }
  assert.deepEqual(held(), before);
  binding.closeNode(node);
});

test('opens that fail leave no descriptor and no mapping', async () => {
  await using pair = await Pair.open();
  let before = held();
  for (let i = 0; i < 100; i++) {
    assert.equal((await openLease(pair.path)).stage, OpenStage.lock);
    await turn();
    if (i === 9) before = held();
  }
  assert.deepEqual(held(), before);
});
