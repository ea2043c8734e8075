// SPDX-License-Identifier: MIT
//
// The key-value service in the place of the distribution's daemon, end to end: the host's side, the simulated kernel's node, our
// daemon, the pool files.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { serveKvp } from '../../dist/devices/index.js';
import { type KvpProvider, kvp, SimulatedHost } from '../../dist/host/index.js';
import { openKvpPool, type ServeKvpPoolsOptions, serveKvpPools } from '../../dist/services/index.js';

const patient = { timeoutMs: 20_000 };
let pairs: KvpProvider;
let host: SimulatedHost;

beforeEach(async () => {
  pairs = kvp();
  host = await SimulatedHost.start({ devices: [pairs] });
});
afterEach(() => host.close());

const serve = (options: ServeKvpPoolsOptions = {}) => serveKvpPools({ root: host.root, ...options });

describe('the key-value service, taken over', () => {
  it('does every operation of every pool', async () => {
    await using service = await serve();
    assert.equal(service.kernelVersion, '3.1');
    for (const pool of ['external', 'guest', 'autoExternal', 'autoInternal'] as const) {
      await pairs.set('größe', `in ${pool}`, { pool, ...patient });
      await pairs.set('other', '1', { pool });
      assert.equal(await pairs.get('größe', { pool }), `in ${pool}`);
      assert.equal(await pairs.get('none', { pool }), null);
      assert.deepEqual(
        (await pairs.enumerate(pool)).map(({ key, value }) => [key, value]),
        [
          ['größe', `in ${pool}`],
          ['other', '1'],
        ],
      );
      assert.equal(await pairs.delete('größe', { pool }), true);
      assert.equal(await pairs.delete('größe', { pool }), false);
    }
    await pairs.set('number', 42, patient);
    await using external = await openKvpPool('external', { root: host.root });
    assert.equal(await external.get('number'), '42');
  });

  it('tells what the guest is, and hosts what others write beside it', async () => {
    await using _service = await serve();
    const facts = new Map((await pairs.enumerate('auto', patient)).map(({ key, value }) => [key, value]));
    assert.equal(facts.size, 10);
    assert.equal(facts.get('IntegrationServicesVersion'), '3.1');
    assert.equal(facts.get('OSBuildNumber'), readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
    await using guest = await openKvpPool('guest', { root: host.root });
    await guest.set('phase', 'ready');
    assert.equal(await pairs.get('phase', { pool: 'guest' }), 'ready');
  });

  it('finds a network card by its MAC address, and sets addresses only where it may', async () => {
    const card = join(host.root, 'sys/class/net/eth7');
    mkdirSync(join(card, 'device'), { recursive: true });
    writeFileSync(join(card, 'address'), '00:15:5d:00:00:07\n');
    writeFileSync(join(card, 'device/device_id'), '{c0ffee00-0000-0000-0000-000000000007}\n');
    mkdirSync(join(host.root, 'proc/net'), { recursive: true });
    writeFileSync(
      join(host.root, 'proc/net/route'),
      'Iface Destination Gateway Flags RefCnt Use Metric Mask\neth7 00000000 0107A8C0 0003 0 0 0 00000000\n',
    );
    const info = {
      adapterId: '{C0FFEE00-0000-0000-0000-000000000007}',
      family: 'ipv4' as const,
      isDhcp: false,
      addresses: ['192.168.7.2'],
      subnets: ['255.255.255.0'],
      gateways: ['192.168.7.1'],
      dnsServers: [],
      origins: [],
    };
    {
      await using _service = await serve();
      assert.deepEqual((await pairs.getIpInfo('00:15:5D:00:00:07', patient)).gateways, ['192.168.7.1']);
      await assert.rejects(pairs.getIpInfo('00:15:5D:00:00:08'), { code: 'ERR_VMBUS_REFUSED', message: /notFound/ });
      await assert.rejects(pairs.setIpInfo(info), { code: 'ERR_VMBUS_REFUSED', message: /notSupported/ });
    }
    const wanted: unknown[] = [];
    await using _service = await serve({ setIpInfo: (change) => void wanted.push(change) });
    await pairs.setIpInfo(info, patient);
    assert.deepEqual(wanted, [{ interface: 'eth7', info }]);
  });

  it('takes no interface for a card that the host does not name, such as the one without a device', async () => {
    const loopback = join(host.root, 'sys/class/net/lo');
    const card = join(host.root, 'sys/class/net/eth7');
    mkdirSync(loopback, { recursive: true });
    mkdirSync(join(card, 'device'), { recursive: true });
    writeFileSync(join(loopback, 'address'), '00:00:00:00:00:00\n');
    writeFileSync(join(card, 'address'), '00:15:5d:00:00:07\n');
    const wanted: string[] = [];
    await using _service = await serve({ setIpInfo: (change) => void wanted.push(change.interface) });
    const lists = { addresses: ['10.0.0.2'], subnets: ['255.0.0.0'], gateways: [], dnsServers: [], origins: [] };
    for (const adapterId of ['', '00:00:00:00:00:00', '{}', 'lo']) {
      await assert.rejects(pairs.getIpInfo(adapterId, patient), { message: /notFound/ }, adapterId);
      const info = { adapterId, family: 'ipv4' as const, isDhcp: false, ...lists };
      await assert.rejects(pairs.setIpInfo(info, patient), { message: /notFound/ }, adapterId);
    }
    // Addresses are set by the GUID alone.
    const byMac = { adapterId: '00:15:5D:00:00:07', family: 'ipv4' as const, isDhcp: false, ...lists };
    await assert.rejects(pairs.setIpInfo(byMac, patient), { message: /notFound/ });
    assert.deepEqual(wanted, []);
  });

  it('says failed for what can not be done, tells why, and goes on', async () => {
    const errors: unknown[] = [];
    await using _service = await serve({ onRequest: ({ error }) => error !== null && errors.push(error) });
    await pairs.set('ready', '1', patient);
    // Longer than what a kernel passes on to the host, though it fits the field.
    await assert.rejects(pairs.set('x'.repeat(255), '1'), { code: 'ERR_VMBUS_REFUSED' });
    assert.equal((errors[0] as { code?: string }).code, 'ERR_VMBUS_TOO_LARGE');
    assert.equal(await pairs.get('ready'), '1');
  });

  it('is silent while nobody serves it, and goes on with who comes next', async () => {
    await assert.rejects(pairs.get('a', { timeoutMs: 50 }), { code: 'ERR_VMBUS_TIMEOUT' });
    {
      await using _service = await serve();
      await pairs.set('a', '1', patient);
    }
    const late = pairs.get('a', patient);
    await using _service = await serve();
    assert.equal(await late, '1');
  });

  it('comes back when the host has switched the service off and on', async () => {
    const states: string[] = [];
    let ready = (): void => undefined;
    const isBack = new Promise<void>((resolve) => {
      ready = resolve;
    });
    await using _service = await serve({
      onState: (state) => {
        states.push(state);
        if (states.length === 5) ready();
      },
    });
    await pairs.set('a', '1', patient);
    host.rescind('kvp');
    pairs = kvp();
    host.add(pairs);
    await isBack;
    assert.deepEqual(states, ['registering', 'ready', 'absent', 'registering', 'ready']);
    assert.equal(await pairs.get('a', patient), '1');
  });

  it('is answered by a script of its own', async () => {
    await using _service = await serveKvp({
      root: host.root,
      answer: (request) => {
        if (request.kind === 'get') return { status: 0, entry: { key: request.key, value: `<${request.key}>` } };
        throw new Error('only get');
      },
    });
    assert.equal(await pairs.get('key', patient), '<key>');
    await assert.rejects(pairs.delete('key'), { code: 'ERR_VMBUS_REFUSED' });
  });
});
