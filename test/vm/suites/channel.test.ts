// SPDX-License-Identifier: MIT
// Proves channels over a real uio_hv_generic, against a host that we did not write: QEMU's hv-balloon.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { bindDevice, type Channel, type DeviceBinding, openBus, openChannel } from '../../../dist/index.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import { readVersionResponse, sendVersionRequest, VERSION_ACCEPTED } from './support/balloon-greeting.js';
import { isFullSize, kernelLog, kernelName, loadModule, unloadModule } from './support/guest.js';

const takesChannel = KERNELS_WITH_SLOW_UIO.includes(kernelName());
const openBalloon = (): Promise<Channel> => openChannel(openBus({ root: '/' }).device('balloon'));

/** Descriptors and mappings of this process that belong to the device. */
function holdings(): { fds: number; maps: number } {
  const maps = fs.readFileSync('/proc/self/maps', 'utf8').split('\n');
  return { fds: fs.readdirSync('/proc/self/fd').length, maps: maps.filter((line) => /uio|vmbus/.test(line)).length };
}

async function greet(channel: Channel): Promise<void> {
  await sendVersionRequest(channel);
  assert.equal(await readVersionResponse(channel), VERSION_ACCEPTED);
}

function startWorker(work: 'greet' | 'read' | 'borrow' | 'watch'): Worker {
  return new Worker(new URL('./support/channel-worker.js', import.meta.url), { workerData: work });
}

describe('a channel of the real kernel', {
  skip: !takesChannel && 'this kernel refuses channels without a monitor',
}, () => {
  let binding: DeviceBinding;

  before(async () => {
    loadModule('uio_hv_generic');
    binding = await bindDevice(openBus({ root: '/' }).device('balloon'));
  });
  after(async () => {
    await binding.restore();
    unloadModule('uio_hv_generic');
  });

  test('carries the first words of dynamic memory, byte by byte', async () => {
    const channel = await openBalloon();

    await greet(channel);

    const { node, signalling, in: inRing, out, stats } = channel.inspect();
    assert.deepEqual([node.kind, signalling], ['uio', 'hypercall']);
    assert.deepEqual([out.writeIndex, out.readIndex], [40, 40], 'descriptor, 16 bytes and trailer, read by the host');
    assert.deepEqual([inRing.writeIndex, inRing.usedBytes], [40, 0]);
    assert.deepEqual([stats.packetsOut, stats.packetsIn, stats.doorbells], [1, 1, 1]);
    await channel.close();
  });

  test('shows in sysfs as open while it is, and as idle after', async () => {
    const channel = await openBalloon();
    assert.equal(openBus({ root: '/' }).device('balloon').stateName, 'open');

    await channel.close();

    assert.equal(openBus({ root: '/' }).device('balloon').stateName, 'idle');
  });

  test('wakes a loop that waits', async () => {
    const channel = await openBalloon();
    const response = readVersionResponse(channel);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(channel.inspect().in.interruptMask, 0, 'the interrupt is armed');

    await sendVersionRequest(channel);

    assert.equal(await response, VERSION_ACCEPTED);
    assert.ok(channel.stats().wakes > 0);
    await channel.close();
  });

  test('opens and closes ten times without leaving a descriptor or a mapping', async () => {
    const before = holdings();

    for (let i = 0; i < (isFullSize() ? 50 : 10); i++) {
      const channel = await openBalloon();
      await greet(channel);
      await channel.close();
    }

    assert.deepEqual(holdings(), before);
  });

  test('is refused while another channel object has it', async () => {
    const channel = await openBalloon();

    await assert.rejects(openBalloon(), { code: 'ERR_VMBUS_BUSY' });

    await channel.close();
  });

  test('is used by two threads in turn, each with a bus of its own', async () => {
    const workers = [startWorker('greet'), startWorker('greet')];
    const ended = workers.map((worker) => once(worker, 'exit'));

    const responses = await Promise.all(workers.map((worker) => once(worker, 'message')));

    assert.deepEqual(responses, [[VERSION_ACCEPTED], [VERSION_ACCEPTED]]);
    assert.deepEqual(await Promise.all(ended), [[0], [0]], 'exit codes');
  });

  test('is lent to one thread while another reads the bus and is refused', async () => {
    const channel = await openBalloon();
    const borrower = startWorker('borrow');
    const watcher = startWorker('watch');
    const ended = [borrower, watcher].map((worker) => once(worker, 'exit'));

    borrower.postMessage(channel.share());
    assert.deepEqual(await once(borrower, 'message'), [VERSION_ACCEPTED]);
    watcher.postMessage('try');
    const [seen] = await once(watcher, 'message');
    borrower.postMessage('close');

    assert.deepEqual(seen, { stateName: 'open', code: 'ERR_VMBUS_BUSY', ownerPid: process.pid });
    assert.deepEqual(await Promise.all(ended), [[0], [0]], 'exit codes');
    await channel.close();
    assert.equal(openBus({ root: '/' }).device('balloon').stateName, 'idle');
  });

  test('is let go of by a thread that is terminated in the middle of its loop', async () => {
    const worker = startWorker('read');
    assert.deepEqual(await once(worker, 'message'), [VERSION_ACCEPTED]);

    assert.equal(await worker.terminate(), 1, 'exit code');

    const again = await openBalloon();
    await greet(again);
    await again.close();
  });

  test('left nothing for the kernel to complain about', () => {
    assert.doesNotMatch(kernelLog(), /BUG:|Oops|WARNING:|Call Trace/);
  });
});
