// SPDX-License-Identifier: MIT
//
// Disks driven by a script, over real rings and shown memory: both classes of devices, every way to read and write, subchannels,
// what comes and goes, and how it ends.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { finished, pipeline } from 'node:stream/promises';
import { afterEach, describe, it } from 'node:test';

import { openBus } from '../../dist/bus/index.js';
import { openStorage } from '../../dist/devices/storvsc.js';
import { type Disk, ide, memoryDisk, scsi } from '../../dist/host/index.js';
import { closeScenes, hostWith, sceneOf } from './storvsc-scene.js';

const megabyte = 2 ** 20;

afterEach(closeScenes);

async function filled(sizeBytes: number, blockBytes: 512 | 4096 = 512): Promise<{ disk: Disk; bytes: Buffer }> {
  const disk = memoryDisk({ sizeBytes, blockBytes });
  const bytes = randomBytes(sizeBytes);
  await disk.write(0, bytes);
  return { disk, bytes };
}

describe('a SCSI controller', () => {
  it('shows its disks as they are', async () => {
    const disks = [
      { disk: memoryDisk({ sizeBytes: megabyte }), serial: 'abc' },
      { disk: memoryDisk({ sizeBytes: 2 * megabyte, blockBytes: 4096, readonly: true }), lun: 7 },
    ] as const;
    const { storage } = await sceneOf(scsi({ disks }), { write: true });

    assert.deepEqual(
      storage
        .disks()
        .map((disk) => [disk.lun, disk.sizeBytes, disk.blockBytes, disk.isWritable, disk.isWriteProtected]),
      [
        [0, BigInt(megabyte), 512, true, false],
        [7, BigInt(2 * megabyte), 4096, false, true],
      ],
    );
    assert.equal(storage.disk(0).serial, 'abc');
    assert.deepEqual(storage.units()[0], {
      lun: 0,
      deviceType: 0,
      vendor: 'Msft',
      product: 'Virtual Disk',
      revision: '1.0',
    });
    const { version, maxTransferBytes, memory, kind } = storage.inspect();
    assert.deepEqual(
      { version, maxTransferBytes, kind, memory: memory.kind },
      { version: '6.2', maxTransferBytes: 262_144, kind: 'scsi', memory: 'simulated' },
    );
  });

  it('reads more than a request can carry, at any block', async () => {
    const { disk, bytes } = await filled(4 * megabyte);
    const { storage } = await sceneOf(scsi({ disks: [disk] }), { queueDepth: 4 });

    const all = await storage.disk().read(0n, 4 * megabyte);
    const some = await storage.disk().read(512n * 3n, 700_416);

    assert.equal(Buffer.compare(all, bytes), 0);
    assert.equal(Buffer.compare(some, bytes.subarray(1536, 1536 + 700_416)), 0);
    assert.ok(storage.stats().requests > 16);
  });

  it('writes what is read again, also by the host', async () => {
    const disk = memoryDisk({ sizeBytes: 8 * megabyte });
    const { storage } = await sceneOf(scsi({ disks: [disk] }), { write: true, queueDepth: 8 });
    const bytes = randomBytes(3 * megabyte + 512);

    await storage.disk().write(1024, bytes);
    await storage.disk().flush();

    assert.equal(Buffer.compare(await disk.read(1024, bytes.length), bytes), 0);
    assert.equal(Buffer.compare(await storage.disk().read(1024, new Uint8Array(bytes.length)), bytes), 0);
  });

  it('gives blocks back', async () => {
    const { disk } = await filled(megabyte);
    const { storage } = await sceneOf(scsi({ disks: [disk] }), { write: true });

    await storage.disk().discard(8192, 8192n);

    assert.ok((await storage.disk().read(8192, 8192)).every((byte) => byte === 0));
    assert.ok((await storage.disk().read(4096, 4096)).some((byte) => byte !== 0));
  });

  it('streams a disk to another', async () => {
    const from = await filled(3 * megabyte + 4096);
    const to = memoryDisk({ sizeBytes: 4 * megabyte });
    const { storage } = await sceneOf(scsi({ disks: [from.disk, to] }), { write: true });

    await pipeline(storage.disk(0).createReadStream(), storage.disk(1).createWriteStream({ start: 512 }));

    const copy = await to.read(512, from.bytes.length);
    assert.equal(
      createHash('sha256').update(copy).digest('hex'),
      createHash('sha256').update(from.bytes).digest('hex'),
    );
  });

  it('wrote what a chunk became after its stream had taken it', async () => {
    const disk = memoryDisk({ sizeBytes: megabyte });
    const { storage } = await sceneOf(scsi({ disks: [disk] }), { write: true });
    const stream = storage.disk().createWriteStream();
    const chunk = Buffer.alloc(4096, 1);

    await new Promise<void>((resolve, reject) => {
      stream.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    chunk.fill(2);
    stream.end();
    await finished(stream);

    assert.deepEqual(new Set(await disk.read(0, 4096)), new Set([1]));
  });

  it('made whoever stopped in the middle of the chunks wait for those read ahead', { timeout: 60_000 }, async () => {
    const { disk } = await filled(megabyte);
    const { storage, channels } = await sceneOf(scsi({ disks: [disk] }));
    let answers = 0;
    channels[0]?.faults.alterPackets((packet) => {
      answers += 1;
      return answers === 1 ? packet : null;
    });

    for await (const _ of storage.disk().chunks({ chunkBytes: 4096, timeoutMs: 2 ** 31 - 1 })) break;

    assert.equal(storage.stats().abandoned, 4);
  });

  it('spreads requests over subchannels, and completes them where they came from', async () => {
    const { disk, bytes } = await filled(4 * megabyte);
    const { storage, channels, troubles } = await sceneOf(scsi({ disks: [disk], subchannels: 3 }), { channels: 4 });

    const read = await storage.disk().read(0, 4 * megabyte);

    assert.equal(Buffer.compare(read, bytes), 0);
    assert.equal(storage.inspect().channels.length, 4);
    assert.deepEqual(
      channels.map(({ subchannelIndex }) => subchannelIndex),
      [0, 1, 2, 3],
    );
    assert.equal(storage.stats().droppedPackets, 0);
    assert.deepEqual(troubles, []);
  });

  it('waits for subchannels that are offered late', async () => {
    const disks = [memoryDisk({ sizeBytes: megabyte })];
    const { storage } = await sceneOf(scsi({ disks, subchannels: 3 }), { channels: 4 }, (channel) => {
      const offer = channel.offerSubchannels.bind(channel);
      // The first at once, the others later.
      channel.offerSubchannels = (count) => {
        offer(1);
        setTimeout(() => offer(count - 1), 20);
      };
    });

    const { channels, grantedChannels } = storage.inspect();
    assert.deepEqual([channels.length, grantedChannels], [4, 4]);
  });

  it('opened fewer channels than the host had granted, and did not say so', async () => {
    const disks = [memoryDisk({ sizeBytes: megabyte })];
    const { storage } = await sceneOf(scsi({ disks, subchannels: 3 }), { channels: 4 }, (channel) => {
      const offer = channel.offerSubchannels.bind(channel);
      channel.offerSubchannels = (count) => offer(count - 1);
    });

    const { channels, grantedChannels } = storage.inspect();
    assert.deepEqual([channels.length, grantedChannels], [3, 4]);
  });

  it('tells of disks that come, go and grow', async () => {
    const controller = scsi({ disks: [memoryDisk({ sizeBytes: megabyte })] });
    const { storage } = await sceneOf(controller);
    const changes = storage.changes();
    const first = storage.disk(0);

    controller.add({ disk: memoryDisk({ sizeBytes: 2 * megabyte }), lun: 5 });
    const added = await changes.next();
    await controller.resize(0, 4 * megabyte);
    await storage.rescan();
    const resized = await changes.next();
    await controller.remove(5);
    const removed = await changes.next();

    const short = [added, resized, removed].map(({ value }) => [value?.kind, value?.lun, value?.sizeBytes]);
    assert.deepEqual(short, [
      ['added', 5, BigInt(2 * megabyte)],
      ['resized', 0, BigInt(4 * megabyte)],
      ['removed', 5, null],
    ]);
    assert.equal(storage.disk(0), first);
    assert.throws(() => storage.disk(5), { code: 'ERR_VMBUS_NO_DEVICE' });
  });

  it('changes nothing unless it was opened for that', async () => {
    const { disk, bytes } = await filled(megabyte);
    const { storage } = await sceneOf(scsi({ disks: [disk] }));
    const write10 = Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);

    await assert.rejects(storage.disk().write(0, new Uint8Array(512)), { code: 'ERR_VMBUS_PERMISSION' });
    await assert.rejects(storage.disk().discard(0, 512), { code: 'ERR_VMBUS_PERMISSION' });
    await assert.rejects(storage.execute(write10, { data: new Uint8Array(512) }), { code: 'ERR_VMBUS_PERMISSION' });
    await assert.rejects(storage.execute(Uint8Array.of(0x04, 0, 0, 0, 0, 0)), { code: 'ERR_VMBUS_PERMISSION' });

    assert.equal(Buffer.compare(await disk.read(0, megabyte), bytes), 0);
  });

  it('says what a unit says of a command it does not know', async () => {
    const { storage } = await sceneOf(scsi({ disks: [memoryDisk({ sizeBytes: megabyte })] }), { write: true });

    const { isGood, sense, scsiStatus } = await storage.execute(Uint8Array.of(0x04, 0, 0, 0, 0, 0));
    const past = storage.execute(Uint8Array.of(0x28, 0, 0, 0xff, 0, 0, 0, 0, 1, 0), { responseBytes: 512 });

    assert.deepEqual(
      { isGood, sense, scsiStatus },
      { isGood: false, sense: { key: 5, asc: 0x20, ascq: 0 }, scsiStatus: 2 },
    );
    assert.deepEqual((await past).sense, { key: 5, asc: 0x21, ascq: 0 });
  });

  it('refuses offsets that are not on the disk, or inside a block', async () => {
    const { storage } = await sceneOf(scsi({ disks: [memoryDisk({ sizeBytes: megabyte, blockBytes: 4096 })] }));
    const disk = storage.disk();

    for (const [offset, length] of [
      [megabyte, 4096],
      [512, 4096],
      [0, 512],
      [-4096, 4096],
      [2 ** 60, 4096],
    ] as const)
      await assert.rejects(disk.read(offset, length), { code: 'ERR_OUT_OF_RANGE' }, `${offset} ${length}`);
  });

  it('took options of calls for granted, and waited for ever with a misspelt one', async () => {
    const { storage } = await sceneOf(scsi({ disks: [memoryDisk({ sizeBytes: megabyte })] }), { write: true });
    const disk = storage.disk();
    const misspelt = { timeout: 5 } as object;
    const value = { code: 'ERR_INVALID_ARG_VALUE', message: /timeoutMs/ };
    await assert.rejects(disk.read(0n, 512, misspelt), value);
    await assert.rejects(disk.write(0n, new Uint8Array(512), misspelt), value);
    await assert.rejects(disk.flush(misspelt), value);
    await assert.rejects(disk.discard(0n, 512, misspelt), value);
    await assert.rejects(disk.partitions(misspelt), value);
    await assert.rejects(disk.chunks(misspelt).next(), value);
    await assert.rejects(disk.read(0n, 512, { signal: {} as AbortSignal }), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(disk.read(0n, 512, { timeoutMs: -1 }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('read 16 GiB ahead if it was asked to', async () => {
    const { storage } = await sceneOf(scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 40 })] }));
    for (const [chunkBytes, most] of [
      [64 * megabyte, 3],
      [3 * megabyte, 84],
      [512, 256],
    ] as const) {
      const chunks = storage.disk().chunks({ chunkBytes, ahead: most + 1 });
      await assert.rejects(chunks.next(), { code: 'ERR_OUT_OF_RANGE', message: new RegExp(`0 … ${most},`) });
    }
  });

  it('would not read the largest chunks unless it was told how many ahead', async () => {
    const { disk } = await filled(megabyte);
    const { storage } = await sceneOf(scsi({ disks: [disk] }));
    const chunk = await storage
      .disk()
      .chunks({ chunkBytes: 64 * megabyte })
      .next();
    assert.equal(chunk.value?.length, megabyte);
  });

  it('can be opened again and again, and leaves the node to others', async () => {
    const { disk, bytes } = await filled(megabyte);
    const { host } = await hostWith(scsi({ disks: [disk] }));
    const device = openBus({ root: host.root }).device('scsi');
    for (let i = 0; i < 3; i += 1) {
      await using storage = await openStorage(device);
      assert.equal(Buffer.compare(await storage.disk().read(0, megabyte), bytes), 0);
    }
    assert.equal(host.devices[0]?.isOpen, false);
  });
});

describe('the accelerator of an IDE disk', () => {
  for (const position of [0, 1])
    it(`is one disk, as device ${position} of its channel`, async () => {
      const { disk, bytes } = await filled(megabyte);
      const { storage } = await sceneOf(ide({ disk, device: position, channel: 1 }), { channels: 4, write: true });

      assert.deepEqual(
        storage.disks().map(({ lun }) => lun),
        [0],
      );
      assert.equal(Buffer.compare(await storage.disk().read(0, megabyte), bytes), 0);
      await storage.disk().write(512, bytes.subarray(0, 512));
      assert.equal(Buffer.compare(await disk.read(512, 512), bytes.subarray(0, 512)), 0);
      assert.equal(storage.inspect().channels.length, 1);
    });
});
