// SPDX-License-Identifier: MIT
//
// Every fault of the simulated host does what it says to a guest, and a guest's faults do no harm to the host.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { VmbusError } from '../../dist/errors.js';
import {
  echo,
  type HostChannel,
  type HostPacket,
  type HostTrouble,
  type MalformationName,
  malformations,
  type Provider,
  type ProviderSession,
  SimulatedHost,
} from '../../dist/host/index.js';
import { Status } from '../../dist/native/binding.js';
import { type RawChannel, RawGuest } from './host-raw-guest.js';

let host: SimulatedHost;
let guest: RawGuest;
let channel: RawChannel;
let troubles: HostTrouble[];

/** The host's end of the echo channel. */
function hostEnd(index = 0): HostChannel {
  const end = host.channels('echo')[index];
  assert.ok(end);
  return end;
}

async function start(provider: Provider): Promise<void> {
  troubles = [];
  host = await SimulatedHost.start({
    devices: [provider],
    bound: true,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  guest = await RawGuest.open(host.root);
  channel = guest.primary();
}

async function exchange(text: string): Promise<string> {
  assert.equal(channel.trySend(text), 0);
  return (await channel.receive()).payload.toString();
}

afterEach(async () => {
  await guest.close();
  await host.close();
});

describe('a fault of an echo channel', () => {
  beforeEach(async () => {
    await start(echo());
    assert.equal(await exchange('warm up!'), 'warm up!');
  });

  it('drops so many signals and no more', async () => {
    assert.deepEqual(channel.drain(), []);
    hostEnd().faults.dropSignals(1);
    const wakes = guest.wakes;
    channel.trySend('no wake!');
    while (hostEnd().faults.peekHeader('in', 'writeIndex') !== 64)
      await new Promise((resolve) => setImmediate(resolve));

    assert.equal(guest.wakes, wakes);
    const drained = channel.drain();
    assert.ok(typeof drained !== 'number' && drained[0]?.payload.toString() === 'no wake!');
    assert.equal(await exchange('and wake'), 'and wake');
  });

  it('delays packets, in order', async () => {
    hostEnd().faults.delay(40);
    const before = performance.now();
    for (const id of [1n, 2n, 3n]) channel.trySend('late but', { id });

    const ids = [(await channel.receive()).id, (await channel.receive()).id, (await channel.receive()).id];

    assert.deepEqual(ids, [1n, 2n, 3n]);
    // Not a measurement: earlier than asked for would be no delay.
    assert.ok(performance.now() - before >= 35);
    hostEnd().faults.delay(0);
    assert.equal(await exchange('promptly'), 'promptly');
  });

  it('loses so many packets and no more', async () => {
    hostEnd().faults.dropPackets(2);
    for (const id of [1n, 2n, 3n]) channel.trySend('are lost', { id });
    assert.equal((await channel.receive()).id, 3n);
    assert.equal(await exchange('is there'), 'is there');
  });

  it('changes packets, or answers none, until told otherwise', async () => {
    hostEnd().faults.alterPackets((packet) =>
      packet.transactionId === 1n ? null : { ...packet, payload: packet.payload.subarray(0, 8).reverse() },
    );
    for (const id of [1n, 2n]) channel.trySend('abcdefgh and more', { id });
    const { id, payload } = await channel.receive();
    assert.deepEqual([id, payload.toString()], [2n, 'hgfedcba']);
    hostEnd().faults.alterPackets(null);
    assert.equal(await exchange('as it is'), 'as it is');
  });

  it('turns so many completions round, and nothing else', async () => {
    hostEnd().faults.reverseCompletions(3);
    for (const id of [1n, 2n]) channel.trySend('question', { id, flags: 1 });
    channel.trySend('no reply', { id: 3n });
    for (const id of [4n, 5n]) channel.trySend('question', { id, flags: 1 });
    const ids: bigint[] = [];
    while (ids.length < 5) ids.push((await channel.receive()).id);
    assert.deepEqual(ids, [3n, 4n, 2n, 1n, 5n]);
  });

  it('lets go of completions that wait for others', async () => {
    hostEnd().faults.reverseCompletions(3);
    for (const id of [1n, 2n]) channel.trySend('question', { id, flags: 1 });
    assert.equal(await exchange('in band!'), 'in band!');
    hostEnd().faults.reverseCompletions(0);
    assert.deepEqual([(await channel.receive()).id, (await channel.receive()).id], [2n, 1n]);
  });

  it('stalls until the ring is full, then goes on where it was', async () => {
    hostEnd().faults.stall(true);
    let sent = 0;
    while (channel.trySend(Buffer.alloc(50_000), { id: BigInt(sent) }) === 0) sent += 1;
    assert.ok(sent > 30);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(channel.drain(), []);

    hostEnd().faults.stall(false);

    for (let id = 0n; id < sent; id += 1n) assert.equal((await channel.receive()).id, id);
  });

  it('rescinds at the n-th packet, before it is answered', async () => {
    hostEnd().faults.rescindAtPacket(3);

    for (const id of [1n, 2n, 3n, 4n]) channel.trySend('last word', { id });
    await guest.rescinded;

    assert.equal(channel.drain(), Status.rescinded);
    assert.deepEqual(host.devices, []);
  });

  it('rescinds at a packet in the middle of a batch after the earlier ones were answered', async () => {
    hostEnd().faults.rescindAtPacket(2);
    const end = hostEnd();

    channel.trySend('answered', { id: 1n });
    channel.trySend('not this', { id: 2n });
    await guest.rescinded;

    assert.equal(end.isOpen, false);
    assert.equal(end.send(Buffer.from('too late')), false);
  });

  for (const name of Object.keys(malformations) as MalformationName[]) {
    const { ring, violation } = malformations[name];
    it(`shows the guest ${name}, which it takes for "${violation}"`, async () => {
      const { wake } = guest;
      if (ring === 'out') {
        hostEnd().faults.stall(true);
        while (channel.trySend(Buffer.alloc(5000)) === 0);
      }

      malformations[name].apply(hostEnd().faults);
      await wake;

      const status = ring === 'in' ? channel.drain() : channel.trySend(Buffer.alloc(5000));
      assert.ok(typeof status === 'number' && status < 0 && status > -100, `status ${JSON.stringify(status)}`);
      assert.equal(guest.binding.violationName(-status), violation);
      assert.equal(ring === 'in' ? channel.drain() : channel.trySend('again'), status, 'a violation is final');
    });
  }

  it('is gone after the guest has opened the channel anew', async () => {
    malformations['unknown-type'].apply(hostEnd().faults);
    hostEnd().faults.stall(true);
    await guest.close();

    guest = await RawGuest.open(host.root);
    channel = guest.primary();

    assert.equal(await exchange('as new!!'), 'as new!!');
  });
});

describe('a guest that breaks the rules of the ring', () => {
  beforeEach(() => start(echo()));

  it('loses its channel and nothing else', async () => {
    const end = hostEnd();

    assert.equal(guest.binding.writeRaw(channel.handle, Buffer.alloc(8)), 0);
    while (troubles.length === 0) await new Promise((resolve) => setImmediate(resolve));

    assert.equal(end.isOpen, false);
    const [trouble] = troubles;
    assert.equal(trouble?.provider, 'echo');
    assert.ok(VmbusError.is(trouble?.error));
    assert.equal(trouble.error.code, 'ERR_VMBUS_CORRUPT');
    assert.match(String(trouble?.error), /less than a packet descriptor/);
    await guest.close();
    guest = await RawGuest.open(host.root);
    channel = guest.primary();
    assert.equal(await exchange('good now'), 'good now');
  });
});

describe('a provider', () => {
  const classGuid = echo().classGuid;

  class Session implements ProviderSession {
    readonly packets: string[] = [];
    spaces = 0;
    closes = 0;
    onEach: (packet: HostPacket) => void = () => undefined;

    onPacket(packet: HostPacket): void {
      this.packets.push(Buffer.from(packet.payload).toString());
      this.onEach(packet);
    }

    onSpace(): void {
      this.spaces += 1;
    }

    onClose(): void {
      this.closes += 1;
    }
  }

  let session: Session;
  let end: HostChannel;
  let opens: number;
  const provider: Provider = {
    name: 'plain',
    classGuid,
    ringBytes: 4096 * 5,
    onOpen(opened) {
      opens += 1;
      end = opened;
      session = new Session();
      end.send(Buffer.from('host speaks first'));
      return session;
    },
  };

  beforeEach(() => {
    opens = 0;
    return start(provider);
  });

  it('may speak first, gets packets one by one, and is told of the end once', async () => {
    assert.equal((await channel.receive()).payload.toString().replaceAll('\0', ''), 'host speaks first');

    channel.trySend('packet 1');
    channel.trySend('packet 2');
    while (session.packets.length < 2) await new Promise((resolve) => setImmediate(resolve));

    assert.deepEqual(session.packets, ['packet 1', 'packet 2']);
    await guest.close();
    while (session.closes === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([opens, session.closes, end.isOpen, end.send(Buffer.alloc(8))], [1, 1, false, false]);
  });

  it('is told of space after a send that did not fit, although smaller ones did since', async () => {
    await channel.receive();
    let sent = 0;
    while (end.send(Buffer.alloc(1000))) sent += 1;
    assert.ok(sent > 10);
    assert.equal(end.send(Buffer.alloc(8)), true);
    assert.equal(session.spaces, 0);

    for (; sent >= 0; sent -= 1) await channel.receive();
    while (session.spaces === 0) await new Promise((resolve) => setImmediate(resolve));

    assert.equal(end.send(Buffer.alloc(1000)), true);
  });

  it('sends many at once as far as they fit', async () => {
    await channel.receive();
    const payloads = Array.from({ length: 1000 }, (_, i) => Buffer.from(`payload ${String(i).padStart(8)}`));

    const sent = end.sendMany(payloads, { transactionId: 9n });

    assert.ok(sent > 100 && sent < 1000, `${sent}`);
    for (let i = 0; i < sent; i += 1) assert.deepEqual((await channel.receive()).payload, payloads[i]);
    while (session.spaces === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(end.sendMany(payloads.slice(sent)) > 0);
  });

  it('is refused a packet that no ring of this size can hold', async () => {
    assert.throws(() => end.send(Buffer.alloc(end.maxPayloadBytes + 8)), { code: 'ERR_VMBUS_TOO_LARGE' });
    assert.equal(end.isOpen, true);
  });

  it('may stop reading for a while', async () => {
    end.pause();
    channel.trySend('packet 1');
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(session.packets, []);

    end.resume();
    while (session.packets.length === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('may withdraw its device while it handles a packet', async () => {
    session.onEach = () => end.rescind();
    channel.trySend('packet 1');
    channel.trySend('packet 2');

    await guest.rescinded;

    assert.deepEqual(session.packets, ['packet 1']);
    assert.equal(session.closes, 1);
    assert.deepEqual(host.devices, []);
  });

  it('that throws ends its channel, and the host is told what it threw', async () => {
    const error = new Error('a bug in the provider');
    session.onEach = () => {
      throw error;
    };
    channel.trySend('packet 1');
    while (troubles.length === 0) await new Promise((resolve) => setImmediate(resolve));

    assert.equal(troubles[0]?.error, error);
    assert.equal(end.isOpen, false);
    assert.equal(session.closes, 1);
  });
});

describe('a fast channel', () => {
  beforeEach(() => start(echo({ monitorId: 40 })));

  it('is signalled through its monitor, and so are its subchannels', async () => {
    assert.equal(await exchange('by bits!'), 'by bits!');
    hostEnd().offerSubchannels(1);
    const [device] = host.devices;
    const ring = `${host.root}/sys/bus/vmbus/devices/${device?.instanceGuid}/channels/2/ring`;
    const subchannel = guest.subchannel(ring, 2, 40);

    subchannel.trySend('by bits2');

    assert.equal((await subchannel.receive()).payload.toString(), 'by bits2');
  });
});

describe('opening a node that is gone', () => {
  beforeEach(() => start(echo()));

  it('fails with ENOENT at once', async () => {
    host.rescind('echo');

    await assert.rejects(RawGuest.open(host.root), { errno: constants.errno.ENOENT });
  });
});
