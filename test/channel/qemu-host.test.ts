// SPDX-License-Identifier: MIT
//
// The host of a whole machine over a machine without QEMU: the control path and the rings, with memory that is mapped and with
// memory at the other end of the stream.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';

import { echo, type HostTrouble, type Provider, QemuHost } from '../../dist/host/index.js';
import { FakeMachine, message, openMessage, pageBytes, type SeenOffer, word, words } from './fake-machine.js';

const machines: FakeMachine[] = [];
const hosts: QemuHost[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
  for (const machine of machines.splice(0)) machine.close();
});

interface World {
  readonly machine: FakeMachine;
  readonly host: QemuHost;
  readonly troubles: HostTrouble[];
}

async function world(devices: readonly Provider[], isMapped: boolean): Promise<World> {
  const machine = new FakeMachine();
  machines.push(machine);
  const troubles: HostTrouble[] = [];
  const host = await QemuHost.start({
    devices,
    stream: machine.stream,
    ...(isMapped ? { memoryFile: machine.memoryFile } : {}),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  hosts.push(host);
  return { machine, host, troubles };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function only(offers: readonly SeenOffer[]): SeenOffer {
  assert.equal(offers.length, 1);
  return offers[0] as SeenOffer;
}

for (const isMapped of [true, false]) {
  describe(isMapped ? 'rings in mapped memory' : 'rings over the stream', () => {
    it('carry packets both ways', async () => {
      const { machine, host } = await world([echo()], isMapped);
      const guest = await machine.open(only(await machine.connect()));

      guest.send(bytes('twelve bytes'), 7n, 1);
      const answer = await guest.receive();

      assert.deepEqual([answer.type, answer.id], [11, 7n]);
      assert.equal(Buffer.from(answer.payload).toString(), 'twelve bytes\0\0\0\0');
      assert.equal(host.version, 0x50003);
      assert.ok(machine.interrupts.includes(guest.offer.relid));
    });

    it('carry many times what they hold, around the end and in order', async () => {
      const { machine } = await world([echo()], isMapped);
      const guest = await machine.open(only(await machine.connect()), 3);
      const count = 400;
      let sent = 0;
      for (let received = 0; received < count; received += 1) {
        while (sent < count && guest.send(new Uint8Array(8 + (sent % 50) * 8).fill(sent & 0xff), BigInt(sent)))
          sent += 1;
        const packet = await guest.receive();
        assert.equal(packet.id, BigInt(received));
        assert.deepEqual(packet.payload, Buffer.alloc(8 + (received % 50) * 8, received & 0xff));
      }
    });

    it('are looked at although the guest wrote before they were open', async () => {
      const { machine } = await world([echo()], isMapped);
      const offer = only(await machine.connect());
      const pages = machine.pages(8);
      const gpadl = await machine.share(offer.relid, pages);
      const packet = Buffer.from('0600020003000000090000000000000068656c6c6f2121210000000000000000', 'hex');
      machine.write((pages[1] ?? 0) * pageBytes, packet);
      machine.setWord((pages[0] ?? 0) * pageBytes, 32);
      machine.post(openMessage(offer.relid, gpadl, 4, new Uint8Array(120)));

      const toGuest = (pages[4] ?? 0) * pageBytes;
      await machine.until(() => machine.word(toGuest) === 32);
      assert.equal(Buffer.from(machine.read((pages[5] ?? 0) * pageBytes + 16, 8)).toString(), 'hello!!!');
    });

    it('make the host wait while the guest does not read, and go on when it does', async () => {
      const { machine } = await world([echo({ reply: 'source', sourceBytes: 256, sourcePackets: 300 })], isMapped);
      const guest = await machine.open(only(await machine.connect()), 3);
      await machine.until(() => machine.word(guest.header('in', 12)) !== 0);

      for (let i = 0; i < 300; i += 1) assert.equal((await guest.receive()).payload.length, 256);
    });

    it('that the guest spoils end that device with a reason, and no other', async () => {
      const { machine, troubles } = await world([echo({ name: 'a' }), echo({ name: 'b' })], isMapped);
      const [first, second] = await machine.connect();
      assert.ok(first && second);
      const spoilt = await machine.open(first);
      const sound = await machine.open(second);

      machine.setWord(spoilt.header('out', 0), 0xffff_fff0);
      machine.signal(first.connection);
      const rescinded = await machine.expect(2);
      assert.equal(word(rescinded, 8), first.relid);
      assert.equal((troubles[0]?.error as { code?: string } | undefined)?.code, 'ERR_VMBUS_CORRUPT');

      sound.send(bytes('still here'), 1n, 1);
      assert.equal(Buffer.from((await sound.receive()).payload).toString('latin1', 0, 10), 'still here');
    });

    it('bring subchannels, which go when the primary closes and come back with it', async () => {
      const { machine, host } = await world([echo({ subchannels: 2 })], isMapped);
      const offer = only(await machine.connect());
      const primary = await machine.open(offer);
      const subs = [await machine.expectOffer(), await machine.expectOffer()];
      assert.deepEqual(
        subs.map(({ index, instanceGuid }) => [index, instanceGuid]),
        [1, 2].map((index) => [index, offer.instanceGuid]),
      );
      const sub = await machine.open(subs[1] as SeenOffer);
      sub.send(bytes('8 bytes!'), 5n, 1);
      assert.equal((await sub.receive()).id, 5n);
      assert.equal(host.channels('echo').length, 2);

      machine.post(message(7, offer.relid));
      const gone = [word(await machine.expect(2), 8), word(await machine.expect(2), 8)];
      assert.deepEqual(gone.sort(), subs.map(({ relid }) => relid).sort());
      for (const relid of gone) machine.post(message(13, relid));
      machine.post(message(11, offer.relid, primary.gpadl));
      await machine.expect(12);

      await machine.open(offer);
      assert.equal((await machine.expectOffer()).index, 1);
    });

    it('give a provider the buffers and pages that the guest names, and nothing else', async () => {
      const results: unknown[] = [];
      const reader: Provider = {
        ...echo({ name: 'reader' }),
        onOpen: (channel) => ({
          onPacket(packet) {
            const handle = word(packet.payload, 0);
            const address = word(packet.payload, 4);
            const shared = channel.memory.buffer(handle);
            void (async () => {
              results.push(shared?.sizeBytes ?? null);
              if (shared) {
                await shared.write(4094, bytes('over'));
                results.push(Buffer.from(await shared.read(4090, 8)).toString('latin1'));
                results.push(await shared.read(4090, 8000).catch((error: { code: string }) => error.code));
              }
              results.push((await channel.memory.read([{ address, length: 4 }])).join());
              channel.send(bytes('done'));
            })();
          },
        }),
      };
      const { machine } = await world([reader, echo()], isMapped);
      const [first, other] = await machine.connect();
      assert.ok(first && other);
      const guest = await machine.open(first);
      const handle = await machine.share(first.relid, machine.pages(2));
      const foreign = await machine.share(other.relid, machine.pages(2));
      machine.write(64, Uint8Array.of(1, 2, 3, 4));

      guest.send(words(handle, 64));
      await guest.receive();
      guest.send(words(foreign, 64));
      await guest.receive();

      assert.deepEqual(results, [8192, '\0\0\0\0over', 'ERR_VMBUS_CORRUPT', '1,2,3,4', null, '1,2,3,4']);
    });
  });
}

describe('fast channels', () => {
  for (const isMapped of [true, false]) {
    it(`are heard by the bit in the monitor page alone, ${isMapped ? 'mapped' : 'streamed'}`, async () => {
      const { machine } = await world([echo({ monitorId: 37 })], isMapped);
      const offer = only(await machine.connect());
      assert.deepEqual([...offer.bytes.subarray(188, 190)], [37, 1]);
      const guest = await machine.open(offer);
      await turn(); // the host's look at newly opened rings, which would find the packet without the bit
      machine.setWord(guest.header('out', 8), 1); // so that this guest does not signal
      guest.send(bytes('8 bytes!'), 3n, 1);
      machine.setWord(3 * pageBytes + 8 + 8, 1 << 5);

      assert.equal((await guest.receive()).id, 3n);
      if (isMapped) assert.equal(machine.word(3 * pageBytes + 8 + 8), 0);
    });
  }
});

describe('a device that drains', () => {
  /** Answers everything; what it drains is over when told. */
  function draining(options: { readonly monitorId?: number; readonly subchannels?: number } = {}) {
    const ends: string[] = [];
    let drained = (): void => undefined;
    const provider: Provider = {
      ...echo({ name: 'draining', ...(options.monitorId === undefined ? {} : { monitorId: options.monitorId }) }),
      onOpen: (channel) => {
        const { subchannelIndex } = channel;
        if (subchannelIndex === 0 && options.subchannels) channel.offerSubchannels(options.subchannels);
        return {
          onPacket: ({ transactionId, payload }) => channel.complete(transactionId, payload),
          drain: () =>
            new Promise((resolve) => {
              const before = drained;
              drained = () => {
                before();
                resolve();
              };
            }),
          onClose: (reason) => ends.push(`${subchannelIndex} ${reason}`),
        };
      },
    };
    return { provider, ends, drained: () => drained() };
  }

  it('is withdrawn when nothing is in flight any more, and served until the guest closes it', async () => {
    const { provider, ends, drained } = draining();
    const { machine, host } = await world([provider], true);
    const guest = await machine.open(only(await machine.connect()));
    host.rescind('draining');
    guest.send(bytes('one'), 1n, 1);
    assert.equal((await guest.receive()).id, 1n);
    assert.deepEqual(machine.messages, []);

    drained();
    assert.equal(word(await machine.expect(2), 8), guest.offer.relid);
    guest.send(bytes('two'), 2n, 1);
    assert.equal((await guest.receive()).id, 2n);
    assert.deepEqual(ends, []);
    machine.post(message(7, guest.offer.relid));
    await machine.until(() => ends.length === 1);
    machine.post(message(13, guest.offer.relid));
    assert.deepEqual(ends, ['0 rescinded']);
  });

  it('is still heard by its bit in the monitor page', async () => {
    const { provider, drained } = draining({ monitorId: 37 });
    const { machine, host } = await world([provider], true);
    const guest = await machine.open(only(await machine.connect()));
    await turn();
    machine.setWord(guest.header('out', 8), 1);
    const signalled = async (id: bigint): Promise<void> => {
      guest.send(bytes('8 bytes!'), id, 1);
      machine.setWord(3 * pageBytes + 8 + 8, 1 << 5);
      assert.equal((await guest.receive()).id, id);
    };
    host.rescind('draining');
    await signalled(1n);
    drained();
    await machine.expect(2);
    await signalled(2n);
  });

  it('ends on its subchannels when the guest closes the primary channel alone', async () => {
    const { provider, ends, drained } = draining({ subchannels: 1 });
    const { machine, host } = await world([provider], true);
    const guest = await machine.open(only(await machine.connect()));
    await machine.open(await machine.expectOffer());
    host.rescind('draining');
    drained();
    await machine.expect(2);
    machine.post(message(7, guest.offer.relid));
    await machine.until(() => ends.length === 2);
    assert.deepEqual(ends, ['0 rescinded', '1 rescinded']);
  });
});

describe('memory outside the machine', () => {
  it('is refused as a GPADL, and the guest is told', async () => {
    const { machine, troubles } = await world([echo()], true);
    const offer = only(await machine.connect());

    await assert.rejects(machine.share(offer.relid, [machine.bytes / pageBytes]), /8000ffff/);
    assert.match(String(troubles[0]?.error), /no memory/);
    assert.ok(await machine.open(offer));
  });

  it('cannot be a host’s memory file', async () => {
    const machine = new FakeMachine();
    machines.push(machine);
    await assert.rejects(QemuHost.start({ devices: [], stream: machine.stream, memoryFile: '/dev/null' }), {
      code: 'ERR_VMBUS_SYSTEM',
    });
  });
});

describe('the life of a machine', () => {
  it('can be reset: everything closes, and the next kernel is served', async () => {
    const { machine, host } = await world([echo()], true);
    const guest = await machine.open(only(await machine.connect()));
    machine.event(7, 0);
    await machine.until(() => machine.listening.size === 0);
    assert.equal(host.version, 0);
    assert.deepEqual(host.channels('echo'), []);

    const again = await machine.open(only(await machine.connect()));
    again.send(bytes('8 bytes!'), 9n, 1);
    assert.equal((await again.receive()).id, 9n);
    assert.notEqual(again.gpadl, guest.gpadl);
  });

  it('takes a second contact as a new kernel', async () => {
    const { machine, host } = await world([echo()], true);
    await machine.open(only(await machine.connect()));
    const offer = only(await machine.connect(0x40000));
    assert.equal(host.version, 0x40000);
    assert.ok(await machine.open(offer));
  });

  it('may add and withdraw devices while it runs; a relid is free when the guest has released it', async () => {
    const { machine, host } = await world([], true);
    assert.deepEqual(await machine.connect(), []);
    host.add(echo({ name: 'late' }));
    const offer = await machine.expectOffer();
    await machine.open(offer);

    host.rescind('late');
    assert.equal(word(await machine.expect(2), 8), offer.relid);
    assert.throws(() => host.channels('late'), { code: 'ERR_VMBUS_NO_DEVICE' });
    machine.post(message(13, offer.relid));
    host.add(echo({ name: 'late' }));
    assert.ok(await machine.open(await machine.expectOffer()));
  });

  it('ends with the stream', async () => {
    const { machine, host } = await world([echo()], true);
    await machine.open(only(await machine.connect()));
    machine.stream.destroy();

    assert.equal(await host.ended, null);
    assert.deepEqual(host.channels('echo'), []);
    assert.throws(() => host.add(echo()), { code: 'ERR_VMBUS_CLOSED' });
  });

  for (const [code, expected] of [
    ['ECONNRESET', null],
    ['EPIPE', null],
    ['EIO', 'EIO'],
  ] as const) {
    it(`ends ${expected === null ? 'without an error' : 'with the error'} where its stream says ${code}`, async () => {
      const { machine, host } = await world([echo()], true);
      await machine.connect();
      machine.stream.destroy(Object.assign(new Error(`read ${code}`), { code }));

      assert.equal(((await host.ended) as { code?: string } | null)?.code ?? null, expected);
    });
  }
});

describe('a signal that comes while a provider is in a call', () => {
  it('does not overwrite the packet that the provider is reading', async () => {
    const seen: string[] = [];
    let ring: () => void = () => undefined;
    const reader: Provider = {
      ...echo({ name: 'reader' }),
      onOpen: () => ({
        onPacket({ payload }) {
          const before = Buffer.from(payload).toString('latin1');
          ring();
          seen.push(before, Buffer.from(payload).toString('latin1'));
        },
      }),
    };
    const { machine, host } = await world([reader], true);
    const guest = await machine.open(only(await machine.connect()));
    ring = () => {
      ring = () => undefined;
      guest.send(bytes('second!!'));
      // As a stream that delivers at once would do it.
      (host.channels('reader')[0] as unknown as { onDoorbell(): void }).onDoorbell();
    };
    guest.send(bytes('first!!!'));
    await machine.until(() => seen.length === 4);

    assert.deepEqual(seen, ['first!!!', 'first!!!', 'second!!', 'second!!']);
  });
});
