// SPDX-License-Identifier: MIT
//
// Who connects to whom: listeners on the host, listeners in the guest, and everybody who is not there.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type HvSock, type HvSocket, hvSock, portOfService, serviceOfPort } from '../../dist/host/index.js';
import { type Guid, parseGuid } from '../../dist/index.js';
import { ScriptedBus } from './support/scripted-sockets.js';

const endpoint = serviceOfPort(1030);
let sockets: HvSock;
let bus: ScriptedBus;

beforeEach(() => {
  sockets = hvSock();
  bus = new ScriptedBus();
  sockets.onBus(bus);
});

afterEach(() => sockets.close());

describe('a guest that connects', () => {
  it('is offered a channel of the GUIDs it named, and its socket knows both ports', () => {
    const taken: HvSocket[] = [];
    sockets.listen(5000, (socket) => {
      taken.push(socket);
    });

    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), true);
    const { provider } = bus.last;
    assert.deepEqual([provider.classGuid, provider.instanceGuid], [serviceOfPort(5000), endpoint]);
    assert.equal(provider.offer?.flags, 0x2011);
    assert.equal(
      Buffer.from(provider.offer?.userData ?? []).toString('hex'),
      `000000000000${'01000000'}${'00'.repeat(16)}`,
    );
    assert.deepEqual([taken.length, sockets.sockets.length], [0, 0]);
    bus.open();
    assert.deepEqual([taken[0]?.localPort, taken[0]?.remotePort], [5000, 1030]);
    assert.deepEqual(sockets.sockets, taken);
  });

  it('is refused where nobody listens, also after a listener left', () => {
    const stop = new AbortController();
    const closed = sockets.listen(5001, () => undefined);
    sockets.listen(5002, () => undefined, { signal: stop.signal });
    closed.close();
    stop.abort();

    for (const port of [5000, 5001, 5002]) assert.equal(sockets.onConnect(endpoint, serviceOfPort(port)), false);
    const foreign = parseGuid('00001388-facb-11e6-bd58-64006a7986d4');
    sockets.listen(5000, () => undefined);
    assert.equal(sockets.onConnect(endpoint, foreign), false);
    assert.deepEqual(bus.offers, []);
    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), true);
  });

  it('is refused a second connection from the same endpoint while the first is there', () => {
    sockets.listen(5000, () => undefined);
    sockets.listen(5001, () => undefined);

    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), true);
    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), false);
    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5001)), false);
  });

  it('is refused when there are too many connections, open or not, and taken again after one ended', async () => {
    sockets = hvSock({ mostConnections: 2 });
    sockets.onBus(bus);
    sockets.listen(5000, () => undefined);
    const connect = (port: number): boolean => sockets.onConnect(serviceOfPort(port), serviceOfPort(5000));

    assert.deepEqual([connect(1), connect(2), connect(3)], [true, true, false]);
    await assert.rejects(sockets.connect(1), { code: 'ERR_VMBUS_BUSY' });
    bus.open();
    const [socket] = sockets.sockets;
    socket?.destroy();
    await once(socket as HvSocket, 'close');
    assert.deepEqual([connect(3), connect(4)], [true, false]);
  });

  it('is refused when the bus has no channel for it', () => {
    sockets.listen(5000, () => undefined);
    bus.refusal = new Error('2047 channels');

    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), false);
    bus.refusal = null;
    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), true);
  });

  it('and never opens its channel has it withdrawn', async () => {
    sockets = hvSock({ openTimeoutMs: 1 });
    sockets.onBus(bus);
    sockets.listen(5000, () => assert.fail('nothing was opened'));
    sockets.onConnect(endpoint, serviceOfPort(5000));

    while (!bus.last.isWithdrawn) await new Promise(setImmediate);
    assert.throws(() => bus.open(), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('and opens its channel in time keeps it', (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    sockets.listen(5000, () => undefined);
    sockets.onConnect(endpoint, serviceOfPort(5000));
    context.mock.timers.tick(4999);
    bus.open();

    context.mock.timers.tick(60_000);
    assert.equal(bus.last.isWithdrawn, false);
  });

  it('and opens its channel twice is refused the second time', () => {
    sockets.listen(5000, () => undefined);
    sockets.onConnect(endpoint, serviceOfPort(5000));
    bus.open();

    assert.throws(() => bus.open(), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('loses its connection when the handler throws, now or later', async () => {
    const boom = new Error('boom');
    const errors: unknown[] = [];
    const failing = [
      () => {
        throw boom;
      },
      async () => {
        await Promise.resolve();
        throw boom;
      },
    ];
    for (const [i, fail] of failing.entries()) {
      sockets.listen(i, (socket) => {
        socket.on('error', (error) => errors.push(error));
        return fail();
      });
      sockets.onConnect(serviceOfPort(100 + i), serviceOfPort(i));
      bus.open();
      while (!bus.last.isWithdrawn) await new Promise(setImmediate);
    }
    await new Promise(setImmediate);

    assert.deepEqual(errors, [boom, boom]);
  });
});

describe('a host that connects', () => {
  it('offers a channel of the port, from an endpoint of its own, and resolves when it is taken', async () => {
    const connecting = sockets.connect(1024);
    const { provider } = bus.last;
    const guest = bus.open();

    const socket = await connecting;
    assert.equal(provider.classGuid, serviceOfPort(1024));
    assert.deepEqual([provider.offer?.flags, provider.offer?.userData?.[4]], [0x2011, 1]);
    assert.equal(portOfService(provider.instanceGuid as Guid), null);
    assert.ok(socket.localPort > 0x7fff_ffff);
    assert.deepEqual([socket.remotePort, guest.isOpen, bus.last.isWithdrawn], [1024, true, false]);
  });

  it('times out where nobody listens, and takes the offer back', async () => {
    await assert.rejects(sockets.connect(1024, { timeoutMs: 1 }), {
      code: 'ERR_VMBUS_TIMEOUT',
      message: /port 1024 within 1 ms/,
      hint: /VSOCK-LISTEN:1024/,
    });
    assert.deepEqual([bus.last.isWithdrawn, sockets.sockets], [true, []]);
  });

  it('gives up on abort, before and while it waits, not after', async () => {
    const stop = new AbortController();
    const connecting = sockets.connect(1024, { signal: stop.signal });
    const taken = sockets.connect(1025, { signal: stop.signal });
    bus.open();
    const socket = await taken;
    stop.abort(new Error('enough'));

    await assert.rejects(connecting, /enough/);
    assert.deepEqual([bus.offers[0]?.isWithdrawn, bus.offers[1]?.isWithdrawn], [true, false]);
    assert.equal(socket.destroyed, false);
    await assert.rejects(sockets.connect(1024, { signal: stop.signal }), /enough/);
    assert.equal(bus.offers.length, 2);
  });

  it('is told at once when there is no guest, or no channel left', async () => {
    await assert.rejects(hvSock().connect(1024), { code: 'ERR_VMBUS_CLOSED' });
    bus.refusal = new Error('2047 channels');
    await assert.rejects(sockets.connect(1024), /2047 channels/);
    assert.deepEqual(bus.offers, []);
  });

  it('never uses an endpoint twice', async () => {
    const waiting = Array.from({ length: 50 }, () => sockets.connect(1024, { timeoutMs: 1 }));

    await Promise.allSettled(waiting);
    assert.equal(new Set(bus.offers.map(({ provider }) => provider.instanceGuid)).size, 50);
  });
});

describe('a guest that goes', () => {
  it('takes its connections with it, and the next one begins with none', async () => {
    sockets.listen(5000, () => undefined);
    sockets.onConnect(endpoint, serviceOfPort(5000));
    bus.open();
    const [socket] = sockets.sockets;
    const lost = once(socket as HvSocket, 'error');
    const connecting = assert.rejects(sockets.connect(1024), { code: 'ERR_VMBUS_CLOSED' });

    sockets.onBusLost?.();
    await connecting;
    assert.equal(((await lost)[0] as { code?: string }).code, 'ERR_VMBUS_CLOSED');
    assert.deepEqual([sockets.isConnected, sockets.sockets], [false, []]);
    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), false);
    sockets.onBus(new ScriptedBus());
    assert.deepEqual([sockets.isConnected, sockets.onConnect(endpoint, serviceOfPort(5000))], [true, true]);
  });

  it('is the same when it is started anew without a word', async () => {
    const connecting = assert.rejects(sockets.connect(1024), { code: 'ERR_VMBUS_CLOSED' });

    sockets.onBus(new ScriptedBus());
    await connecting;
    assert.equal(bus.last.isWithdrawn, true);
  });
});

describe('sockets that are closed', () => {
  it('have no connections and no listeners', async () => {
    sockets.listen(5000, () => undefined);
    sockets.onConnect(endpoint, serviceOfPort(5000));
    const guest = bus.open();
    const connecting = assert.rejects(sockets.connect(1024), { code: 'ERR_VMBUS_CLOSED' });

    sockets.close();
    await connecting;
    await new Promise(setImmediate);
    assert.deepEqual([guest.isOpen, sockets.sockets], [false, []]);
    assert.equal(sockets.onConnect(endpoint, serviceOfPort(5000)), false);
  });
});

describe('wrong arguments of sockets', () => {
  it('are refused by name', async () => {
    assert.throws(() => hvSock({ most: 1 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => hvSock({ mostConnections: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => hvSock({ openTimeoutMs: Number.NaN }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => hvSock({ allowHalfOpen: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => sockets.listen(-1, () => undefined), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => sockets.listen(0x8000_0000, () => undefined), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => sockets.listen(1, null as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => sockets.listen(1, () => undefined, { signal: {} as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => sockets.listen(1, () => undefined, { signal: AbortSignal.abort(new Error('no')) }), /no/);
    sockets.listen(1, () => undefined);
    assert.throws(() => sockets.listen(1, () => undefined), { code: 'ERR_VMBUS_IN_USE' });
    await assert.rejects(sockets.connect('1' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(sockets.connect(1, { timeout: 1 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(sockets.connect(1, { timeoutMs: -1 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.deepEqual(bus.offers, []);
  });
});
