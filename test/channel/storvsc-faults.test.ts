// SPDX-License-Identifier: MIT
//
// A storage host that is late, breaks the protocol or goes away: calls fail as they should, nothing is taken for what it is not,
// and no place in memory is used again while the host may write to it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';

import { type Disk, type HostPacket, memoryDisk, scsi } from '../../dist/host/index.js';
import { closeScenes, type StorageScene, sceneOf } from './storvsc-scene.js';

const megabyte = 2 ** 20;
const piece = 64 * 1024;
const completion = 11;

afterEach(closeScenes);

async function filled(): Promise<{ disk: Disk; bytes: Buffer }> {
  const disk = memoryDisk({ sizeBytes: megabyte });
  const bytes = randomBytes(megabyte);
  await disk.write(0, bytes);
  return { disk, bytes };
}

function primary({ channels }: StorageScene): StorageScene['channels'][number] {
  const [channel] = channels;
  assert.ok(channel);
  return channel;
}

/** Every completion, changed. */
function altered(change: (payload: Buffer) => Uint8Array): (packet: HostPacket) => HostPacket {
  return (packet) =>
    packet.type === completion ? { ...packet, payload: change(Buffer.from(packet.payload)) } : packet;
}

/** Puts a number of so many bits into a payload. */
function put(bits: 8 | 16 | 32, offset: number, value: number): (payload: Buffer) => Buffer {
  return (payload) => {
    payload.writeUIntLE(value, offset, bits / 8);
    return payload;
  };
}

describe('a host that is late', () => {
  it('may complete requests in any order', async () => {
    const { disk, bytes } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }), { queueDepth: 8, maxTransferBytes: piece });
    primary(scene).faults.reverseCompletions(8);

    const read = await scene.storage.disk().read(0, 8 * piece);

    assert.equal(Buffer.compare(read, bytes.subarray(0, 8 * piece)), 0);
  });

  it('keeps the place of a request that it never answers', async () => {
    const { disk, bytes } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }), { queueDepth: 2 });
    primary(scene).faults.dropPackets(1);

    await assert.rejects(scene.storage.disk().read(0, 512, { timeoutMs: 50 }), { code: 'ERR_VMBUS_TIMEOUT' });
    const other = await scene.storage.disk().read(512, 512);

    assert.equal(Buffer.compare(other, bytes.subarray(512, 1024)), 0);
    const { abandoned, timeouts, outstanding } = scene.storage.stats();
    assert.deepEqual({ abandoned, timeouts, outstanding }, { abandoned: 1, timeouts: 1, outstanding: 1 });
  });

  it('has all places, and the next call waits for one in vain', async () => {
    const { disk } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }), { queueDepth: 1 });
    primary(scene).faults.dropPackets(1);
    await assert.rejects(scene.storage.disk().read(0, 512, { timeoutMs: 50 }), { code: 'ERR_VMBUS_TIMEOUT' });
    const requests = scene.storage.stats().requests;

    await assert.rejects(scene.storage.disk().read(0, 512, { timeoutMs: 50 }), { code: 'ERR_VMBUS_TIMEOUT' });

    assert.equal(scene.storage.stats().requests, requests);
  });

  it('does not write where its caller has given up, and the place is used again after that', async () => {
    const { disk, bytes } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }), { queueDepth: 1 });
    const stop = new AbortController();
    const reason = new Error('enough');
    const target = new Uint8Array(512);
    primary(scene).faults.delay(100);

    const read = scene.storage.disk().read(0, target, { signal: stop.signal });
    while (scene.storage.stats().outstanding === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(reason);
    await assert.rejects(read, reason);
    const next = await scene.storage.disk().read(512, 512);

    assert.equal(Buffer.compare(next, bytes.subarray(512, 1024)), 0);
    assert.ok(target.every((byte) => byte === 0));
    assert.equal(scene.storage.stats().abandoned, 0);
    assert.equal(scene.storage.stats().aborts, 1);
  });

  it('never hears of what its caller gave up at once', async () => {
    const { disk } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }), { write: true });
    const { requests } = scene.storage.stats();
    const stop = new AbortController();

    const write = scene.storage.disk().write(0, new Uint8Array(512), { signal: stop.signal });
    stop.abort(new Error('no'));

    await assert.rejects(write, /no/);
    assert.equal(scene.storage.stats().requests, requests);
    assert.equal(scene.storage.stats().aborts, 1);
  });

  it('goes away: what is under way fails, and so does the rest', async () => {
    const { disk } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }), { maxTransferBytes: piece, queueDepth: 2 });
    primary(scene).faults.rescindAtPacket(3);

    await assert.rejects(scene.storage.disk().read(0, megabyte), { code: 'ERR_VMBUS_RESCINDED' });

    assert.equal((await scene.storage.closed).by, 'rescind');
    await assert.rejects(scene.storage.disk().read(0, 512), { code: 'ERR_VMBUS_RESCINDED' });
  });
});

describe('a host that breaks the protocol', () => {
  const broken: readonly (readonly [string, (payload: Buffer) => Uint8Array])[] = [
    ['a completion that is too short', (p) => p.subarray(0, 48)],
    ['an empty completion', () => new Uint8Array()],
    ['another operation in a completion', put(32, 0, 11)],
    ['less data than asked for', put(32, 24, 511)],
  ];
  for (const [name, change] of broken)
    it(`fails the request alone: ${name}`, async () => {
      const { disk, bytes } = await filled();
      const scene = await sceneOf(scsi({ disks: [disk] }), { queueDepth: 1 });
      primary(scene).faults.alterPackets(altered(change));
      await assert.rejects(scene.storage.disk().read(0, 512), { code: 'ERR_VMBUS_PROTOCOL' });
      primary(scene).faults.alterPackets(null);

      const next = await scene.storage.disk().read(512, 512);

      assert.equal(Buffer.compare(next, bytes.subarray(512, 1024)), 0);
    });

  it('gets no more than was asked for believed', async () => {
    const { disk, bytes } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }));
    primary(scene).faults.alterPackets(altered(put(32, 24, 0xffff_ffff)));

    const { data, transferBytes } = await scene.storage.execute(Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), {
      responseBytes: 512,
    });

    assert.equal(transferBytes, 512);
    assert.equal(Buffer.compare(data, bytes.subarray(0, 512)), 0);
  });

  it('says nothing by sense data that are longer than there is room', async () => {
    const { disk } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }));
    primary(scene).faults.alterPackets(altered(put(8, 21, 255)));

    const { senseBytes, sense } = await scene.storage.execute(Uint8Array.of(0x28, 0, 0xff, 0, 0, 0, 0, 0, 1, 0), {
      responseBytes: 512,
    });

    assert.equal(senseBytes?.length, 20);
    assert.deepEqual(sense, { key: 5, asc: 0x21, ascq: 0 });
  });

  it('is not heard when it completes what nobody asked for', async () => {
    const { disk, bytes } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }));
    const channel = primary(scene);
    const done = new Uint8Array(64);
    done[0] = 1;
    const before = scene.storage.stats().droppedPackets;

    for (const transactionId of [0n, 2n, 1n << 60n]) channel.send(done, { type: completion, transactionId });
    channel.send(done);
    channel.send(Uint8Array.of(12, 0, 0, 0));
    channel.send(new Uint8Array(0));
    const read = await scene.storage.disk().read(0, megabyte);

    assert.equal(Buffer.compare(read, bytes), 0);
    assert.equal(scene.storage.stats().droppedPackets - before, 6);
  });

  it('is not heard when it completes twice', async () => {
    const { disk, bytes } = await filled();
    const scene = await sceneOf(scsi({ disks: [disk] }), { queueDepth: 1 });
    const channel = primary(scene);
    const seen: bigint[] = [];
    channel.faults.alterPackets((packet) => {
      if (packet.type === completion) seen.push(packet.transactionId);
      return packet;
    });
    await scene.storage.disk().read(0, 512);
    channel.faults.alterPackets(null);
    const done = new Uint8Array(64);
    done[0] = 1;
    channel.send(done, { type: completion, transactionId: seen[0] ?? 0n });

    const read = await scene.storage.disk().read(512, 512);

    assert.equal(Buffer.compare(read, bytes.subarray(512, 1024)), 0);
  });

  it('is looked at once, however often it says that something changed', async () => {
    const { disk } = await filled();
    const controller = scsi({ disks: [disk] });
    const scene = await sceneOf(controller);
    const changes = scene.storage.changes();
    const notice = new Uint8Array(64);
    notice[0] = 11;

    for (let i = 0; i < 200; i += 1) primary(scene).send(notice);
    controller.add(memoryDisk({ sizeBytes: megabyte }));
    await changes.next();

    const { notices, rescans } = scene.storage.stats();
    assert.deepEqual({ notices, rescans }, { notices: 201, rescans: 1 });
  });
});

describe('a host that does not come to terms', () => {
  const body = 12;
  /** Changes the n-th answer of the negotiation, which are: begin, version, properties, end. */
  const atAnswer =
    (n: number, change: (payload: Buffer) => Uint8Array) =>
    (channel: StorageScene['channels'][number]): void => {
      let answers = 0;
      channel.faults.alterPackets((packet) => {
        answers += 1;
        return answers === n ? { ...packet, payload: change(Buffer.from(packet.payload)) } : packet;
      });
    };
  const refusals: readonly (readonly [string, string, number, (payload: Buffer) => Uint8Array])[] = [
    ['refuses to begin', 'ERR_VMBUS_PROTOCOL', 1, put(32, 8, 0xc000_0184)],
    ['means another version', 'ERR_VMBUS_PROTOCOL', 2, put(16, body, 0x0200)],
    ['moves no data', 'ERR_VMBUS_PROTOCOL', 3, put(32, body + 12, 0)],
    ['moves less than a page', 'ERR_VMBUS_PROTOCOL', 3, put(32, body + 12, 4095)],
    ['answers short', 'ERR_VMBUS_PROTOCOL', 4, (p) => p.subarray(0, 16)],
  ];
  for (const [name, code, n, change] of refusals)
    it(`is left: it ${name}`, async () => {
      await assert.rejects(sceneOf(scsi(), {}, atAnswer(n, change)), { code });
    });

  it('is taken for what it can: whole pages at once', async () => {
    const { disk, bytes } = await filled();
    const prepare = atAnswer(3, put(32, body + 12, 8200));
    const { storage } = await sceneOf(scsi({ disks: [disk] }), {}, prepare);

    assert.equal(storage.inspect().maxTransferBytes, 8192);
    assert.equal(Buffer.compare(await storage.disk().read(0, megabyte), bytes), 0);
  });

  it('is taken in an older version', async () => {
    const { storage } = await sceneOf(scsi({ newestVersion: 0x0501 }));
    assert.equal(storage.inspect().version, '5.1');
  });

  it('is too old', async () => {
    await assert.rejects(sceneOf(scsi({ newestVersion: 0x0402 })), { code: 'ERR_VMBUS_UNSUPPORTED' });
  });

  it('loses its keeper: the controller ends rather than go on unguarded', async () => {
    const { storage } = await sceneOf(scsi());
    process.kill(storage.inspect().memory.keeperPid ?? 0, 'SIGKILL');

    const { by, error } = await storage.closed;

    assert.equal(by, 'error');
    assert.match(String(error), /vmbus-keeper/);
  });
});
