// SPDX-License-Identifier: MIT
//
// A client of our network card that is neither ours nor the kernel's: DPDK's netvsc driver, as testpmd of the distribution has it,
// over the kernel's uio_hv_generic. It swaps the addresses of each frame and sends it back.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { netvsp } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize } from './host-world.js';

const frames = isFullSize ? 20_000 : 2000;
/** On their way at a time. */
const window = 32;
const instance = '00000000-0000-0000-0000-000000000011';
const netClass = 'f8615163-df3e-46c5-913f-f2d2f965ed0e';
/** Of DPDK: the program, and the drivers that it loads by itself. Who ends threads needs libgcc. */
const packages = ['dpdk-dev', 'librte-bus-vmbus25', 'librte-mempool-ring25', 'librte-net-netvsc25', 'libgcc-s1'];
const hugePages = 128;

const card = netvsp({ name: 'net', mac: '00:15:5d:00:00:01', monitorId: 9, instanceGuid: instance });
const cable = card.network.port();

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [card],
    modules: ['hv_netvsc', 'uio_hv_generic'],
    packages,
    memoryMiB: 2048,
  });
});
after(async () => endWorld(world));

const sh = (command: string): Promise<string> => world.machine.must(command);

/** As a machine is prepared for DPDK by hand. */
const PREPARE = `
  echo ${hugePages} > /proc/sys/vm/nr_hugepages && mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages
  echo ${netClass} > /sys/bus/vmbus/drivers/uio_hv_generic/new_id
  until [ -e /sys/bus/vmbus/drivers/hv_netvsc/${instance} ]; do sleep 0.1; done
  echo ${instance} > /sys/bus/vmbus/drivers/hv_netvsc/unbind
  echo ${instance} > /sys/bus/vmbus/drivers/uio_hv_generic/bind`;

/** Whatever it is, it has a number, and is as long as Ethernet allows or shorter. */
function frameOf(number: number): Buffer {
  const frame = Buffer.alloc(60 + ((number * 37) % 1455), number & 0xff);
  frame.write('00155d000001', 0, 'hex'); // to the card
  frame.write('025d00000099', 6, 'hex'); // from us
  frame.writeUInt16BE(0x88b5, 12); // for experiments
  frame.writeUInt32BE(number, 14);
  return frame;
}

const swapped = (frame: Buffer): Buffer =>
  Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12)]);

describe('DPDK’s netvsc driver', () => {
  let guest: ReturnType<HostWorld['machine']['start']>;
  let said = '';
  /** Resolves when the program has printed it; rejects with all that it said when it ends before. */
  const saying = async (words: string): Promise<void> => {
    const isSaid = new Promise<void>((resolve) => {
      guest.stdout.on('data', () => {
        if (said.includes(words)) resolve();
      });
    });
    await Promise.race([isSaid, guest.ended]);
    assert.ok(said.includes(words), said);
  };

  it('starts, and brings the card up', async () => {
    await sh(PREPARE);
    guest = world.machine.start(
      'exec dpdk-testpmd -l 0-1 -n 1 --no-telemetry -- --forward-mode=macswap --total-num-mbufs=8192 --no-flush-rx 2>&1',
    );
    guest.stdout.on('data', (text: Buffer) => {
      said += text;
    });
    await saying('Checking link statuses'); // what comes after it stays in the program's buffer
    assert.match(said, /Port 0: 00:15:5D:00:00:01/);
    await card.ready({ timeoutMs: 120_000 });
  });

  it(`sends ${frames} frames of all lengths back, with their addresses swapped`, async () => {
    const incoming = cable.frames[Symbol.asyncIterator]();
    const over = guest.ended.then(() => assert.fail(said));
    over.catch(() => undefined);
    for (let number = 0; number < frames; number += window) {
      const sent = Array.from({ length: window }, (_, i) => frameOf(number + i));
      for (const frame of sent) cable.frames.write(frame);
      for (const frame of sent) {
        const { value } = (await Promise.race([incoming.next(), over])) as { readonly value: Uint8Array };
        assert.ok(Buffer.from(value).equals(swapped(frame)), `${Buffer.from(value).toString('hex')}\n${said}`);
      }
    }
  });

  it('counts none as lost, and ends', async () => {
    guest.write('\n');
    assert.equal(await guest.ended, 0, said);
    const [, sent = '', dropped = ''] = /TX-packets: (\d+)\s+TX-dropped: (\d+)/.exec(said) ?? [];
    assert.deepEqual([Number(sent) >= frames, Number(dropped)], [true, 0], said);
  });

  it('made neither the kernel nor the host complain', () => assertContent(world));
});
