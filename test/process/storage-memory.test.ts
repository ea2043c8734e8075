// SPDX-License-Identifier: MIT
//
// Memory whose frames are known: huge pages, where this machine has some; a buffer that the kernel made for a device; and what
// becomes of a wish for more than there is.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { afterEach, describe, it } from 'node:test';

import { leases } from '../../dist/channel/lease-registry.js';
import { openPrimary } from '../../dist/channel/open.js';
import { DmaArena } from '../../dist/devices/dma/arena.js';
import { netvsp, SimulatedHost } from '../../dist/host/index.js';
import { openBus } from '../../dist/index.js';
import { Status } from '../../dist/native/binding.js';
import { DmaInspect, DmaStage } from '../../dist/native/dma-functions.js';
import { native } from '../../dist/native/load.js';

const hosts: SimulatedHost[] = [];
const hugePageBytes = 2 * 2 ** 20;
const isRoot = process.getuid?.() === 0;

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

const freePages = Number(/HugePages_Free:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? 0);
const skip =
  freePages < 3 || !isRoot
    ? `needs root and 3 free huge pages, there are ${freePages}: sysctl vm.nr_hugepages=4`
    : false;

describe('memory of huge pages', { skip }, () => {
  it('has frames, is locked, and gives back what is put in', () => {
    const stage = new Float64Array(1);
    const memory = native().makeDma(2 * hugePageBytes, false, stage);
    assert.ok(memory > 0, `${memory} at stage ${stage[0]}`);
    const facts = new Float64Array(DmaInspect.words);
    native().inspectDma(memory, facts);
    const frames = new Float64Array((2 * hugePageBytes) / 4096);

    assert.equal(native().dmaFrames(memory, frames), frames.length);

    assert.ok(frames.every((frame, i) => frame > 0 && (i % 512 === 0 || frame === (frames[i - 1] ?? 0) + 1)));
    assert.equal(frames[0] && frames[0] % 512, 0);
    const bytes = Buffer.from('written');
    const back = Buffer.alloc(bytes.length);
    assert.equal(native().writeDma(memory, 2 * hugePageBytes - bytes.length, bytes), 0);
    assert.equal(native().readDma(memory, 2 * hugePageBytes - bytes.length, back), 0);
    assert.equal(back.toString(), 'written');
    assert.ok(native().writeDma(memory, 2 * hugePageBytes - bytes.length + 1, bytes) < 0);
    assert.ok(native().readDma(memory, 2 * hugePageBytes, back) < 0);
    console.log(facts[DmaInspect.pinError] === 0 ? 'pinned' : `not pinned: errno ${facts[DmaInspect.pinError]}`);
    native().closeDma(memory);
  });
});

describe('memory that is a buffer of a device', {
  skip: !isRoot && 'needs root: frames are hidden from others',
}, () => {
  it('has frames, is shared with the device, and is gone with the channel', async () => {
    const host = await SimulatedHost.start({ devices: [netvsp()], bound: true });
    hosts.push(host);
    const core = await openPrimary(leases(), openBus({ root: host.root }).device('net'), { buffers: true });
    const { lease } = core;
    const stage = new Float64Array(1);
    const [first, second] = [0, 1].map(() => native().makeDeviceDma(lease.handle, hugePageBytes, stage)) as [
      number,
      number,
    ];
    assert.ok(first > 0 && second > 0, `${first} at stage ${stage[0]}`);
    const facts = new Float64Array(DmaInspect.words);
    native().inspectDma(first, facts);
    assert.deepEqual([...facts], [2, hugePageBytes, 0]);
    const frames = new Float64Array(hugePageBytes / 4096);
    assert.equal(native().dmaFrames(first, frames), frames.length);
    assert.equal(new Set(frames).size, frames.length);

    const back = Buffer.alloc(7);
    assert.equal(native().writeDma(first, hugePageBytes - 7, Buffer.from('written')), 0);
    assert.equal(native().readDma(second, hugePageBytes - 7, back), 0);
    assert.equal(back.toString(), 'written');
    assert.equal(native().readDma(second, hugePageBytes - 6, back), -constants.errno.EFAULT);
    assert.ok(native().makeDeviceDma(lease.handle, 2 ** 30, stage) < 0);
    assert.equal(stage[0], DmaStage.make);

    core.end({ by: 'user' });
    await core.finish();
    assert.equal(native().writeDma(first, 0, back), Status.closed);
    assert.ok(native().makeDeviceDma(lease.handle, hugePageBytes, stage) < 0);
    for (const memory of [first, second]) native().closeDma(memory);
  });

  it('is copied to and from until the device is withdrawn, which is said then, whoever hears of it first', {
    skip: freePages >= 8 && 'this machine has huge pages to spare, which come first',
  }, async () => {
    const host = await SimulatedHost.start({ devices: [netvsp()], bound: true });
    hosts.push(host);
    const core = await openPrimary(leases(), openBus({ root: host.root }).device('net'), { buffers: true });
    const arena = DmaArena.make({ slots: 256, slotBytes: 64 * 1024, isSimulated: false, deviceBytes: 31 * 2 ** 20 });
    assert.equal(arena.wantsDevice, true);
    await arena.hold(core, 5000);
    arena.write(255, Buffer.from('written'));
    const back = Buffer.alloc(7);
    arena.read(255, back);
    assert.equal(back.toString(), 'written');
    host.rescind('net');
    await assert.rejects(
      async () => {
        for (;;) {
          arena.read(255, back);
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
      { code: 'ERR_VMBUS_RESCINDED' },
    );
    await core.finish();
    await arena.release();
  });

  it('is none where the lease was opened without its buffers', async () => {
    const host = await SimulatedHost.start({ devices: [netvsp()], bound: true });
    hosts.push(host);
    const core = await openPrimary(leases(), openBus({ root: host.root }).device('net'), {});
    assert.equal(
      native().makeDeviceDma(core.lease.handle, hugePageBytes, new Float64Array(1)),
      -constants.errno.EINVAL,
    );
    core.end({ by: 'user' });
    await core.finish();
  });
});

describe('memory that there is not enough of', () => {
  it('is refused with the command that helps', () => {
    const plan = { slots: 256, slotBytes: 4 * 2 ** 20, isSimulated: false, deviceBytes: 31 * 2 ** 20 };
    assert.throws(() => DmaArena.make(plan), { hint: /sysctl vm\.nr_hugepages=512|CAP_SYS_ADMIN|HUGETLBFS/ });
  });

  it('is a buffer of the device, where that is large enough', async () => {
    const arena = DmaArena.make({ slots: 256, slotBytes: 4 * 2 ** 20, isSimulated: false, deviceBytes: 2 ** 30 });
    assert.equal(arena.wantsDevice, true);
    assert.equal(arena.facts.kind, 'device buffer');
    await arena.release();
  });
});
