// SPDX-License-Identifier: MIT
//
// How a guest and a storage device come to terms, byte for byte as Linux does; what is out of order; subchannels.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ide, memoryDisk, scsi } from '../../dist/host/index.js';
import { encodeGpaRanges } from '../../dist/protocol/gpa-direct.js';
import { ScriptedChannel } from './support/scripted-channel.js';
import { rangeOf, StorageGuest } from './support/scripted-storage-guest.js';

const small = memoryDisk({ sizeBytes: 2 ** 20 });

/** 64 bytes from hexadecimal digits. */
function bytes(hex: string, length = 64): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/[ |]/g, '').padEnd(2 * length, '0'), 'hex'));
}

async function answer(channel: ScriptedChannel, payload: Uint8Array, rest = {}): Promise<string> {
  channel.say({ type: 6, flags: 1, transactionId: 7n, payload, ...rest });
  const packet = await channel.next();
  assert.deepEqual([packet.type, packet.flags, packet.transactionId], [11, 0, 7n]);
  return Buffer.from(packet.payload).toString('hex');
}

describe('a storage device and its guest', () => {
  it('come to terms in the documented bytes', async () => {
    const controller = scsi({ disks: [small], subchannels: 3 });
    const channel = ScriptedChannel.open(controller);
    const hex = (digits: string): string => Buffer.from(bytes(digits)).toString('hex');
    const inquiry = bytes(
      `03000000 01000000 00000000 | 3400 00 00 00 00 00 00 | 06 14 01 00 | 24000000 | 12 00 00 00 24 00 ${'00'.repeat(14)} 0000 ff 20 | 4a010000 | 3c000000`,
    );

    assert.equal(await answer(channel, bytes('07000000 01000000 00000000')), hex('01000000 00000000 00000000'));
    assert.equal(
      await answer(channel, bytes('09000000 01000000 00000000 0006 0000')),
      hex('01000000 00000000 00000000 0006 0000'),
    );
    assert.equal(
      await answer(channel, bytes('0a000000 01000000 00000000')),
      hex('01000000 00000000 00000000 00000000 0300 0000 01000000 00000400'),
    );
    assert.equal(await answer(channel, bytes('08000000 01000000 00000000')), hex('01000000'));
    const range = { type: 9, header: encodeGpaRanges([rangeOf(0x1800, 36)]) };
    assert.equal(
      await answer(channel, inquiry, range),
      hex('01000000 00000000 00000000 | 3400 01 00 00 00 00 00 | 10 14 00 00 | 24000000'),
    );
    assert.deepEqual([controller.state, controller.version, controller.commands], ['ready', 0x0600, 1]);
    channel.close();
    assert.deepEqual([controller.state, controller.version], ['closed', null]);
  });

  it('agree on the newest version that both have', async () => {
    const guest = new StorageGuest(scsi({ disks: [], newestVersion: 0x0501 }));
    const statuses: number[] = [];

    await guest.ask({ kind: 'beginInitialization' });
    for (const version of [0x0602, 0x0600, 0x0502, 0x0501, 0x0402])
      statuses.push((await guest.ask({ kind: 'queryVersion', version })).status);

    assert.deepEqual(statuses, [0xc000_0059, 0xc000_0059, 0xc000_0059, 0, 0xc000_0184]);
  });

  it('speak old versions in shorter packets', async () => {
    const guest = new StorageGuest(scsi({ disks: [small] }));
    const lengths: number[] = [];
    for (const payload of [bytes('07', 48), bytes('09000000 01000000 00000000 0204', 48), bytes('0a', 48)]) {
      const packet = await guest.answerTo(guest.say({ payload }));
      assert.equal(Buffer.from(packet.payload.subarray(0, 12)).toString('hex'), '01'.padEnd(24, '0'));
      lengths.push(packet.payload.length);
    }
    await guest.ask({ kind: 'endInitialization' }, 48);

    const ready = bytes('03000000 01000000 00000000 2400 0000 00000000 06 12 02', 48);
    const packet = await guest.answerTo(guest.say({ payload: ready }));

    assert.deepEqual(lengths, [48, 48, 48]);
    assert.deepEqual(
      Buffer.from(packet.payload),
      Buffer.from(bytes('01000000 00000000 00000000 2400 0100 00000000 10 12', 48)),
    );
  });

  it('stay where they are when something comes out of order', async () => {
    const guest = new StorageGuest(scsi({ disks: [small], subchannels: 1 }));
    const status = async (request: Parameters<StorageGuest['ask']>[0]): Promise<number> =>
      (await guest.ask(request)).status;
    const wrong = 0xc000_0184;

    assert.equal(await status({ kind: 'queryVersion', version: 0x0602 }), wrong);
    assert.equal(await status({ kind: 'queryProperties' }), wrong);
    assert.equal(await status({ kind: 'endInitialization' }), wrong);
    assert.equal(await status({ kind: 'createSubchannels', count: 1 }), wrong);
    assert.equal(await status({ kind: 'resetBus', path: 0, target: 0, lun: 0 }), wrong);
    const early = await guest.answerTo(guest.say(guest.packetOf({ command: { kind: 'testUnitReady' } }).packet));
    assert.equal(new DataView(early.payload.buffer).getUint32(8, true), wrong);
    await guest.initialise();
    assert.equal(await status({ kind: 'beginInitialization' }), wrong);
    assert.equal(await status({ kind: 'resetBus', path: 0, target: 0, lun: 0 }), 0);
    assert.equal((await guest.run({ kind: 'testUnitReady' })).srbStatus, 1);
  });

  it('begin anew with each opening', async () => {
    const controller = scsi({ disks: [small] });
    (await StorageGuest.ready(controller)).channel.close();

    const again = await StorageGuest.ready(controller);

    assert.equal((await again.run({ kind: 'testUnitReady' })).srbStatus, 1);
  });
});

describe('subchannels of a storage device', () => {
  it('are offered as many as asked for, once, after the answer', async () => {
    const guest = new StorageGuest(scsi({ disks: [small], subchannels: 2 }));
    assert.deepEqual(await guest.initialise(), { maxSubchannels: 2, isMultichannel: true, maxTransferBytes: 0x4_0000 });

    assert.equal((await guest.ask({ kind: 'createSubchannels', count: 3 })).status, 0xc000_000d);
    assert.equal(guest.channel.offered, 0);
    const { channel } = guest;
    let isAnswered = false;
    const offer = channel.offerSubchannels.bind(channel);
    channel.offerSubchannels = (count) => {
      isAnswered = channel.take().length === 1;
      offer(count);
    };
    channel.say({ type: 6, flags: 1, transactionId: 9n, payload: bytes('0d000000 01000000 00000000 0200') });
    assert.equal(isAnswered, true);
    assert.equal(guest.channel.offered, 2);
    assert.equal((await guest.ask({ kind: 'createSubchannels', count: 1 })).status, 0xc000_0184);
    assert.equal(guest.channel.offered, 2);
  });

  it('serve requests at once, on the same disks, and each its own', async () => {
    const disk = memoryDisk({ sizeBytes: 2 ** 20 });
    const controller = scsi({ disks: [disk], subchannels: 1 });
    const primary = await StorageGuest.ready(controller);
    const second = new StorageGuest(controller, { subchannelIndex: 1 });

    await second.write(3, Buffer.alloc(512, 'x'));

    assert.deepEqual((await primary.read(3, 1)).data, new Uint8Array(512).fill(0x78));
    assert.equal((await second.ask({ kind: 'beginInitialization' })).status, 0xc000_0184);
    assert.equal((await second.ask({ kind: 'createSubchannels', count: 1 })).status, 0xc000_0184);
    primary.channel.close();
    assert.deepEqual((await second.read(3, 1)).data, new Uint8Array(512).fill(0x78), 'after the primary was closed');
  });

  it('are not there unless the script wants them', async () => {
    const guest = new StorageGuest(scsi({ disks: [] }));
    assert.deepEqual(await guest.initialise(), {
      maxSubchannels: 0,
      isMultichannel: false,
      maxTransferBytes: 0x4_0000,
    });
  });
});

describe('an IDE disk', () => {
  it('is offered with its place, and answers at its target on any path', async () => {
    const device = ide({ disk: small, channel: 1, device: 1 });
    const guest = await StorageGuest.ready(device);

    assert.equal(device.instanceGuid, '00000001-0001-8899-0000-000000000000');
    assert.equal(device.classGuid, '32412632-86cb-44a2-9b5c-50d1417354f5');
    assert.equal(device.offer?.flags, 1);
    assert.deepEqual(device.offer?.userData, bytes('0000 01 01 00000000 02000000', 24));
    const command = { kind: 'testUnitReady' } as const;
    assert.equal((await guest.run({ command, target: 1 })).srbStatus, 1);
    assert.equal((await guest.run({ command, target: 1, path: 1 })).srbStatus, 1);
    assert.equal((await guest.run({ command, target: 0 })).sense, '5/25/0');
    assert.equal((await guest.run({ command, target: 1, lun: 1 })).srbStatus, 0x20);
  });
});
