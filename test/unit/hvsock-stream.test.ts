// SPDX-License-Identifier: MIT
//
// A connection's stream over small rings: every byte arrives, nobody is flooded, each half ends by itself.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HvSocket, type HvSockOptions, hvSock } from '../../dist/host/index.js';
import { ScriptedBus, type ScriptedSocket } from './support/scripted-sockets.js';

interface Pair {
  readonly host: HvSocket;
  readonly guest: ScriptedSocket;
  readonly bus: ScriptedBus;
}

async function pair(options: HvSockOptions = {}, dataBytes = 20 * 1024): Promise<Pair> {
  const sockets = hvSock(options);
  const bus = new ScriptedBus();
  sockets.onBus(bus);
  const connecting = sockets.connect(1024);
  const guest = bus.open({ dataBytes });
  return { host: await connecting, guest, bus };
}

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** Everything that a script reads, without ending the other half. */
async function readAll(host: HvSocket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  host.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(host, 'end');
  return Buffer.concat(chunks);
}

describe('a connection', () => {
  it('carries bytes both ways, and is withdrawn when both halves have ended', async () => {
    const { host, guest, bus } = await pair();

    host.write('hello');
    assert.equal(String(await guest.read()), 'hello');
    await guest.write(Buffer.from('hello yourself'));
    assert.equal(String((await once(host, 'data'))[0]), 'hello yourself');
    host.end();
    assert.equal((await guest.read())?.length, 0);
    assert.equal(bus.last.isWithdrawn, false);
    await guest.end();
    await once(host, 'close');
    assert.equal(bus.last.isWithdrawn, true);
    assert.deepEqual([guest.failure, host.errored], [null, null]);
  });

  it('carries 4 MiB each way at once through small rings', async () => {
    const { host, guest } = await pair();
    const [down, up] = [randomBytes(4 * 1024 * 1024), randomBytes(4 * 1024 * 1024)];
    const atHost = readAll(host);
    const atGuest = guest.readAll();
    const sending = (async () => {
      for (let at = 0, size = 1; at < down.length; at += size, size = (size * 7 + 13) % 50_000) {
        if (!host.write(down.subarray(at, at + size))) await once(host, 'drain');
      }
      host.end();
    })();

    await Promise.all([sending, guest.write(up).then(() => guest.end())]);
    assert.deepEqual([sha(await atHost), sha(await atGuest)], [sha(up), sha(down)]);
  });

  it('sends no packet for an empty write, which would be its end', async () => {
    const { host, guest } = await pair();

    host.write('');
    await new Promise<void>((resolve) => host.write(new Uint8Array(0), () => resolve()));
    host.write('x');
    assert.equal(String(await guest.read()), 'x');
    assert.equal(guest.sentByHost, 1);
  });

  it('sends no packet longer than a guest accepts, nor than a small ring holds', async () => {
    const large = await pair({}, 256 * 1024);
    large.host.write(new Uint8Array(100_000));
    assert.equal((await large.guest.read())?.length, 16_384);
    const small = await pair({}, 1024);
    const sent = randomBytes(10_000);
    small.host.end(sent);
    assert.deepEqual(await small.guest.readAll(), sent);
  });
});

describe('back-pressure', () => {
  it('makes a script wait while the guest does not read', async () => {
    const { host, guest } = await pair();
    let written = 0;
    host.write(new Uint8Array(100_000), () => {
      written += 1;
    });

    await guest.settled();
    assert.deepEqual([written, host.writableNeedDrain], [0, true]);
    let received = 0;
    while (received < 100_000) received += (await guest.read())?.length ?? 0;
    await guest.settled();
    assert.deepEqual([written, host.writableNeedDrain], [1, false]);
  });

  it('makes the guest wait while a script does not read', async () => {
    const { host, guest } = await pair();
    let accepted = 0;
    for (let idle = 0; idle < 5; ) {
      idle = guest.trySend(new Uint8Array(4000).fill(accepted)) ? 0 : idle + 1;
      accepted += idle === 0 ? 1 : 0;
      await guest.settled();
    }

    assert.equal(guest.isPaused, true);
    assert.ok(accepted * 4000 < 100_000, `${accepted} packets were taken`);
    const reading = readAll(host);
    await guest.end();
    const received = await reading;
    assert.deepEqual(received, Buffer.concat(Array.from({ length: accepted }, (_, i) => Buffer.alloc(4000, i))));
  });
});

describe('half of a connection', () => {
  it('can be ended by the host, while the guest goes on', async () => {
    const { host, guest, bus } = await pair();
    const reading = readAll(host);

    host.end('request');
    assert.equal(String(await guest.readAll()), 'request');
    for (let i = 0; i < 20; i += 1) await guest.write(Buffer.alloc(4000, i));
    assert.equal(bus.last.isWithdrawn, false);
    await guest.end();
    assert.equal((await reading).length, 80_000);
  });

  it('can be ended by the guest, while the host goes on', async () => {
    const { host, guest, bus } = await pair();
    const reading = readAll(host);
    await guest.write(Buffer.from('request'));
    await guest.end();
    assert.equal(String(await reading), 'request');

    const answer = randomBytes(100_000);
    host.end(answer);
    assert.deepEqual(await guest.readAll(), answer);
    await guest.settled();
    assert.equal(bus.last.isWithdrawn, true);
  });

  it('is ended with the other where that is wanted', async () => {
    const { host, guest } = await pair({ allowHalfOpen: false });
    host.resume();

    await guest.end();
    assert.equal((await guest.read())?.length, 0);
  });
});

describe('the end of a connection', () => {
  it('loses nothing that was sent before, however slow the readers are', async () => {
    const { host, guest, bus } = await pair();
    const [down, up] = [randomBytes(60_000), randomBytes(10_000)];
    host.end(down);
    await guest.write(up);
    await guest.end();
    await guest.settled();
    assert.equal(bus.last.isWithdrawn, false);

    const received = await guest.readAll();
    assert.deepEqual(received, down);
    assert.deepEqual(await readAll(host), up);
  });

  it('does not wait for the guest to read the last bytes, which stay in its ring', async () => {
    const { host, guest, bus } = await pair();
    const reading = readAll(host);
    await guest.end();
    await reading;
    host.end('good bye');
    await once(host, 'close');

    assert.deepEqual([bus.last.isWithdrawn, guest.isOpen], [true, false]);
    assert.equal(String(await guest.readAll()), 'good bye');
  });

  it('leaves what arrived to be read after the guest closed', async () => {
    const { host, guest } = await pair();
    host.end();
    await guest.write(Buffer.from('last words'));
    await guest.end();
    await guest.settled();
    guest.close();

    assert.equal(String(await readAll(host)), 'last words');
    assert.equal(host.errored, null);
  });

  it('comes at once with destroy, and fails what waits', async () => {
    const { host, guest, bus } = await pair();
    host.on('error', () => assert.fail('destroyed without an error'));
    const failed = new Promise<unknown>((resolve) => host.write(new Uint8Array(100_000), resolve));
    host.destroy();

    assert.equal(((await failed) as { code?: string }).code, 'ERR_VMBUS_CLOSED');
    assert.deepEqual([bus.last.isWithdrawn, guest.isOpen], [true, false]);
  });

  it('is an error when the guest closes in the middle', async () => {
    const { host, guest, bus } = await pair();
    const failed = new Promise<unknown>((resolve) => host.write(new Uint8Array(100_000), resolve));
    const broken = once(host, 'error');
    guest.close();

    for (const error of [await failed, (await broken)[0]]) {
      assert.equal((error as { code?: string }).code, 'ERR_VMBUS_CLOSED');
      assert.match(String(error), /port 1024/);
    }
    assert.equal(bus.last.isWithdrawn, true);
  });

  it('is an error for who writes after the guest ended and closed', async () => {
    const { host, guest } = await pair();
    const reading = readAll(host);
    await guest.end();
    await reading;
    guest.close();
    const broken = once(host, 'error');
    host.write('too late');

    assert.equal(((await broken)[0] as { code?: string }).code, 'ERR_VMBUS_CLOSED');
  });
});

describe('a guest that breaks the rules of sockets', () => {
  const violations: [string, readonly string[]][] = [
    ['sends another type', ['02000000 00000000']],
    ['sends less than a header', ['']],
    ['announces more than it sends', ['01000000 09000000 0000000000000000']],
    ['announces more than 16384 bytes', [`01000000 01400000 ${'00'.repeat(16_392)}`]],
    ['sends after its end', ['01000000 00000000', '01000000 01000000 78']],
    ['ends twice', ['01000000 00000000', '01000000 00000000']],
  ];
  for (const [what, packets] of violations)
    it(`and ${what} loses its connection`, async () => {
      const { host, guest, bus } = await pair();
      const broken = once(host, 'error');
      for (const packet of packets) await guest.sendRaw(bytesOf(packet));

      assert.equal(((await broken)[0] as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
      assert.equal((guest.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
      assert.equal(bus.last.isWithdrawn, true);
    });

  it('never does more harm than that, whatever it sends', async () => {
    const packet = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.nat({ max: 12 }), fc.uint8Array({ maxLength: 16 }))
        .map(([size, rest]) => Uint8Array.of(1, 0, 0, 0, size, 0, 0, 0, ...rest)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { maxLength: 8 }), async (packets) => {
        const { host, guest } = await pair();
        host.on('error', () => undefined).resume();
        for (const payload of packets) await guest.sendRaw(payload);
        await guest.settled();

        if (!guest.isOpen) assert.equal((guest.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
        host.destroy();
      }),
      { numRuns: 200 },
    );
  });
});

describe('any order of writing, reading and ending', () => {
  it('brings every byte across, in order', async () => {
    const step = fc.record({ size: fc.nat({ max: 30_000 }), isHost: fc.boolean(), turns: fc.nat({ max: 3 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 20 }),
        fc.integer({ min: 200, max: 30_000 }),
        async (steps, dataBytes) => {
          const { host, guest } = await pair({}, dataBytes);
          const sent = { host: createHash('sha256'), guest: createHash('sha256') };
          const atHost = readAll(host);
          const atGuest = guest.readAll();
          for (const { size, isHost, turns } of steps) {
            const bytes = randomBytes(size);
            if (isHost) {
              sent.host.update(bytes);
              host.write(bytes);
            } else {
              sent.guest.update(bytes);
              await guest.write(bytes, Math.min(4088, dataBytes - 64));
            }
            for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
          }
          host.end();
          await guest.end();

          assert.equal(sha(await atGuest), sent.host.digest('hex'));
          assert.equal(sha(await atHost), sent.guest.digest('hex'));
        },
      ),
      { numRuns: 60 },
    );
  });
});
