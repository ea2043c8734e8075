// SPDX-License-Identifier: MIT
//
// The kernel's own uio_hv_generic between our guest code and our host: fast and slow channels, subchannels, rescind, hot add.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { echo } from '../../../dist/host/index.js';
import { projectFiles } from '../guest-project.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize, kernel } from './host-world.js';
import { linesOf } from './support/guest-lines.js';

const packets = isFullSize ? 10_000 : 500;
const takesSlow = KERNELS_WITH_SLOW_UIO.includes(kernel);

const id = (n: number): string => `00000000-0000-0000-0000-00000000000${n}`;
const fast = echo({ name: 'fast', instanceGuid: id(1), monitorId: 5, subchannels: 3 });
const slow = echo({ name: 'slow', instanceGuid: id(2), subchannels: 3 });
const source = echo({ name: 'source', instanceGuid: id(3), monitorId: 6, reply: 'source' });
const late = echo({ name: 'late', instanceGuid: id(4), monitorId: 7 });

let world: HostWorld;
before(async () => {
  world = await bootWorld({ devices: [fast, slow, source], modules: ['uio_hv_generic'], node: true });
  await world.machine.put(await projectFiles());
});
after(async () => endWorld(world));

/** The program in the guest, line by line. */
function start(...args: readonly string[]) {
  const guest = world.machine.start(`cd /app && exec node dist-test/vm/hosted/programs/uio.js ${args.join(' ')}`);
  return { ...linesOf(guest), ended: guest.ended };
}

describe('a fast channel', () => {
  it('carries packets on the primary channel and three subchannels', async () => {
    const program = start('echo', id(1), String(packets));
    const { right, relids, signalling } = await program.next();
    assert.deepEqual(right, [packets, packets, packets, packets]);
    assert.equal(new Set(relids as number[]).size, 4);
    assert.equal(signalling, 'monitor');
    assert.equal(await program.ended, 0, program.errors());
  });
});

describe('a slow channel', () => {
  it('carries packets on the primary channel and three subchannels', {
    skip: !takesSlow && 'this kernel refuses channels without a monitor',
  }, async () => {
    const program = start('echo', id(2), String(packets));
    const { right, signalling } = await program.next();
    assert.deepEqual(right, [packets, packets, packets, packets]);
    assert.equal(signalling, 'hypercall');
    assert.equal(await program.ended, 0, program.errors());
  });

  it('is refused on an old kernel, with the reason', { skip: takesSlow && 'this kernel takes them' }, async () => {
    const program = start('echo', id(2), '1');
    assert.notEqual(await program.ended, 0);
    assert.match(program.errors(), /ERR_VMBUS_BIND_REFUSED/);
  });
});

describe('a device that comes and goes', () => {
  it('ends a script that reads with ERR_VMBUS_RESCINDED', async () => {
    const program = start('read', id(3));
    assert.ok((await program.next()).relid);
    world.host.rescind('source');
    assert.deepEqual(await program.next(), { code: 'ERR_VMBUS_RESCINDED', by: 'rescind', received: true });
    assert.deepEqual(await program.next(), { held: [] });
    assert.equal(await program.ended, 0, program.errors());
  });

  it('is seen by a watch', async () => {
    const program = start('watch', id(4));
    assert.deepEqual(await program.next(), { watching: true });
    world.host.add(late);
    assert.deepEqual(await program.next(), { added: id(4), state: 'idle' });
    assert.equal(await program.ended, 0, program.errors());
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
