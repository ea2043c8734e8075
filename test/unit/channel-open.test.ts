// SPDX-License-Identifier: MIT
//
// Opening against time and abort, sharing, and the checks of arguments: over an addon without rings.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Claim } from '../../dist/channel/claim.js';
import { Lease } from '../../dist/channel/lease.js';
import { LeaseRegistry } from '../../dist/channel/lease-registry.js';
import { ownerIn } from '../../dist/channel/lock-owner.js';
import type { VmbusError } from '../../dist/errors.js';
import { OpenStage } from '../../dist/native/binding.js';
import { FakeBinding, name, numbered, openFake, plan, turn } from './channel-fake-binding.js';

function registryOf(): { fake: FakeBinding; registry: LeaseRegistry } {
  const fake = new FakeBinding();
  return { fake, registry: new LeaseRegistry(fake.binding) };
}

describe('opening', () => {
  it('gives up after its timeout, and closes what the kernel opens late', async () => {
    const { fake, registry } = registryOf();
    const opening = registry.open(name, '/dev/fake', plan, { timeoutMs: 5 });

    await assert.rejects(opening, { code: 'ERR_VMBUS_TIMEOUT' });
    await assert.rejects(registry.open(name, '/dev/fake', plan, {}), { code: 'ERR_VMBUS_BUSY', message: /given up/ });
    assert.equal(fake.closedLeases, 0);
    fake.finishOpen(0, 0, 3);
    await turn();
    await turn();

    assert.equal(fake.closedLeases, 1);
    const again = registry.open(name, '/dev/fake', plan, {});
    fake.finishOpen(0, 0, 4);
    assert.ok((await again) instanceof Lease);
  });

  it("rejects with the signal's reason, and closes what comes late", async () => {
    const { fake, registry } = registryOf();
    const abort = new AbortController();
    const opening = registry.open(name, '/dev/fake', plan, { signal: abort.signal });

    abort.abort('stop');

    await assert.rejects(opening, (error) => error === 'stop');
    fake.finishOpen(0, 0, 3);
    assert.equal(fake.closedLeases, 1);
  });

  it('is not undone by an abort that comes after', async () => {
    const { fake, registry } = registryOf();
    const abort = new AbortController();
    const opening = registry.open(name, '/dev/fake', plan, { signal: abort.signal });
    fake.finishOpen(0, 0, 3);
    abort.abort('late');

    assert.equal((await opening).handle, 3);
    assert.equal(fake.closedLeases, 0);
  });

  it('has a device once in a thread', async () => {
    const { channel, registry } = await openFake();

    await assert.rejects(registry.open(name, '/dev/fake', plan, {}), {
      code: 'ERR_VMBUS_BUSY',
      message: /has it open/,
    });

    const closing = channel.close();
    await assert.rejects(registry.open(name, '/dev/fake', plan, {}), {
      code: 'ERR_VMBUS_BUSY',
      message: /being closed/,
    });
    await closing;
    void registry.open(name, '/dev/fake', plan, {});
  });

  it('that the addon refuses at once leaves neither the path taken nor a timer', async () => {
    const { fake, registry } = registryOf();
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const open = fake.openLease.bind(fake);
    fake.openLease = () => {
      throw new RangeError('relid');
    };
    await assert.rejects(registry.open(name, '/dev/fake', plan, { timeoutMs: 60_000 }), RangeError);
    assert.equal(timers(), before);

    fake.openLease = open;
    const again = registry.open(name, '/dev/fake', plan, {});
    fake.finishOpen(0, 0, 3);

    assert.equal((await again).handle, 3);
  });

  for (const [what, errno, stage, code] of [
    ['no permission', 13, OpenStage.find, 'ERR_VMBUS_PERMISSION'],
    ['no node', 2, OpenStage.find, 'ERR_VMBUS_NO_DEVICE'],
    ['a regular file', 0, OpenStage.kind, 'ERR_VMBUS_NODE_KIND'],
    ['a rescinded device', 19, OpenStage.open, 'ERR_VMBUS_RESCINDED'],
    ['a host that refuses', 11, OpenStage.open, 'ERR_VMBUS_SYSTEM'],
    ['a channel in use', 22, OpenStage.open, 'ERR_VMBUS_BUSY'],
    ['a dead simulated host', 111, OpenStage.connect, 'ERR_VMBUS_NO_DEVICE'],
    ['a stream socket', 91, OpenStage.connect, 'ERR_VMBUS_NODE_KIND'],
    ['a hanging simulated host', 110, OpenStage.connect, 'ERR_VMBUS_TIMEOUT'],
    ['a lying simulated host', 71, OpenStage.handshake, 'ERR_VMBUS_PROTOCOL'],
    ['another process', 11, OpenStage.lock, 'ERR_VMBUS_BUSY'],
    ['no memory to map', 12, OpenStage.mapRing, 'ERR_VMBUS_SYSTEM'],
    ['broken rings', 2, OpenStage.header, 'ERR_VMBUS_CORRUPT'],
  ] as const) {
    it(`tells ${what} from the rest: ${code}`, async () => {
      const { fake, registry } = registryOf();
      const opening = registry.open(name, '/dev/fake', plan, {});
      fake.finishOpen(errno, stage, 0);

      await assert.rejects(opening, { code, path: '/dev/fake', device: name.device, channel: 7 });
      await assert.rejects(opening, (error: { hint?: string }) => (error.hint ?? '').length > 0);
      await assert.rejects(opening, (error: { hint?: string }) => !/contrib/.test(error.hint ?? ''));
      void registry.open(name, '/dev/fake', plan, {});
    });
  }
});

/** The error of an open that fails so. */
async function failure(path: string, errno: number, stage: number): Promise<VmbusError> {
  const { fake, registry } = registryOf();
  const opening = registry.open(name, path, plan, {});
  fake.finishOpen(errno, stage, 0);
  return opening.then(
    () => assert.fail('opened'),
    (error: unknown) => error as VmbusError,
  );
}

describe('the remedy for a node', () => {
  it('that may not be opened is the udev rule itself', async () => {
    const { hint } = await failure('/dev/uio0', 13, OpenStage.open);

    assert.match(hint ?? '', /KERNEL=="uio\[0-9\]\*", GROUP="vmbus", MODE="0660".*70-vmbus\.rules/);
  });

  it('that is something else is to make it again', async () => {
    assert.match((await failure('/dev/uio4', 0, OpenStage.kind)).hint ?? '', /mknod .*\/dev\/uio4 c .*uio4\/dev/);
    assert.match((await failure('/tmp/sim/dev/uio4', 0, OpenStage.kind)).hint ?? '', /hv sim/);
  });

  it('with broken rings says what is broken', async () => {
    const { facts } = await failure('/dev/uio0', 2, OpenStage.header);

    assert.deepEqual(facts, { reason: 'violation 2', violation: 2 });
  });

  it('that is locked names the process, by the lock on its inode', () => {
    const locks = [
      '1: POSIX  ADVISORY  WRITE 11 00:05:123 0 EOF',
      '2: FLOCK  ADVISORY  WRITE 12 00:05:1234 0 EOF',
      '2: -> FLOCK  ADVISORY  WRITE 13 00:05:123 0 EOF',
      '3: FLOCK  ADVISORY  READ  14 00:05:123 0 EOF',
      '4: FLOCK  ADVISORY  WRITE 15 00:06:123 0 EOF',
      '5: FLOCK  ADVISORY  WRITE 16 00:05:123 0 EOF',
      '6: FLOCK  ADVISORY  WRITE 17 103:01:123 0 EOF',
      '7: FLOCK  ADVISORY  WRITE 0 00:07:123 0 EOF',
      '',
    ].join('\n');

    assert.equal(ownerIn(locks, 5, 123), 16);
    assert.equal(ownerIn(locks, 0x10301, 123), 17);
    assert.equal(ownerIn(locks, 7, 123), null, 'a process of another container');
    assert.equal(ownerIn(locks, 5, 99), null);
  });
});

describe('a claim', () => {
  it('can be taken once, by the ticket that was offered last', () => {
    const owner = new Claim();
    const ticket = owner.offer() ?? 0;
    const borrower = new Claim(owner.memory);

    assert.equal(owner.isHome, false);
    assert.equal(owner.offer(), null);
    assert.equal(borrower.take(ticket + 2), false);
    assert.equal(borrower.take(ticket), true);
    assert.equal(new Claim(owner.memory).take(ticket), false);
    assert.equal(borrower.isHeldOn(ticket), true);
    borrower.giveBack(ticket);
    assert.equal(owner.isHome, true);
  });

  it('is lost to a borrower once the owner has reclaimed it', () => {
    const owner = new Claim();
    const first = owner.offer() ?? 0;
    const borrower = new Claim(owner.memory);
    borrower.take(first);

    owner.reclaim();
    const second = owner.offer() ?? 0;

    assert.notEqual(first, second);
    assert.equal(borrower.isHeldOn(first), false);
    borrower.giveBack(first);
    assert.equal(owner.isHome, false, 'a late borrower gives back nothing');
  });
});

describe('arguments', () => {
  const wrong: readonly [
    string,
    (channel: Awaited<ReturnType<typeof openFake>>['channel']) => unknown,
    string,
    RegExp,
  ][] = [
    ['a string to send', (c) => c.send('text' as never), 'ERR_INVALID_ARG_TYPE', /payload.*Uint8Array/],
    ['a Uint16Array to send', (c) => c.send(new Uint16Array(2) as never), 'ERR_INVALID_ARG_TYPE', /Uint16Array/],
    [
      'a misspelt option',
      (c) => c.send(new Uint8Array(1), { timeout: 1 } as never),
      'ERR_INVALID_ARG_VALUE',
      /did you mean timeoutMs/,
    ],
    [
      'a foreign option',
      (c) => c.trySend(new Uint8Array(1), { timeoutMs: 1 } as never),
      'ERR_INVALID_ARG_VALUE',
      /timeoutMs/,
    ],
    [
      'a transaction id as a number',
      (c) => c.send(new Uint8Array(1), { transactionId: 1 as never }),
      'ERR_INVALID_ARG_TYPE',
      /bigint/,
    ],
    ['a negative transaction id', (c) => c.send(new Uint8Array(1), { transactionId: -1n }), 'ERR_OUT_OF_RANGE', /2n/],
    [
      'a crooked header',
      (c) => c.send(new Uint8Array(1), { header: new Uint8Array(7) }),
      'ERR_INVALID_ARG_VALUE',
      /multiple of 8/,
    ],
    ['a type beyond 16 bits', (c) => c.send(new Uint8Array(1), { type: 65536 }), 'ERR_OUT_OF_RANGE', /65535/],
    ['a negative timeout', (c) => c.request(new Uint8Array(1), { timeoutMs: -1 }), 'ERR_OUT_OF_RANGE', /timeoutMs/],
    ['NaN for a timeout', (c) => c.request(new Uint8Array(1), { timeoutMs: Number.NaN }), 'ERR_OUT_OF_RANGE', /NaN/],
    ['a signal that is none', (c) => c.readable({ signal: {} as never }), 'ERR_INVALID_ARG_TYPE', /AbortSignal/],
    ['null for options', (c) => c.request(new Uint8Array(1), null as never), 'ERR_INVALID_ARG_TYPE', /options/],
    ['no visitor', (c) => c.drain(null as never), 'ERR_INVALID_ARG_TYPE', /visitor/],
    ['no packets at most', (c) => c.drain(() => true, 0), 'ERR_OUT_OF_RANGE', /maxPackets/],
    [
      'a packet without an id',
      (c) => c.complete({} as never, new Uint8Array(1)),
      'ERR_INVALID_ARG_TYPE',
      /transactionId/,
    ],
    ['a relid of 2 ** 32', (c) => c.openSubchannel(2 ** 32), 'ERR_OUT_OF_RANGE', /relid/],
    [
      'one payload where many belong',
      (c) => c.trySendMany(new Uint8Array(1) as never),
      'ERR_INVALID_ARG_TYPE',
      /array/,
    ],
  ];
  for (const [what, call, code, message] of wrong) {
    it(`refuse ${what}`, async () => {
      const { channel, fake } = await openFake();

      await assert.rejects(async () => call(channel), { code, message });

      assert.equal(fake.sent.length, 0);
    });
  }
});

describe('a channel object', () => {
  it('refuses to be cloned, and says what to do instead', async () => {
    const { channel } = await openFake();

    assert.throws(() => structuredClone(channel), { name: 'DataCloneError', message: /share\(\)/ });
  });

  it('can be shared only when nothing is left in it', async () => {
    const { channel, fake } = await openFake();
    const refused = (why: RegExp): void =>
      assert.throws(() => channel.share(), { code: 'ERR_VMBUS_UNSUPPORTED', message: why });
    refused(/thread that opened/);
    fake.host(...numbered(1));
    assert.equal(await channel.readable(), true);
  });

  it('disposes of itself', async () => {
    const { channel, fake } = await openFake();

    await channel[Symbol.asyncDispose]();
    await channel[Symbol.asyncDispose]();

    assert.equal(channel.isOpen, false);
    assert.equal(fake.closedLeases, 1);
  });
});
