// SPDX-License-Identifier: MIT
//
// What a script's storage says to the host, byte by byte, as Linux's driver says it.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';

import { type HostPacket, memoryDisk, type Provider, scsi } from '../../dist/host/index.js';
import { decodeGpaRanges } from '../../dist/protocol/gpa-direct.js';
import { closeScenes, sceneOf } from './storvsc-scene.js';

afterEach(closeScenes);

interface Said {
  readonly type: number;
  readonly flags: number;
  readonly payload: string;
  readonly header: Uint8Array;
}

/** The same device, and what its guest says. */
function heard(provider: Provider): { provider: Provider; said: Said[] } {
  const said: Said[] = [];
  const onOpen: Provider['onOpen'] = (channel) => {
    const session = provider.onOpen(channel);
    const { onPacket } = session;
    session.onPacket = (packet: HostPacket): void => {
      const { type, flags, payload, header } = packet;
      said.push({ type, flags, payload: Buffer.from(payload).toString('hex'), header: Uint8Array.from(header) });
      onPacket.call(session, packet);
    };
    return session;
  };
  return { provider: Object.create(provider, { onOpen: { value: onOpen } }) as Provider, said };
}

/** The same device, with something done before it hears of a command to a unit. */
function before(provider: Provider, opcode: number, lun: number, act: () => void): Provider {
  const onOpen: Provider['onOpen'] = (channel) => {
    const session = provider.onOpen(channel);
    const { onPacket } = session;
    session.onPacket = (packet: HostPacket): void => {
      if (packet.payload[28] === opcode && packet.payload[19] === lun) act();
      onPacket.call(session, packet);
    };
    return session;
  };
  return Object.create(provider, { onOpen: { value: onOpen } }) as Provider;
}

describe('a disk that goes while it is looked at', () => {
  it('is not there, and the others are', async () => {
    const disks = [memoryDisk({ sizeBytes: 2 ** 20 }), memoryDisk({ sizeBytes: 2 ** 20 })];
    const controller = scsi({ disks });
    let isGone = false;
    const provider = before(controller, 0x9e, 1, () => {
      if (isGone) return;
      isGone = true;
      void controller.remove(1, 'nothing');
    });

    const { storage } = await sceneOf(provider);

    assert.deepEqual(
      storage.units().map(({ lun }) => lun),
      [0],
    );
  });
});

/** 64 bytes. */
const padded = (hex: string): string => hex.replaceAll(' ', '').padEnd(128, '0');

describe('the bytes of storage', () => {
  it('are those of the documents: coming to terms, then an inquiry of 36 bytes', async () => {
    const { provider, said } = heard(scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 20 })], newestVersion: 0x0600 }));
    await sceneOf(provider);

    const negotiation = said.slice(0, 5);
    assert.deepEqual(
      negotiation.map(({ payload }) => payload),
      [
        padded('07000000 01000000 00000000'),
        padded('09000000 01000000 00000000 0206'),
        padded('09000000 01000000 00000000 0006'),
        padded('0a000000 01000000 00000000'),
        padded('08000000 01000000 00000000'),
      ],
    );
    assert.ok(negotiation.every(({ type, flags }) => type === 6 && flags % 2 === 1));
    const inquiry = said.find(({ payload }) => payload.slice(56, 58) === '12');
    assert.equal(
      inquiry?.payload,
      padded(
        '03000000 01000000 00000000 3400 00 00 00 00 00 00 06 14 01 00 24000000 12 00 00 00 24 00 ' +
          `${'00'.repeat(14)} 0000 ff 20 4a010000 3c000000 00000000`,
      ),
    );
    assert.equal(inquiry?.type, 9);
    const ranges = decodeGpaRanges(inquiry?.header ?? new Uint8Array());
    assert.deepEqual(
      ranges?.map(({ byteCount, byteOffset, pages }) => [byteCount, byteOffset, pages.length]),
      [[36, 0, 1]],
    );
  });

  it('name one range for a read of many pages, whose frames follow no order', async () => {
    const { provider, said } = heard(scsi({ disks: [memoryDisk({ sizeBytes: 16 * 2 ** 20 })] }));
    const { storage } = await sceneOf(provider, { queueDepth: 16, maxTransferBytes: 384 * 1024 });

    await storage.disk().read(0, 4 * 2 ** 20);

    const reads = said.filter(({ payload }) => ['28', '88'].includes(payload.slice(56, 58)));
    const ranges = reads.map(({ header }) => decodeGpaRanges(header) ?? []);
    assert.ok(ranges.every((one) => one.length === 1 && one[0]?.byteOffset === 0));
    const pages = ranges.flatMap((one) => one[0]?.pages ?? []);
    assert.equal(pages.length, 1024);
    assert.ok(pages.every((page) => page > 2 ** 20));
    // A place that begins in one huge page and ends in another.
    const jumps = ranges.filter((one) => one[0]?.pages.some((page, i, all) => i > 0 && page !== (all[i - 1] ?? 0) + 1));
    assert.ok(jumps.length > 0);
  });
});
