// SPDX-License-Identifier: MIT
//
// The guides of the integration services, followed on a Debian system with its systemd, its daemons and its network service:
// docs/kvp.md, docs/backup.md and docs/lifecycle.md. The last thing that the host asks for is a shutdown.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { kvp, netvsp, shutdown, vss } from '../../../dist/host/index.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import { assertContent, kernel } from './host-world.js';
import { bootDebian, type DebianWorld, endDebian } from './support/debian-world.js';
import { fileOfSoundExt4 } from './support/host-fsck.js';

const patient = { timeoutMs: 120_000 };
let power = shutdown();
const pairs = kvp();
const backup = vss();
const card = netvsp({ peer: '10.9.9.1/24' });

const FILES = {
  // For whoever needs longer than the 5 s that systemd gives.
  '/etc/systemd/logind.conf.d/drain.conf': '[Login]\nInhibitDelayMaxSec=60\n',
  // Takes its time, and tells at its end whether what the shutdown stops was still there.
  '/etc/vmbus/on-shutdown':
    '#!/bin/sh\nsleep 2\necho "$VMBUS_EVENT $(systemctl is-active dbus.service)" > /var/drained\n',
  '/etc/vmbus/backup.d/50-postgres': '#!/bin/sh\necho "$1 $VMBUS_REASON" >> /run/hooks\n',
  '/root/status.json': '{ "state": "green" }\n',
};

let world: DebianWorld;
before(async () => {
  world = await bootDebian([power, pairs, backup, card], FILES);
  await sh('chmod 755 /etc/vmbus/on-shutdown /etc/vmbus/backup.d/50-postgres');
});
after(async () => endDebian(world));

const sh = (command: string): Promise<string> => world.machine.must(`cd /root && ${command}`);

/** A command that goes on until Ctrl-C. */
function start(command: string) {
  const guest = world.machine.start(`cd /root && exec ${command}`);
  let said = '';
  for (const stream of [guest.stdout, guest.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += String(chunk);
    });
  return {
    /** Resolves when it has said so. */
    async says(words: RegExp): Promise<void> {
      while (!words.test(said)) {
        const news = [guest.stdout, guest.stderr].map((stream) => once(stream, 'data').then(() => true));
        const goesOn = await Promise.race([...news, guest.ended.then(() => false)]);
        assert.ok(goesOn || words.test(said), said);
      }
    },
    async interrupt(): Promise<void> {
      guest.kill('SIGINT');
      assert.equal(await guest.ended, 130, said);
    },
    ended: guest.ended.then((status) => ({ status, said })),
  };
}

describe('the guest', () => {
  it('came up from a disk of ours, with nothing failed', async () => {
    assert.equal(await sh('systemctl list-units --failed --plain --no-legend'), '');
    assert.equal(await sh('systemd-detect-virt'), 'microsoft');
    assert.equal(await sh('cat /proc/1/comm'), 'systemd');
  });
});

describe('docs/kvp.md', () => {
  const told = async (): Promise<Map<string, unknown>> =>
    new Map((await pairs.enumerate('guest', patient)).map(({ key, value }) => [key, value]));

  it('beside the daemon', async () => {
    await sh('systemctl start hv-kvp-daemon');
    await pairs.ready(patient);
    await pairs.set('VirtualMachineName', 'web 1', { pool: 'autoExternal', ...patient });
    await sh('hv kvp set build.phase ready');
    assert.equal((await told()).get('build.phase'), 'ready');
    assert.equal(await sh('hv kvp get --pool auto-external VirtualMachineName'), 'web 1');
    const waiting = sh('hv kvp wait --pool external app.go --timeout 90s');
    await pairs.set('app.go', 'yes', patient);
    assert.equal(await waiting, 'yes');
    await sh('hv kvp publish ci.status ./status.json');
    assert.ok([...(await told()).keys()].some((key) => key.startsWith('ci.status')));
    assert.match(await sh('hv host'), /web 1/);
  });

  it('in the daemon’s place', async () => {
    await sh('systemctl stop hv-kvp-daemon');
    const serving = start('hv kvp serve');
    await serving.says(/serving key-value pairs/);
    assert.equal(await pairs.get('build.phase', { pool: 'guest', ...patient }), 'ready');
    await serving.interrupt();
  });

  it('lets the host set addresses, by the network service that runs', async () => {
    await sh('systemctl start systemd-networkd');
    const ip = {
      ...{ adapterId: await sh('cat /sys/class/net/eth0/device/device_id'), family: 'ipv4' as const, isDhcp: false },
      ...{ addresses: ['10.9.9.22'], subnets: ['255.255.255.0'], gateways: ['10.9.9.1'] },
      ...{ dnsServers: ['10.9.9.1'], origins: [] },
    };
    const showing = start('hv kvp serve --set-ip show');
    await showing.says(/serving key-value pairs/);
    await pairs.setIpInfo(ip, patient).catch(() => undefined); // what it answers is for pairs.test.ts
    await showing.says(/10\.9\.9\.22/);
    await showing.interrupt();
    assert.doesNotMatch(await sh('ip addr show dev eth0'), /10\.9\.9\.22/);

    const serving = start('hv kvp serve --set-ip auto');
    await serving.says(/serving key-value pairs/);
    await pairs.setIpInfo(ip, patient);
    await sh('until ip addr show dev eth0 | grep -q "inet 10.9.9.22/24"; do sleep 0.1; done');
    await sh('until ip route | grep -q "default via 10.9.9.1 dev eth0"; do sleep 0.1; done');
    await serving.interrupt();
    await sh('hv kvp undo-ip eth0');
    await sh('while ip addr show dev eth0 | grep -q 10.9.9.22; do sleep 0.1; done');
  });

  it('the daemon again', async () => {
    await sh('systemctl start hv-kvp-daemon');
    assert.equal((await told()).get('build.phase'), 'ready');
  });
});

describe('docs/backup.md', () => {
  it('shows what a freeze would do, and tries it', async () => {
    assert.match(await sh('hv vss explain'), /^\/ +ext4 +\/dev\/sda +freezes it/m);
    await sh('hv vss dry-run --freeze --hooks /etc/vmbus/backup.d');
    assert.equal(await sh('cat /run/hooks; rm /run/hooks'), 'freeze \nthaw asked');
  });

  it('takes the daemon’s place', async () => {
    await sh('systemctl start hv-vss-daemon');
    assert.equal((await world.machine.run('hv vss serve --hooks /etc/vmbus/backup.d')).status, 5);
    await sh('systemctl disable --now hv-vss-daemon');
    const serving = start('hv vss serve --hooks /etc/vmbus/backup.d --deadline 30s');
    await serving.says(/serving|waiting|ready/);
    await backup.ready(patient);
    const frozen = await backup.freeze(patient);
    await frozen.thaw(patient);
    assert.equal(await sh('cat /run/hooks'), 'freeze \nthaw asked');
    await serving.interrupt();
  });
});

describe('docs/lifecycle.md', () => {
  it('tells what can’t be known, and the clock', async () => {
    const events = start('hv events');
    await events.says(/watching/);
    await events.interrupt();
    await sh('hv time');
    assert.match(await sh('hv service install on-shutdown --dry-run'), /vmbus-on-shutdown\.service/);
  });

  const skipSlow = !KERNELS_WITH_SLOW_UIO.includes(kernel) && 'this kernel refuses channels without a monitor';
  it('refuses a shutdown by a command that took the device over', { skip: skipSlow }, async () => {
    const command = start('hv on shutdown --take-over --once -- false');
    await command.says(/waiting for shutdown/);
    await power.ready(patient);
    assert.equal(await power.shutdown(patient), 0x8007_04f7);
    const { status, said } = await command.ended;
    assert.equal(status, 1, said);
    await power.ready(patient); // with the kernel's driver again
    assert.equal(await sh('cat /proc/1/comm'), 'systemd');
  });

  it('has the device again when the host has switched the service off and on', { skip: skipSlow }, async () => {
    const command = start('hv on shutdown --take-over -- false');
    await command.says(/waiting for shutdown/);
    await power.ready(patient);
    world.host.rescind(power.name);
    await command.says(/switched the service off/);
    power = shutdown();
    world.host.add(power);
    await command.says(/switched the service off.*waiting for shutdown/s); // the kernel has had it in between
    await power.ready(patient);
    assert.equal(await power.shutdown(patient), 0x8007_04f7);
    await command.interrupt();
    await power.ready(patient);
  });

  it('installs the command for the shutdown as a unit', async () => {
    const plan = JSON.parse(await sh('hv service install on-shutdown --yes --json')) as { next: string[] };
    for (const command of plan.next) await sh(command);
    await sh('until systemd-inhibit --list --no-legend | grep -q "^hv .*shutdown"; do sleep 0.5; done');
    assert.equal(await sh('systemctl is-active vmbus-on-shutdown.service'), 'active');
  });

  it('made neither the kernel nor the host complain so far', () => assertContent(world));

  it('runs it when the host asks, before anything is stopped, and goes down then', async () => {
    assert.equal(await power.shutdown(patient), 0);
    assert.match(await world.machine.ended, /ended with 0/);
    const drained = await fileOfSoundExt4(kernel, world.disk, '/var/drained');
    assert.equal(drained.toString(), 'shutdown active\n');
  });
});
