// SPDX-License-Identifier: MIT
//
// Key-value pairs in a real kernel: beside the distribution's own daemon, where what `hv kvp` writes reaches the host through the
// daemon and what the host writes is read; and in its place, where we answer the host ourselves.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { kvp, netvsp } from '../../../dist/host/index.js';
import { joinParts } from '../../../dist/protocol/kvp-parts.js';
import { projectFiles } from '../guest-project.js';
import type { GuestProcess } from '../lab/hosted/boot-hosted.js';
import { assertContent, bootWorld, endWorld, type HostWorld } from './host-world.js';

const patient = { timeoutMs: 120_000 };
let pairs = kvp();
const card = netvsp({ peer: '10.9.9.1/24' });

let world: HostWorld;
let daemon: GuestProcess;
before(async () => {
  world = await bootWorld({ devices: [pairs, card], modules: ['hv_utils', 'hv_netvsc'], node: true });
  await world.machine.put(await projectFiles());
  daemon = world.machine.start('hv_kvp_daemon -n');
  await pairs.ready(patient);
  // The daemon has made its files by the time it answers.
  await pairs.enumerate('external', patient);
});
after(async () => endWorld(world));

const hv = (words: string): Promise<string> => world.machine.must(`cd /app && node dist/cli/main.js ${words}`);
const told = async (): Promise<Map<string, string>> =>
  new Map((await pairs.enumerate('guest', patient)).map(({ key, value }) => [key, String(value)]));

describe('hv kvp beside the daemon', () => {
  it('tells the host what it sets, changes and deletes', async () => {
    await hv('kvp set phase boot');
    await hv('kvp set größe ünïcödé-😀');
    await hv(`kvp set long ${'v'.repeat(1022)}`);
    assert.deepEqual(
      [...(await told())],
      [
        ['phase', 'boot'],
        ['größe', 'ünïcödé-😀'],
        ['long', 'v'.repeat(1022)],
      ],
    );
    await hv('kvp set phase ready');
    await hv('kvp del größe long');
    assert.deepEqual([...(await told())], [['phase', 'ready']]);
  });

  it('reads what the host sets, also when it waits for it', async () => {
    const waiting = hv('kvp wait --pool external app.go --timeout 100s');
    await pairs.set('app.go', 'grün', patient);
    assert.equal(await waiting, 'grün');
    await pairs.delete('app.go', patient);
    assert.doesNotMatch(await hv('kvp ls --pool external'), /app\.go/);
  });

  it('publishes bytes that the host joins', async () => {
    await world.machine.must('head -c 3000 /dev/urandom > /tmp/value');
    await hv('kvp publish status /tmp/value');
    const records = await told();
    const joined = joinParts('status', (key) => records.get(key) ?? null);

    assert.equal(joined.state, 'whole');
    const digest = await world.machine.must('sha256sum < /tmp/value');
    assert.ok(joined.state === 'whole' && digest.startsWith(joined.value.sha256));
    assert.equal(joined.value.bytes.length, 3000);
  });

  it('finds the files as the reference says: five of them, 0644, records of 2560 bytes', async () => {
    await pairs.set('HostName', 'HV-01', patient);
    const { pools } = JSON.parse(await hv('kvp dump --json')) as {
      pools: readonly { exists: boolean; mode: string; sizeBytes: number; tailBytes: number; records: unknown[] }[];
    };

    assert.deepEqual(
      pools.map(({ exists, mode, tailBytes }) => [exists, mode, tailBytes]),
      Array(5).fill([true, '0644', 0]),
    );
    assert.ok(pools.every(({ sizeBytes, records }) => sizeBytes === records.length * 2560));
  });
});

describe('hv kvp in the place of the daemon', () => {
  let serving: GuestProcess;
  let said = '';
  /** Resolves when it serves: to a request before that the kernel answers that it failed. */
  const serve = async (): Promise<void> => {
    serving = world.machine.start('cd /app && exec node dist/cli/main.js kvp serve --wait --set-ip networkd');
    const { stdout, stderr } = serving;
    for (const stream of [stdout, stderr])
      stream.on('data', (chunk: Buffer) => {
        said += String(chunk);
      });
    while (!said.includes('serving key-value pairs')) {
      const isOver = await Promise.race([once(stderr, 'data').then(() => false), serving.ended.then(() => true)]);
      assert.equal(isOver, false, said);
    }
  };

  it('names the daemon that has the service', async () => {
    const { status, stderr } = await world.machine.run('cd /app && node dist/cli/main.js kvp serve');
    assert.equal(status, 5);
    assert.match(stderr, /process \d+ \(.*hv_kvp_daemon.*\) has it/);
  });

  it('goes on where the daemon stopped, with the same files', async () => {
    await pairs.set('before', 'the daemon', { pool: 'guest', ...patient });
    daemon.kill('SIGTERM');
    await daemon.ended;
    await serve();
    assert.equal(await pairs.get('before', { pool: 'guest', ...patient }), 'the daemon');
  });

  it('does every operation of every pool', async () => {
    for (const pool of ['external', 'guest', 'autoExternal', 'autoInternal'] as const) {
      const own = `größe-${pool}-😀`;
      await pairs.set(own, `ünïcödé ${pool}`, { pool, ...patient });
      await pairs.set('long', 'v'.repeat(1022), { pool, ...patient });
      const entries = new Map((await pairs.enumerate(pool, patient)).map(({ key, value }) => [key, value]));
      assert.deepEqual([entries.get(own), entries.get('long')], [`ünïcödé ${pool}`, 'v'.repeat(1022)]);
      assert.equal(await pairs.get(own, { pool, ...patient }), `ünïcödé ${pool}`);
      assert.equal(await pairs.get('none', { pool, ...patient }), null);
      for (const key of [own, 'long']) assert.equal(await pairs.delete(key, { pool, ...patient }), true);
      assert.equal(await pairs.delete(own, { pool, ...patient }), false);
    }
    await pairs.set('number', 4_000_000_000, patient);
    assert.equal(await hv('kvp get --pool external number'), '4000000000');
  });

  it('tells what the guest is', async () => {
    const facts = new Map((await pairs.enumerate('auto', patient)).map(({ key, value }) => [key, value]));
    assert.deepEqual(
      [facts.get('OSBuildNumber'), facts.get('ProcessorArchitecture'), facts.get('IntegrationServicesVersion')],
      [await world.machine.must('uname -r'), await world.machine.must('uname -m'), '3.1'],
    );
  });

  it('tells the addresses of a network card, and sets them', async () => {
    await world.machine.must(
      `card=$(grep -lx ${card.mac} /sys/class/net/*/address | cut -d/ -f5) && echo $card > /tmp/card && ip addr add 10.9.9.21/24 dev $card && ip link set $card up && ip route add default via 10.9.9.1`,
    );
    const told = await pairs.getIpInfo(card.mac.toUpperCase(), { family: 'ipv4', ...patient });
    assert.deepEqual([told.addresses, told.subnets, told.gateways], [['10.9.9.21'], ['255.255.255.0'], ['10.9.9.1']]);
    // There is no systemd in this guest: what runs is a stand-in that sets what the file says.
    await world.machine.must(
      'mkdir -p /usr/local/bin && printf "#!/bin/sh\\necho \\$* >> /tmp/networkctl\\n" > /bin/networkctl && chmod +x /bin/networkctl',
    );
    const name = await world.machine.must('cat /tmp/card');
    const guid = await world.machine.must(`cat /sys/class/net/${name}/device/device_id`);
    const wanted = { family: 'ipv4' as const, isDhcp: false, origins: [], dnsServers: ['10.9.9.1'] };
    const lists = { addresses: ['10.9.9.22'], subnets: ['255.255.255.0'], gateways: ['10.9.9.1'] };
    await pairs.setIpInfo({ adapterId: guid, ...wanted, ...lists }, patient);
    assert.equal(await world.machine.must('cat /tmp/networkctl'), `reload\nreconfigure ${name}`);
    const file = await world.machine.must(`cat /etc/systemd/network/05-vmbus-${name}.network`);
    assert.match(file, /^Address=10\.9\.9\.22\/24\nGateway=10\.9\.9\.1\nDNS=10\.9\.9\.1$/m);
    await assert.rejects(
      pairs.setIpInfo({ adapterId: '{00000000-0000-0000-0000-000000000000}', ...wanted, ...lists }, patient),
      { code: 'ERR_VMBUS_REFUSED' },
    );
  });

  it('goes on when the host has switched the service off and on', async () => {
    await pairs.set('kept', 'yes', patient);
    world.host.rescind('kvp');
    await world.machine.must('until [ ! -e /dev/vmbus/hv_kvp ]; do sleep 0.1; done');
    pairs = kvp();
    world.host.add(pairs);
    await pairs.ready(patient);
    assert.equal(await pairs.get('kept', patient), 'yes');
  });

  it('gives the service back to the daemon', async () => {
    serving.kill('SIGINT');
    assert.equal(await serving.ended, 130, said);
    world.machine.start('hv_kvp_daemon -n');
    const entries = new Map((await pairs.enumerate('external', patient)).map(({ key, value }) => [key, value]));
    assert.equal(entries.get('kept'), 'yes');
  });

  it('made neither the kernel nor the host complain', () => assertContent(world));
});
