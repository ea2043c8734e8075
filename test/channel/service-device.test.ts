// SPDX-License-Identifier: MIT
//
// A service device held by a script: registration, requests one at a time, a service that goes and comes back.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ServiceDevice, type ServiceHandlers, type ServiceState } from '../../dist/devices/service-device.js';
import { VmbusError } from '../../dist/errors.js';
import { echo, SimulatedHost } from '../../dist/host/index.js';
import { binding, EventLog, turn } from './native-pair.js';

const dialect = {
  name: 'kvp',
  node: 'hv_kvp',
  daemon: 'hv-kvp-daemon',
  registration: bytes('hello'),
  checkRegistered(message: Uint8Array): void {
    if (text(message) !== 'welcome') throw new VmbusError('ERR_VMBUS_PROTOCOL', `not ${text(message)}`);
  },
};

let host: SimulatedHost;
let served = 0;
let heard: EventLog<string>;

function bytes(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}

function text(message: Uint8Array): string {
  return Buffer.from(message).toString();
}

/** The kernel: welcomes whoever registers, unless told otherwise. */
function serve(welcome: string | null = 'welcome'): void {
  served = binding.serveService(
    join(host.root, 'dev/vmbus/hv_kvp'),
    () => undefined,
    (message) => {
      heard.push(text(message));
      if (text(message) === 'hello' && welcome !== null) binding.sendServed(served, bytes(welcome));
    },
  );
  assert.ok(served > 0, `errno ${-served}`);
}

const ask = (message: string): void => assert.equal(binding.sendServed(served, bytes(message)), 0);
const open = (handlers: ServiceHandlers, wait = false): Promise<ServiceDevice> =>
  ServiceDevice.open({ root: host.root, dialect, handlers, wait });
const echoing: ServiceHandlers = { answer: (message) => bytes(`re: ${text(message)}`) };

beforeEach(async () => {
  heard = new EventLog();
  host = await SimulatedHost.start({ devices: [echo()] });
  mkdirSync(join(host.root, 'dev/vmbus'), { recursive: true });
});
afterEach(async () => {
  binding.closeServed(served);
  await host.close();
});

describe('a service device', () => {
  it('registers, answers, and is let go of', async () => {
    serve();
    const device = await open(echoing);
    ask('one');
    await heard.reach(2);
    ask('two');
    await heard.reach(3);
    await device.close();

    assert.deepEqual(heard.seen, ['hello', 're: one', 're: two']);
    assert.deepEqual([device.state, await device.closed], ['closed', { by: 'user' }]);
    await using _again = await open(echoing);
  });

  it('is refused while somebody has it', async () => {
    serve();
    await using _owner = await open(echoing);
    await assert.rejects(open(echoing), { code: 'ERR_VMBUS_BUSY', hint: /systemctl stop hv-kvp-daemon/ });
  });

  it('is missed where it is not, or waited for', async () => {
    await assert.rejects(open(echoing), { code: 'ERR_VMBUS_NO_DEVICE' });
    const waiting = open(echoing, true);
    serve();
    host.add(echo({ name: 'news' }));
    await using device = await waiting;
    assert.equal(device.state, 'ready');
  });

  it('is not waited for when it goes before it has answered the registration, unless that was wished', async () => {
    serve(null);
    const opening = open(echoing);
    await heard.reach(1);
    binding.closeServed(served);
    await assert.rejects(opening, { code: 'ERR_VMBUS_NO_DEVICE' });
  });

  it('is waited for while somebody has it for a moment, however much else happens on the bus', async () => {
    serve();
    const device = await open(echoing);
    const states = new EventLog<ServiceState>();
    const second = open({ ...echoing, onState: (state) => states.push(state) }, true);
    await states.reach(2);
    for (let i = 0; i < 20; i += 1) {
      host.add(echo({ name: `news ${i}` }));
      // Time for the news to come, and for an attempt to be refused.
      for (let turns = 0; turns < 50; turns += 1) await turn();
    }
    await device.close();
    await using again = await second;
    assert.equal(again.state, 'ready');
  });

  it('is given up when the simulated host is gone', async () => {
    const waiting = open(echoing, true);
    await host.close();
    await assert.rejects(waiting, { code: 'ERR_VMBUS_NO_DEVICE' });
  });

  it('ends with an answer to its registration that is none', async () => {
    serve('go away');
    await assert.rejects(open(echoing), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('comes back when the host has switched the service off and on', async () => {
    serve();
    const states = new EventLog<ServiceState>();
    let aborted = false;
    await using _device = await open({
      answer: (message, signal) => {
        if (text(message) !== 'slow') return echoing.answer(message, signal);
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve(bytes('too late'));
          });
        });
      },
      onState: (state) => states.push(state),
    });
    ask('slow');
    await heard.reach(1);
    binding.closeServed(served);
    await states.reach(3);
    assert.deepEqual(states.seen, ['registering', 'ready', 'absent']);
    assert.equal(aborted, true);

    serve();
    host.add(echo({ name: 'news' }));
    await states.reach(5);
    ask('again');
    await heard.reach(3);
    assert.deepEqual(heard.seen, ['hello', 'hello', 're: again']);
  });

  it('gives a newer request the turn of one that nobody waits for any more', async () => {
    serve();
    const order: string[] = [];
    await using _device = await open({
      answer: (message, signal) => {
        order.push(text(message));
        if (text(message) !== 'freeze') return bytes(`re: ${text(message)}`);
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            order.push('given up');
            resolve(bytes('frozen'));
          });
        });
      },
    });
    ask('freeze');
    ask('thaw');
    await heard.reach(2);

    assert.deepEqual(order, ['freeze', 'given up', 'thaw']);
    assert.deepEqual(heard.seen, ['hello', 're: thaw']);
  });

  it('ends when answering fails', async () => {
    serve();
    const device = await open({ answer: () => Promise.reject(new Error('broken')) });
    ask('one');
    const { by, error } = await device.closed;
    assert.deepEqual([by, error?.message], ['error', 'broken']);
  });
});
