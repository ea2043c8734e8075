// SPDX-License-Identifier: MIT
//
// Files from the simulated host over the device's channel: what a script decides and sees, and what the host is told.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { type FcopyProvider, fcopy, SimulatedHost } from '../../dist/host/index.js';
import { bindDevice, type FileCopy, type FileCopyOptions, type FileCopySink, openFileCopy } from '../../dist/index.js';
import { EventLog } from './native-pair.js';

const patient = { timeoutMs: 60_000 };
const place = { path: '/srv/inbox', name: 'größe 😀.txt' };

let host: SimulatedHost;
let device: FcopyProvider;

beforeEach(async () => {
  device = fcopy();
  host = await SimulatedHost.start({ devices: [device], bound: true });
});
afterEach(() => host.close());

const open = (options: FileCopyOptions = {}): Promise<FileCopy> => openFileCopy({ root: host.root, ...options });

/** Keeps what comes. */
class Kept implements FileCopySink {
  readonly pieces: Uint8Array[] = [];
  readonly log = new EventLog<string>();

  write(data: Uint8Array): void | Promise<void> {
    this.pieces.push(Uint8Array.from(data));
    this.log.push('write');
  }

  complete(): void | Promise<void> {
    this.log.push('complete');
  }

  discard(reason: Error): void {
    this.log.push(`discard: ${(reason as { code?: string }).code ?? reason.message}`);
  }

  get ends(): readonly string[] {
    return this.log.seen.filter((what) => what !== 'write');
  }
}

/** The first file, or what ended the service before. */
async function first(copies: FileCopy) {
  const { value, done } = await copies[Symbol.asyncIterator]().next();
  assert.ok(done !== true);
  return value;
}

const hostTold = (status: string) => (error: { code?: string; facts?: object }) => {
  assert.equal(error.code, 'ERR_VMBUS_REFUSED');
  assert.match(JSON.stringify(error.facts), new RegExp(`"${status}"`));
  return true;
};

describe('a file that the host sends', () => {
  it('comes with its names, its wishes and all of its bytes, in order', async () => {
    await using copies = await open();
    const data = Buffer.alloc(15_000, 'abc');
    const sent = device.send(data, { ...place, overwrite: true, createPath: true });
    const file = await first(copies);
    const { name, path, sizeBytes, overwrite, createPath } = file;
    assert.deepEqual(
      { name, path, sizeBytes, overwrite, createPath },
      { name: place.name, path: '/srv/inbox/', sizeBytes: 15_000, overwrite: true, createPath: true },
    );

    const kept = new Kept();
    assert.equal(await file.accept(kept), 15_000);
    assert.equal(await sent, 15_000);
    assert.ok(Buffer.concat(kept.pieces).equals(data));
    assert.deepEqual([kept.ends, file.receivedBytes, file.signal.aborted], [['complete'], 15_000, false]);
    assert.deepEqual(
      [copies.transport, copies.state, device.versions],
      ['channel', 'ready', { framework: '3.0', service: '1.1' }],
    );
  });

  it('may be empty, and another one follows', async () => {
    await using copies = await open();
    const sends = [device.send(new Uint8Array(), place), device.send(Uint8Array.of(1), place)];
    for (const sizeBytes of [0, 1]) assert.equal(await (await first(copies)).accept(new Kept()), sizeBytes);
    await Promise.all(sends);
  });

  it('is turned down with what an error says, or simply failed', async () => {
    await using copies = await open();
    for (const [reason, status] of [
      ['not today', 'failed'],
      [Object.assign(new Error('x'), { facts: { status: 'diskFull' } }), 'failed'],
    ] as const) {
      const sent = device.send(Uint8Array.of(1), place);
      const file = await first(copies);
      assert.equal(file.reject(reason), true);
      assert.equal(file.reject('again'), false);
      await assert.rejects(sent, hostTold(status));
      const kept = new Kept();
      await assert.rejects(file.accept(kept));
      assert.equal(kept.ends.length, 1);
    }
  });

  it('is turned down when nobody decides in time, and who decides then is told', async () => {
    await using copies = await open({ answerMs: 50 });
    const sent = device.send(Uint8Array.of(1), place);
    const file = await first(copies);
    await assert.rejects(sent, hostTold('failed'));
    assert.equal(file.signal.reason.code, 'ERR_VMBUS_TIMEOUT');
    const kept = new Kept();
    await assert.rejects(file.accept(kept), { code: 'ERR_VMBUS_TIMEOUT' });
    assert.deepEqual([kept.ends, file.reject('too late')], [['discard: ERR_VMBUS_TIMEOUT'], false]);
  });

  it('is turned down in time also when nobody iterates, and is not there for who comes later', async () => {
    await using copies = await open({ answerMs: 50 });
    await assert.rejects(device.send(Uint8Array.of(1), place), hostTold('failed'));
    const sent = device.send(Uint8Array.of(1, 2), place);
    const file = await first(copies);
    assert.equal(await file.accept(new Kept()), 2);
    await sent;
  });

  it('fails with its sink, at any step', async () => {
    await using copies = await open({ answerMs: 100 });
    const never = (): Promise<void> => new Promise(() => undefined);
    const broken = (): never => {
      throw new Error('broken');
    };
    for (const [faults, end] of [
      [{ write: broken }, 'broken'],
      [{ complete: broken }, 'broken'],
      [{ write: never }, 'ERR_VMBUS_TIMEOUT'],
      [{ complete: never }, 'ERR_VMBUS_TIMEOUT'],
    ] as const) {
      const sent = device.send(Uint8Array.of(1), place);
      const kept = new Kept();
      Object.assign(kept, faults);
      const accepted = (await first(copies)).accept(kept);
      await assert.rejects(accepted);
      await assert.rejects(sent, hostTold('failed'));
      assert.deepEqual(kept.ends, [`discard: ${end}`]);
    }
  });

  it('is discarded before the host hears that it may forget it', async () => {
    await using copies = await open();
    const control = new AbortController();
    const cancelled = new EventLog<string>();
    device.subscribe(({ kind }) => kind === 'cancelled' && cancelled.push(kind));
    const sent = device.send(new Uint8Array(20_000), { ...place, signal: control.signal });
    const kept = new Kept();
    const accepted = (await first(copies)).accept(kept);
    accepted.catch(() => undefined);
    await kept.log.reach(1);
    control.abort();
    await assert.rejects(sent, { name: 'AbortError' });
    await assert.rejects(accepted, { code: 'ERR_VMBUS_CLOSED' });
    await cancelled.reach(1);
    assert.deepEqual(kept.ends, ['discard: ERR_VMBUS_CLOSED']);
  });
});

describe('the service', () => {
  it('ends with the host gone in the middle of a file, and comes back with it', async () => {
    const states = new EventLog<string>();
    await using copies = await open({ onState: (state) => states.push(state) });
    await device.ready(patient);
    const sent = device.send(new Uint8Array(20_000), place);
    const kept = new Kept();
    kept.write = () => {
      if (kept.pieces.length === 0) host.rescind('fcopy');
      kept.pieces.push(new Uint8Array());
      return new Promise(() => undefined);
    };
    await assert.rejects((await first(copies)).accept(kept), { code: 'ERR_VMBUS_RESCINDED' });
    await assert.rejects(sent);
    assert.deepEqual(kept.ends, ['discard: ERR_VMBUS_RESCINDED']);

    device = fcopy();
    host.add(device);
    await device.ready(patient);
    const again = device.send(Uint8Array.of(1, 2, 3), place);
    assert.equal(await (await first(copies)).accept(new Kept()), 3);
    await again;
    assert.deepEqual(states.seen, ['registering', 'ready', 'absent', 'registering', 'ready']);
  });

  it('discards what is on its way when it is closed, and ends its iterations', async () => {
    const copies = await open();
    const sent = device.send(new Uint8Array(20_000), place);
    const kept = new Kept();
    kept.write = () => new Promise(() => undefined);
    const accepted = (await first(copies)).accept(kept);
    const waiting = copies[Symbol.asyncIterator]().next();
    accepted.catch(() => undefined);
    sent.catch(() => undefined);
    await copies.close();
    await assert.rejects(accepted, { code: 'ERR_VMBUS_CLOSED' });
    assert.deepEqual([kept.ends, (await waiting).done, copies.state], [['discard: ERR_VMBUS_CLOSED'], true, 'closed']);
    assert.deepEqual(await copies.closed, { by: 'user' });
  });

  it('ends by its signal, also while it waits for the host', async () => {
    host.rescind('fcopy');
    await assert.rejects(open(), { code: 'ERR_VMBUS_NO_DEVICE', hint: /Enable-VMIntegrationService/ });
    const reason = new Error('enough');
    const waiting = open({ wait: true, signal: AbortSignal.timeout(50) });
    await assert.rejects(waiting, { name: 'TimeoutError' });

    const control = new AbortController();
    const coming = open({ wait: true, signal: control.signal });
    device = fcopy();
    host.add(device);
    const copies = await coming;
    control.abort(reason);
    assert.deepEqual(await copies.closed, { by: 'abort', error: reason });
  });

  it('takes a device that is free, and gives it back', async () => {
    await host.close();
    device = fcopy();
    host = await SimulatedHost.start({ devices: [device] });
    const bus = openBus({ root: host.root });
    const before = bus.device('fcopy').driver;
    const copies = await open();
    assert.equal(bus.device('fcopy').driver, 'uio_hv_generic');
    await copies.close();
    assert.equal(bus.device('fcopy').driver, before);
  });

  it('is refused while another process has it', async () => {
    await using _binding = await bindDevice(openBus({ root: host.root }).device('fcopy'));
    await using _copies = await open();
    await assert.rejects(open(), { code: 'ERR_VMBUS_BUSY' });
  });

  it('is checked for what it is asked', async () => {
    for (const [options, code] of [
      [{ answerMs: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ wait: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
      [{ onState: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ waits: true }, 'ERR_INVALID_ARG_VALUE'],
    ] as const)
      await assert.rejects(open(options as never), { code });
  });
});
