// SPDX-License-Identifier: MIT
//
// The two buffers of a device beside its rings, on a served folder: shown in its tree, mapped with the lease, gone with it,
// and the same memory at the host.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';

import { openBus } from '../../dist/bus/index.js';
import type { ChannelCore } from '../../dist/channel/channel-core.js';
import { leases } from '../../dist/channel/lease-registry.js';
import { openPrimary } from '../../dist/channel/open.js';
import { parseGuid } from '../../dist/guid.js';
import { type HostChannel, netvsp, type Provider, SimulatedHost } from '../../dist/host/index.js';

const classGuid = parseGuid('f8615163-df3e-46c5-913f-f2d2f965ed0e');
const bufferBytes = { receive: 3 * 4096, send: 2 * 4096 };

/** A device that does nothing but keep its channel for the test. */
class Idle implements Provider {
  readonly name = 'net';
  readonly classGuid = classGuid;
  readonly bufferBytes?: { readonly receive: number; readonly send: number };
  channel: HostChannel | null = null;

  constructor(bytes?: { readonly receive: number; readonly send: number }) {
    if (bytes) this.bufferBytes = bytes;
  }

  onOpen(channel: HostChannel): { onPacket(): void } {
    this.channel = channel;
    return { onPacket: () => undefined };
  }
}

/** How often each piece of shared memory that a host made is mapped here, by its inode. */
function mappings(): number[] {
  const inodes = new Map<string, number>();
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const inode = /^\S+ \S+ \S+ \S+ (\d+) +\/memfd:vmbus-guest/.exec(line)?.[1];
    if (inode !== undefined) inodes.set(inode, (inodes.get(inode) ?? 0) + 1);
  }
  return [...inodes.values()];
}

function open(host: SimulatedHost, name: string): Promise<ChannelCore> {
  return openPrimary(leases(), openBus({ root: host.root }).device(name), { buffers: true });
}

describe('the buffers of a device', () => {
  it('are mapped with the lease, as sysfs shows them, and go when it is closed', async () => {
    const device = new Idle(bufferBytes);
    await using host = await SimulatedHost.start({ devices: [device], bound: true });
    assert.deepEqual(mappings(), [1, 1], 'the host has them from the beginning');

    const core = await open(host, 'net');
    const plan = core.lease.buffers;
    const both = mappings();
    core.end({ by: 'user' });
    await core.finish();

    assert.ok(plan);
    assert.deepEqual([plan.receiveBytes, plan.sendBytes], [12_288, 8192]);
    assert.notEqual(plan.receiveGpadl, plan.sendGpadl);
    assert.deepEqual(both, [2, 2]);
    assert.deepEqual(mappings(), [1, 1]);
  });

  it('are the memory that the host finds under their handles, and no other', async () => {
    const device = new Idle(bufferBytes);
    await using host = await SimulatedHost.start({ devices: [device], bound: true });
    const core = await open(host, 'net');
    const plan = core.lease.buffers;
    assert.ok(plan && device.channel);

    const receive = device.channel.memory.buffer(plan.receiveGpadl);
    await receive?.write(12_280, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));

    assert.equal(receive?.sizeBytes, 12_288);
    assert.deepEqual([...((await receive?.read(12_282, 3)) ?? [])], [3, 4, 5]);
    assert.equal(device.channel.memory.buffer(plan.sendGpadl)?.sizeBytes, 8192);
    assert.equal(device.channel.memory.buffer(plan.sendGpadl + 1), null);
    await assert.rejects(receive?.read(12_281, 8) ?? Promise.resolve(), { code: 'ERR_VMBUS_CORRUPT' });
    await assert.rejects(receive?.write(-8, new Uint8Array(8)) ?? Promise.resolve(), { code: 'ERR_VMBUS_CORRUPT' });
    core.end({ by: 'user' });
    await core.finish();
  });

  it('of a network card are as large as the kernel makes them', async () => {
    await using host = await SimulatedHost.start({ devices: [netvsp()], bound: true });
    const core = await open(host, 'net');

    assert.equal(core.lease.buffers?.receiveBytes, 32_505_856);
    assert.equal(core.lease.buffers?.sendBytes, 16_777_216);
    core.end({ by: 'user' });
    await core.finish();
  });

  it('that a device has not are an error that says what to do', async () => {
    await using host = await SimulatedHost.start({ devices: [new Idle()], bound: true });

    await assert.rejects(open(host, 'net'), {
      code: 'ERR_VMBUS_UNSUPPORTED',
      message: /no map 3/,
      hint: /bind the device again/,
    });
  });

  it('go with the driver, whoever has them mapped', async () => {
    const device = new Idle(bufferBytes);
    await using host = await SimulatedHost.start({ devices: [device], bound: true });
    const core = await open(host, 'net');

    host.rescind('net');
    await core.closed;

    assert.equal(core.ending?.by, 'rescind');
    assert.deepEqual(mappings(), []);
  });

  it('whose map went meanwhile are not guessed', async () => {
    await using host = await SimulatedHost.start({ devices: [new Idle(bufferBytes)], bound: true });
    const known = openBus({ root: host.root }).device('net');
    rmSync(`${known.path}/uio/uio0/maps/map4`, { recursive: true });

    await assert.rejects(openPrimary(leases(), known, { buffers: true }), { message: /no map 4/ });
  });
});
