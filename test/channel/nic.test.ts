// SPDX-License-Identifier: MIT
//
// Our guest side of the network card against our host's: bring-up, frames both ways, several queues, a cable that is pulled,
// a card that is withdrawn, a worker thread, and the end.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';

import { NetworkSwitch, netvsp, SimulatedHost } from '../../dist/host/index.js';
import { type NicEvent, openBus, openNic, type ReceivedFrame } from '../../dist/index.js';
import { broadcastMac, parseIpv4, parseMac } from '../../dist/protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../dist/protocol/ethernet/arp.js';
import { decodeFrame, EtherType, encodeFrame } from '../../dist/protocol/ethernet/frame.js';
import { decodeIcmpEcho, encodeIcmpEcho, IcmpType } from '../../dist/protocol/ethernet/icmp.js';
import { decodeIpv4, encodeIpv4, IpProtocol } from '../../dist/protocol/ethernet/ipv4.js';
import { cardMac, datagram, NicScene, take } from './nic-scene.js';

const ours = parseIpv4('10.9.9.2');
const theirs = parseIpv4('10.9.9.1');
const mac = parseMac(cardMac);

function whoHas(address: number): Uint8Array {
  const payload = encodeArp({
    operation: ArpOperation.request,
    senderMac: mac,
    senderAddress: ours,
    targetMac: new Uint8Array(6),
    targetAddress: address,
  });
  return encodeFrame({ destination: broadcastMac, source: mac, type: EtherType.arp, payload });
}

async function first(frames: AsyncIterable<ReceivedFrame>): Promise<ReceivedFrame> {
  for await (const frame of frames) return frame;
  throw new Error('no frame came');
}

describe('a network card', () => {
  it('comes up, and tells what it is', async () => {
    await using scene = await NicScene.open({ mtu: 1400, linkSpeedMbps: 25_000 });
    const { nic, card } = scene;

    assert.equal(card.state, 'up');
    assert.equal(card.version, 0x60001);
    const { state, mac: address, version, mtu, link, queues, receiveBuffer, sendBuffer } = nic.inspect();
    assert.deepEqual([state, address, version, mtu], ['up', cardMac, '6.1', 1400]);
    assert.deepEqual(link, { isUp: true, speedMbps: 25_000 });
    assert.deepEqual(queues, { wanted: 1, granted: 1, local: 1 });
    assert.ok(receiveBuffer.pieces > 10_000 && receiveBuffer.pieceBytes === 1806);
    assert.equal(sendBuffer.sections, Math.floor((16 * 1024 * 1024) / 6144));
    assert.equal(sendBuffer.free, sendBuffer.sections, 'nothing of the beginning is left there');
    assert.equal(nic.maxFrameBytes, 1418);
  });

  it('speaks older versions, and none that is too old', async () => {
    for (const maxVersion of [4, 5, 6, 6.1]) {
      await using scene = await NicScene.open({ maxVersion });
      assert.equal(scene.nic.inspect().version, maxVersion === 6.1 ? '6.1' : `${maxVersion}.0`);
    }
    await assert.rejects(NicScene.open({ maxVersion: 2 }), { code: 'ERR_VMBUS_UNSUPPORTED', message: /NVSP/ });
  });

  it('asks who has an address, and pings it', async () => {
    await using scene = await NicScene.open({ peer: '10.9.9.1/24' });
    const { nic, card } = scene;

    await nic.send(whoHas(theirs));
    const reply = decodeArp(decodeFrame((await first(nic)).bytes)?.payload ?? new Uint8Array());
    assert.equal(reply?.operation, ArpOperation.reply);
    const echo = encodeIcmpEcho({ type: IcmpType.echoRequest, identifier: 7, sequence: 1, data: new Uint8Array(1000) });
    const packet = encodeIpv4({ source: ours, destination: theirs, protocol: IpProtocol.icmp, payload: echo });
    const destination = reply?.senderMac.slice() ?? broadcastMac;
    await nic.send(encodeFrame({ destination, source: mac, type: EtherType.ipv4, payload: packet }));
    const answer = decodeIpv4(decodeFrame((await first(nic)).bytes)?.payload ?? new Uint8Array());

    const pong = decodeIcmpEcho(answer?.payload ?? new Uint8Array());
    assert.deepEqual([pong?.type, pong?.identifier, pong?.data.length], [IcmpType.echoReply, 7, 1000]);
    assert.deepEqual([card.peer?.statistics.arps, card.peer?.statistics.pings], [1, 1]);
    assert.equal(nic.stats().framesIn, 2);
  });

  it('carries thousands of frames both ways, in order and unharmed', async () => {
    await using scene = await NicScene.open();
    const { nic, card } = scene;
    const port = card.network.port({ capacity: 8192 });
    const count = 5000;
    const numbered = (i: number): Uint8Array => datagram(new Uint8Array(Uint32Array.of(i, i * 7).buffer));
    const frames = Array.from({ length: count }, (_, i) => numbered(i));

    const arriving = take(port.frames, count);
    await nic.send(frames);
    const arrived = await arriving;
    const seen: Uint8Array[] = [];
    const reading = (async () => {
      for await (const batch of nic.frames()) {
        for (let i = 0; i < batch.length; i += 1) seen.push(batch.view(i).slice());
        if (seen.length >= count) break;
      }
    })();
    // As much as the host keeps for a guest at a time.
    for (let i = 0; i < count; i += 500) {
      for (const frame of frames.slice(i, i + 500)) port.frames.write(frame);
      while (seen.length < i + 500) await new Promise((resolve) => setImmediate(resolve));
    }
    await reading;

    for (let i = 0; i < count; i += 1) {
      assert.deepEqual(arrived[i], frames[i]);
      assert.deepEqual(seen[i], frames[i]);
    }
    const { framesIn, framesOut, malformed, stray, refused, unread } = nic.stats();
    assert.deepEqual([framesIn, framesOut, malformed, stray, refused, unread], [count, count, 0, 0, 0, 0]);
  });

  it('carries VLAN tags beside frames', async () => {
    await using scene = await NicScene.open();
    const { nic, card } = scene;
    const port = card.network.port();
    const frame = datagram(new Uint8Array(40));

    await nic.send(frame, { vlan: { id: 42, priority: 5 } });
    const [tagged] = await take(port.frames, 1);
    port.frames.write(tagged);
    const back = await first(nic);

    assert.equal(tagged?.length, frame.length + 4);
    assert.deepEqual(back.vlan, { id: 42, priority: 5, dropEligible: false });
    assert.deepEqual(back.bytes, frame);
  });

  it('uses as many queues as it wants, and each of them for flows', async () => {
    await using scene = await NicScene.open({ queues: 4 }, { queues: 2 });
    const { nic, card } = scene;
    const port = card.network.port();
    assert.equal(card.channels, 2);
    assert.equal(nic.queues, 2);

    const frames = Array.from({ length: 64 }, (_, i) => datagram(new Uint8Array(20), 7, `10.8.0.${i + 1}`));
    const arriving = take(port.frames, 64);
    await nic.send(frames);
    await arriving;
    const iterator = nic.frames();
    const used = new Set<number>();
    let seen = 0;
    for (const frame of frames) port.frames.write(frame);
    for await (const batch of iterator) {
      used.add(batch.queue);
      seen += batch.length;
      if (seen === 64) break;
    }

    assert.deepEqual([...used].sort(), [0, 1]);
    assert.ok(card.statistics.channels.every((channel) => channel.sent > 0 && channel.received > 0));
  });

  it('makes do with fewer queues than it wants', async () => {
    await using scene = await NicScene.open({ queues: 1 }, { queues: 4 });
    assert.deepEqual(scene.nic.inspect().queues, { wanted: 4, granted: 1, local: 1 });
  });

  it('tells when the cable is pulled and put in again', async () => {
    await using scene = await NicScene.open();
    const events = scene.nic.events();
    const seen: NicEvent[] = [];

    scene.card.disconnect();
    seen.push((await events.next()).value);
    const down = scene.nic.link.isUp;
    scene.card.connect();
    seen.push((await events.next()).value);

    assert.deepEqual(seen, [
      { kind: 'link', isUp: false },
      { kind: 'link', isUp: true },
    ]);
    assert.equal(down, false);
    assert.equal(scene.nic.link.isUp, true);
  });

  it('that is withdrawn under traffic ends readers and senders with one error', async () => {
    await using scene = await NicScene.open({ queues: 2 }, { queues: 2 });
    const { nic, host, card } = scene;
    const port = card.network.port();
    const reading = (async () => {
      for await (const _ of nic.frames());
    })();
    const sending = (async () => {
      for (;;) await nic.send(Array.from({ length: 100 }, (_, i) => datagram(new Uint8Array(500), i)));
    })();
    const both = Promise.all([reading, sending].map((each) => assert.rejects(each, { code: 'ERR_VMBUS_RESCINDED' })));
    await take(port.frames, 500);

    host.rescind('net');

    await both;
    assert.equal((await nic.closed).by, 'rescind');
    await assert.rejects(nic.send(datagram(new Uint8Array(1))), { code: 'ERR_VMBUS_RESCINDED' });
    assert.equal(nic.inspect().state, 'closed');
    assert.deepEqual(scene.troubles, []);
  });

  it('gives everything back when it is closed, and can be opened again', async () => {
    const card = netvsp({ mac: cardMac, peer: '10.9.9.1/24' });
    await using host = await SimulatedHost.start({ devices: [card], bound: true });
    for (let i = 0; i < 3; i += 1) {
      const nic = await openNic(openBus({ root: host.root }).device('net'));
      await nic.send(whoHas(theirs));
      await first(nic);
      await nic.close();

      assert.equal(card.statistics.held, 0, 'pieces of the receive buffer');
      await assert.rejects(nic.send(whoHas(theirs)), { code: 'ERR_VMBUS_CLOSED' });
      assert.equal((await nic.closed).by, 'user');
    }
    assert.equal(card.statistics.malformed, 0);
  });

  it('drops what nobody reads, and goes on answering', async () => {
    await using scene = await NicScene.open();
    const { nic, card } = scene;
    const port = card.network.port();
    await nic.frames().return?.();
    for (let i = 0; i < 100; i += 1) port.frames.write(datagram(new Uint8Array(60)));
    card.disconnect();
    await nic.events().next();

    assert.equal(nic.stats().unread, 100);
  });

  it('keeps a few batches for its first reader, and goes on without one', async () => {
    await using scene = await NicScene.open({}, { batchesAhead: 2 });
    const { nic, card } = scene;
    const port = card.network.port();
    port.frames.write(datagram(new Uint8Array(60)));
    while (nic.stats().framesIn === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 50; i += 1) {
      port.frames.write(datagram(new Uint8Array(60)));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    card.disconnect();
    await nic.events().next();

    const { value } = await nic.frames().next();
    assert.ok(value && value.length >= 1);
    assert.ok(nic.stats().unread > 0);
  });

  it('answers a reader that asks twice at once, in order', async () => {
    await using scene = await NicScene.open();
    const { nic, card } = scene;
    const port = card.network.port();
    const iterator = nic.frames();
    const both = [iterator.next(), iterator.next()];
    port.frames.write(datagram(new Uint8Array(60)));
    assert.equal((await both[0])?.value?.length, 1);
    port.frames.write(datagram(new Uint8Array(70)));
    assert.equal((await both[1])?.value?.length, 1);
    const third = iterator.next();
    await iterator.return?.();
    assert.equal((await third).done, true);
  });

  it('has room again when a reader leaves batches behind', async () => {
    await using scene = await NicScene.open({}, { batchesAhead: 1 });
    const { nic, card } = scene;
    const port = card.network.port();
    for (let i = 0; i < 3; i += 1) {
      const before = nic.stats().framesIn;
      const iterator = nic.frames();
      port.frames.write(datagram(new Uint8Array(60)));
      while (nic.stats().framesIn === before) await new Promise((resolve) => setImmediate(resolve));
      await iterator.return?.();
    }
    const reading = nic.frames().next();
    port.frames.write(datagram(new Uint8Array(60)));

    assert.equal((await reading).value?.length, 1);
  });

  it('waits for a reader that is busy, and loses nothing', async () => {
    await using scene = await NicScene.open({}, { batchesAhead: 1 });
    const { nic, card } = scene;
    const port = card.network.port({ capacity: 4096 });
    const iterator = nic.frames();
    const pending = iterator.next();
    const send = async (): Promise<void> => {
      for (let i = 0; i < 900; i += 1) port.frames.write(datagram(new Uint8Array(1000)));
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await send();
    let seen = (await pending).value?.length ?? 0;
    await send();
    while (seen < 1800) seen += (await iterator.next()).value?.length ?? 0;

    assert.equal(seen, 1800);
    assert.equal(nic.stats().unread, 0);
    await iterator.return?.();
  });

  it('has one reader at a time, which may leave and come back', async () => {
    await using scene = await NicScene.open({ peer: '10.9.9.1/24' });
    const { nic } = scene;
    const iterator = nic.frames();
    assert.throws(() => nic.frames(), { code: 'ERR_VMBUS_BUSY' });
    const waiting = iterator.next();
    await iterator.return?.();
    assert.deepEqual(await waiting, { done: true, value: undefined });

    const abort = new AbortController();
    const aborted = nic.frames({ signal: abort.signal }).next();
    abort.abort();
    assert.equal((await aborted).done, true);
    await nic.send(whoHas(theirs));
    assert.equal((await first(nic)).bytes.length > 0, true);
  });

  it('hands a queue to a worker thread', async () => {
    await using scene = await NicScene.open({ queues: 2 }, { queues: 2, localQueues: 1 });
    const { nic, card } = scene;
    const port = card.network.port();
    const worker = new Worker(new URL('./nic-worker.js', import.meta.url));
    const said = (): Promise<unknown> => new Promise((resolve) => worker.once('message', resolve));
    const ready = said();
    worker.postMessage(nic.shareQueue(1));
    assert.equal(await ready, 'ready');
    assert.throws(() => nic.shareQueue(1), { code: 'ERR_VMBUS_BUSY' });
    assert.throws(() => nic.shareQueue(0), { code: 'ERR_INVALID_ARG_VALUE' });

    const counted = said();
    const local = (async () => {
      let count = 0;
      for await (const batch of nic.frames()) count += batch.length;
      return count;
    })();
    const arriving = take(port.frames, 1);
    for (let i = 0; i < 200; i += 1) port.frames.write(datagram(new Uint8Array(30), 7, `10.8.0.${i + 1}`));
    const count = await counted;
    await arriving;
    await worker.terminate();
    nic.reclaimQueue(1);
    assert.equal(nic.shareQueue(1).queue, 1, 'the next thread can have it');
    await nic.close();

    assert.ok(Number(count) > 20, `${count} frames came to the worker`);
    assert.equal(Number(count) + (await local), 200);
    assert.equal(card.statistics.malformed, 0);
  });

  it('takes what it is told only if that makes sense', async () => {
    await using scene = await NicScene.open();
    const { nic } = scene;
    const device = openBus({ root: scene.host.root }).device('net');

    await assert.rejects(openNic(device, { queues: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(openNic(device, { queue: 1 } as object), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(openNic({ class: { name: 'scsi' } } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(openNic(device), { code: 'ERR_VMBUS_BUSY' });
    await assert.rejects(nic.send('x' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(nic.send(new Uint8Array(13)), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(nic.send([new Uint8Array(60), new Uint8Array(1519)]), { code: 'ERR_VMBUS_TOO_LARGE' });
    await assert.rejects(nic.send(new Uint8Array(60), { vlan: { id: 4096 } }), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(nic.send(new Uint8Array(60), { queue: 1 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal(nic.stats().framesOut, 0);
    await nic.send([]);
  });

  it('gives up sends that wait when their signal says so, and keeps the order of the others', async () => {
    await using scene = await NicScene.open();
    const { nic, host } = scene;
    const [channel] = host.channels('net');
    channel?.faults.stall(true);
    const frames = Array.from({ length: 3000 }, () => datagram(new Uint8Array(40)));
    const sent = nic.send(frames);
    const abort = new AbortController();
    const given = nic.send(frames.slice(0, 1), { signal: abort.signal });
    abort.abort(new Error('enough'));

    await assert.rejects(given, { message: 'enough' });
    assert.equal(nic.trySend(frames.slice(0, 1)), 0, 'others wait before it');
    channel?.faults.stall(false);
    await sent;
    assert.equal(nic.stats().framesOut, 3000);
  });

  it('ends with the signal that it was opened with', async () => {
    const card = netvsp({ switch: new NetworkSwitch() });
    await using host = await SimulatedHost.start({ devices: [card], bound: true });
    const abort = new AbortController();
    const nic = await openNic(openBus({ root: host.root }).device('net'), { signal: abort.signal });
    const reading = nic.frames().next();

    abort.abort(new Error('no more'));

    assert.equal((await nic.closed).by, 'abort');
    assert.equal((await reading).done, true);
    await assert.rejects(nic.send(new Uint8Array(60)), { message: 'no more' });
    await nic.close();
  });
});
