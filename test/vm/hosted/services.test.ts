// SPDX-License-Identifier: MIT
//
// The kernel's own hv_utils, hv_storvsc and hv_balloon with the distribution's daemons, on our host.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import {
  dynamicMemory,
  heartbeat,
  kvp,
  memoryDisk,
  netvsp,
  scsi,
  shutdown,
  timesync,
  vss,
} from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize, printMebibytes } from './host-world.js';

const patient = { timeoutMs: 120_000 };
const mebibyte = 1024 * 1024;
const writtenMebibytes = isFullSize ? 512 : 16;

const beat = heartbeat();
const pairs = kvp();
const clock = timesync();
const power = shutdown();
const backup = vss();
const disk = memoryDisk({ sizeBytes: (writtenMebibytes + 240) * mebibyte });
const controller = scsi({ disks: [disk] });
const balloon = dynamicMemory();
const card = netvsp({ peer: '10.9.9.1/24' });

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [beat, pairs, clock, power, backup, controller, balloon, card],
    modules: ['hv_utils', 'hv_storvsc', 'sd_mod', 'ext4', 'hv_balloon', 'hv_netvsc'],
  });
  world.machine.start('hv_kvp_daemon -n');
  world.machine.start('hv_vss_daemon -n');
});
after(async () => endWorld(world));

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();

describe('hv_utils', () => {
  it('answers every heartbeat', async () => {
    await beat.ready(patient);
    assert.equal(beat.hasContact, true);
    assert.ok(beat.counts.answered >= 1);
    assert.equal(beat.counts.lost, 0);
  });

  it('sets, enumerates and deletes key-value pairs through the distribution’s daemon', async () => {
    await pairs.set('color', 'blue', patient);
    await pairs.set('größe', 'ünïcödé', patient);
    assert.deepEqual(
      (await pairs.enumerate('external', patient)).map(({ key, value }) => [key, value]),
      [
        ['color', 'blue'],
        ['größe', 'ünïcödé'],
      ],
    );
    await pairs.delete('color', patient);
    await pairs.delete('größe', patient);
    assert.deepEqual(await pairs.enumerate('external', patient), []);
  });

  it('tells what it knows about itself', async () => {
    const items = await pairs.enumerate('auto', patient);
    const release = items.find(({ key }) => key === 'OSBuildNumber')?.value;
    assert.equal(release, await sh('uname -r'));
  });

  it('tells the addresses of a network card', async () => {
    await sh(
      `card=$(grep -lx ${card.mac} /sys/class/net/*/address | cut -d/ -f5) && ip addr add 10.9.9.21/24 dev $card && ip link set $card up && ip route add default via 10.9.9.1`,
    );
    const { addresses, subnets, gateways } = await pairs.getIpInfo(card.mac.toUpperCase(), patient);
    // The address of its own making may follow, if the kernel was quick.
    assert.deepEqual([addresses[0], subnets[0], gateways], ['10.9.9.21', '255.255.255.0', ['10.9.9.1']]);
  });

  it('sets a wrong clock right', async () => {
    await sh('date -s 2001-01-01');
    await clock.sync(patient);
    const seconds = Number(await sh('date +%s'));
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 60, `the guest has ${seconds}`);
  });
});

describe('hv_storvsc', () => {
  it('makes a file system, and reads back what it wrote', async () => {
    await sh('mkfs.ext4 -q /dev/sda && mkdir -p /mnt && mount -o discard /dev/sda /mnt');
    await sh(`${printMebibytes(writtenMebibytes)} > /mnt/file && sync`);
    const written = await sh('sha256sum < /mnt/file');
    await sh('echo 3 > /proc/sys/vm/drop_caches');
    assert.equal(await sh('sha256sum < /mnt/file'), written);
    assert.equal(controller.state, 'ready');
    assert.ok(disk.usedBytes >= writtenMebibytes * mebibyte);
  });

  it('gives back what it deleted', async () => {
    const before = disk.usedBytes;
    await sh('rm /mnt/file && sync && fstrim /mnt 2>/dev/null || sync');
    assert.ok(disk.usedBytes < before, `${disk.usedBytes} of ${before} bytes are still used`);
  });
});

describe('a backup', () => {
  it('freezes the mounted file system: nobody writes until it is thawed', async () => {
    const frozen = await backup.freeze(patient);
    let isWritten = false;
    const write = world.machine.must('echo late > /mnt/late && sync').then(() => {
      isWritten = true;
    });
    // The guest answers other commands meanwhile: that it has answered this one tells how long a write would have taken.
    await sh('echo alive; ls / > /dev/null; cat /proc/uptime');
    assert.equal(isWritten, false);
    await frozen.thaw(patient);
    await write;
    assert.equal(await sh('cat /mnt/late'), 'late');
  });

  it('leaves a file system without a fault', async () => {
    await sh('umount /mnt');
    await sh('e2fsck -fn /dev/sda');
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });

  it('is switched off by the host', async () => {
    assert.equal(await power.shutdown(patient), 0);
    assert.equal(await world.host.ended, null);
  });
});
