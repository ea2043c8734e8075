// SPDX-License-Identifier: MIT
//
// `hv kvp serve` as it is typed: in the place of the daemon of a simulated guest.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type KvpProvider, kvp, SimulatedHost } from '../../dist/host/index.js';
import { run, start } from './cli-run.js';

const patient = { timeoutMs: 60_000 };
let pairs: KvpProvider;
let host: SimulatedHost;

beforeEach(async () => {
  pairs = kvp();
  host = await SimulatedHost.start({ devices: [pairs] });
});
afterEach(() => host.close());

const begin = (...words: readonly string[]) => start(['--root', host.root, 'kvp', 'serve', ...words]);

describe('hv kvp serve', () => {
  it('answers the host, and tells each request, until it is interrupted', async () => {
    const serving = begin();
    await pairs.set('color', 'b\u001blue', patient);
    await assert.rejects(pairs.setIpInfo(address('{c0ffee00-0000-0000-0000-000000000009}')), {
      code: 'ERR_VMBUS_REFUSED',
    });
    assert.equal(await pairs.get('none'), null);
    await serving.saw(/0x80070103 get pool 0, none/);
    serving.child.kill('SIGINT');
    const { status, stdout, stderr } = await serving.ended;

    assert.equal(status, 130);
    assert.match(stdout, /^ok set pool 0, color$/m);
    assert.match(stdout, /^0x80041002 set addresses of \{c0ffee00-.*\}: 10\.0\.0\.2$/m);
    assert.match(stderr, /serving key-value pairs as 3\.1; Ctrl-C ends it/);
    assert.match((await run(['--root', host.root, 'kvp', 'get', '--pool', 'external', 'color'])).stdout, /^b/);
  });

  it('has a versioned schema for each line', async () => {
    const serving = begin('--json');
    await pairs.set('a', '1', patient);
    const [line] = await serving.saw(/.*vmbus\.kvp-request\/1.*/);
    serving.child.kill('SIGTERM');
    const { status, request } = JSON.parse(line) as { status: number; request: unknown };
    assert.deepEqual([status, request], [0, { kind: 'set', pool: 0, key: 'a', value: '1' }]);
    assert.match((await serving.ended).stdout, /"schema":"vmbus\.kvp-service\/1".*"state":"ready"/);
  });

  it('ends with status 5 while somebody has the service, and 3 where there is none', async () => {
    const serving = begin();
    await pairs.set('a', '1', patient);
    const second = await begin().ended;
    assert.equal(second.status, 5);
    assert.match(second.stderr, /systemctl stop hv-kvp-daemon/);
    serving.child.kill('SIGINT');
    await serving.ended;
    host.rescind('kvp');
    assert.equal((await begin().ended).status, 3);
  });

  it('shows how addresses would be set, sets them, and takes them back', async () => {
    const card = join(host.root, 'sys/class/net/eth7/device');
    mkdirSync(card, { recursive: true });
    writeFileSync(join(card, 'device_id'), '{c0ffee00-0000-0000-0000-000000000007}\n');
    for (const [folder, file] of [
      ['usr/bin', 'networkctl'],
      ['run/systemd/netif', 'state'],
    ] as const) {
      mkdirSync(join(host.root, folder), { recursive: true });
      writeFileSync(join(host.root, folder, file), '');
    }
    const wanted = address('{c0ffee00-0000-0000-0000-000000000007}');
    const file = join(host.root, 'etc/systemd/network/05-vmbus-eth7.network');

    const showing = begin('--set-ip', 'show');
    await assert.rejects(pairs.setIpInfo(wanted, patient), { code: 'ERR_VMBUS_REFUSED' });
    await showing.saw(/05-vmbus-eth7\.network:.*Address=10\.0\.0\.2\/24/s);
    assert.throws(() => readFileSync(file), { code: 'ENOENT' });
    showing.child.kill('SIGINT');
    await showing.ended;

    const serving = begin('--set-ip', 'auto');
    await pairs.setIpInfo(wanted, patient);
    assert.match(readFileSync(file, 'utf8'), /Address=10\.0\.0\.2\/24/);
    serving.child.kill('SIGINT');
    await serving.ended;
    assert.equal((await run(['--root', host.root, 'kvp', 'undo-ip', 'eth7'])).status, 0);
    assert.throws(() => readFileSync(file), { code: 'ENOENT' });
    assert.equal((await run(['--root', host.root, 'kvp', 'undo-ip', 'eth7'])).status, 3);
  });
});

function address(adapterId: string) {
  return {
    adapterId,
    family: 'ipv4' as const,
    isDhcp: false,
    addresses: ['10.0.0.2'],
    subnets: ['255.255.255.0'],
    gateways: [],
    dnsServers: [],
    origins: [],
  };
}
