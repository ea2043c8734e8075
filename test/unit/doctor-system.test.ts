// SPDX-License-Identifier: MIT
//
// What the doctor finds in the system around the bus: units that wait, pool files, names, memory, the clock, programs for the
// shutdown; with the fix in the words of each distribution.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { type CheckResult, doctor } from '../../dist/insight/index.js';
import { encodeKvpRecord } from '../../dist/protocol/kvp-pool.js';
import { makeRoot, type RootPlan } from './doctor-root.js';

const os = {
  debian: 'ID=debian\n',
  ubuntu: 'ID=ubuntu\nID_LIKE=debian\n',
  rocky: 'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
  leap: 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
  alpine: 'ID=alpine\n',
} as const;

/** Links and modes that a plan of plain files cannot say. */
type Finish = (root: string) => void;

async function look(id: string, plan: RootPlan, finish: Finish = () => undefined): Promise<readonly CheckResult[]> {
  const root = makeRoot(plan);
  finish(root);
  return (await doctor({ root, only: [id] })).results;
}

async function one(id: string, plan: RootPlan, finish?: Finish): Promise<CheckResult> {
  const found = await look(id, plan, finish);
  assert.equal(found.length, 1, JSON.stringify(found, null, 1));
  return found[0] as CheckResult;
}

const link =
  (at: string, to: string): Finish =>
  (root) => {
    mkdirSync(path.dirname(path.join(root, at)), { recursive: true });
    symlinkSync(to, path.join(root, at));
  };

describe('units of daemons', () => {
  const unit = '[Unit]\nBindsTo=sys-devices-virtual-misc-vmbus\\x21hv_vss.device\n';
  const enabled = 'etc/systemd/system/multi-user.target.wants/hv-vss-daemon.service';

  it('that hold up the boot for 90 seconds, because the device never comes, are named', async () => {
    const files = { 'lib/systemd/system/hv-vss-daemon.service': unit, [enabled]: unit };
    const { verdict, subject, cause, fix } = await one('daemon-units', {
      devices: [['kvp', 'hv_utils']],
      osRelease: os.debian,
      files,
    });

    assert.deepEqual([verdict, subject], ['warn', 'vss']);
    assert.match(cause, /90 seconds/);
    assert.equal(fix, 'systemctl disable --now hv-vss-daemon.service && systemctl reset-failed');
  });

  it('that only look for their node, or are started by the device, wait for nothing', async () => {
    const looks = {
      'lib/systemd/system/hv-vss-daemon.service': '[Unit]\nConditionPathExists=/dev/vmbus/hv_vss\n',
      [enabled]: '',
    };
    assert.equal((await one('daemon-units', { devices: [], osRelease: os.debian, files: looks })).verdict, 'info');
    const byDevice = {
      'lib/systemd/system/hv-vss-daemon.service': unit,
      'etc/systemd/system/dev-hv.device.wants/hv-vss-daemon.service': '',
    };
    assert.deepEqual(await look('daemon-units', { devices: [], osRelease: os.debian, files: byDevice }), []);
  });

  it('of file copy fail on kernels that offer it as a UIO device, until the daemon is one for that', async () => {
    const files = {
      'usr/lib/systemd/system/hypervfcopyd.service': '',
      'etc/systemd/system/multi-user.target.wants/hypervfcopyd.service': '',
    };
    const plan = { devices: [['fcopy', 'uio_hv_generic']], osRelease: os.rocky } as const;

    assert.match((await one('daemon-units', { ...plan, files })).cause, /hypervfcopyd\.service fails.*UIO/);
    const newer = { ...files, 'usr/sbin/hv_fcopy_uio_daemon*': '' };
    assert.equal((await one('daemon-units', { ...plan, files: newer })).verdict, 'pass');
  });
});

describe('versions', () => {
  it('that a host calls degraded are told as what they are: nothing wrong', async () => {
    const files = {
      'dev/kmsg':
        '6,1,1,-;hv_utils: Heartbeat IC version 3.0\n6,2,2,-;hv_utils: TimeSync IC version 3.0\n6,3,3,-;hv_utils: TimeSync IC version 4.0\n',
    };
    const found = await look('service-versions', { devices: [['heartbeat', 'hv_utils']], files });

    assert.deepEqual(
      found.map(({ verdict, subject, cause }) => [verdict, subject, /version (\S+)/.exec(cause)?.[1]]),
      [
        ['info', 'heartbeat', '3.0'],
        ['info', 'timesync', '4.0'],
      ],
    );
  });
});

describe('pool files', () => {
  const withPool =
    (mode: number, ...keys: readonly string[]): Finish =>
    (root) => {
      const file = path.join(root, 'var/lib/hyperv/.kvp_pool_0');
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, Buffer.concat(keys.map((key) => encodeKvpRecord(key, 'x'))));
      chmodSync(file, mode);
    };

  it('with secrets that every user may read are told, by key and never by value', async () => {
    const { verdict, cause, fix } = await one(
      'pool-files',
      {},
      withPool(0o644, 'Phase', 'db_password', '\u001b[31mtoken'),
    );

    assert.deepEqual([verdict, fix], ['warn', 'chmod 0600 /var/lib/hyperv/.kvp_pool_0']);
    assert.match(cause, /"db_password", "\\u001b\[31mtoken"/);
  });

  it('without secrets, or for root alone, are fine', async () => {
    assert.equal((await one('pool-files', {}, withPool(0o644, 'Phase'))).verdict, 'pass');
    assert.equal((await one('pool-files', {}, withPool(0o600, 'db_password'))).verdict, 'pass');
    const stray = await look('pool-files', { files: { 'var/opt/hyperv/.kvp_pool_0': '' } });
    assert.deepEqual(
      stray.map(({ verdict, subject }) => [verdict, subject]),
      [['info', 'var/opt/hyperv']],
    );
  });
});

describe("the machine's name", () => {
  const plan = (files: Readonly<Record<string, string>>): RootPlan => ({
    devices: [['kvp', 'hv_utils']],
    files: { 'proc/sys/kernel/hostname': 'web-1\n', ...files },
  });

  it('that only the network knows makes the KVP daemon hang', async () => {
    const { verdict, fix } = await one('host-name', plan({ 'etc/hosts': '127.0.0.1 localhost web-10 # web-1\n' }));

    assert.deepEqual([verdict, fix], ['warn', 'echo "127.0.1.1 $(hostname)" >> /etc/hosts']);
  });

  it('is known from the hosts file, or from systemd', async () => {
    assert.equal((await one('host-name', plan({ 'etc/hosts': '127.0.1.1\tweb-1.example web-1\n' }))).verdict, 'pass');
    const nsswitch = plan({ 'etc/nsswitch.conf': 'passwd: files\nhosts: files myhostname dns\n' });
    assert.equal((await one('host-name', nsswitch)).verdict, 'pass');
  });
});

describe('memory', () => {
  const folder = 'sys/devices/system/memory';
  const base = { [`${folder}/auto_online_blocks`]: 'offline\n', [`${folder}/block_size_bytes`]: '8000000\n' };

  it('that was added and is not used is told, with its size', async () => {
    const files = { ...base, [`${folder}/memory32/state`]: 'offline\n', [`${folder}/memory0/state`]: 'online\n' };
    const { verdict, cause, fix } = await one('memory-online', { files });

    assert.equal(verdict, 'fail');
    assert.match(cause, /^1 blocks of memory \(128 MiB\)/);
    assert.match(fix ?? '', /hv service install memory-online/);
  });

  it('that will be added needs the kernel or a rule', async () => {
    const devices = [['balloon', 'hv_balloon']] as const;
    assert.equal((await one('memory-online', { devices, files: base })).verdict, 'warn');
    assert.equal((await one('memory-online', { files: base })).verdict, 'pass', 'where no host adds any');
    const rule = 'SUBSYSTEM=="memory", ACTION=="add", ATTR{state}=="offline", ATTR{state}="online"\n';
    const commented = { ...base, 'usr/lib/udev/rules.d/40.rules': `# ${rule}` };
    assert.equal((await one('memory-online', { devices, files: commented })).verdict, 'warn');
    const ruled = { ...base, 'usr/lib/udev/rules.d/40.rules': rule };
    assert.equal((await one('memory-online', { devices, files: ruled })).verdict, 'pass');
  });
});

describe('the clock', () => {
  it('is told in the words of hv time: the number of a PTP clock is not its name', async () => {
    const files = {
      'sys/class/ptp/ptp0/clock_name': 'mlx5_ptp\n',
      'sys/class/ptp/ptp1/clock_name': 'hyperv\n',
      'dev/ptp1': '',
      'etc/chrony/chrony.conf': 'refclock PHC /dev/ptp0\n',
      'usr/sbin/chronyd*': '',
      'proc/7/comm': 'chronyd\n',
    };
    const found = await look('clock', { files, osRelease: os.ubuntu });

    assert.deepEqual(
      found.map(({ verdict, subject }) => [verdict, subject]),
      [
        ['warn', 'no-link'],
        ['info', 'chrony-without-host'],
        ['warn', 'chrony-never-steps'],
      ],
    );
    assert.match(
      found[2]?.fix ?? '',
      /makestep 1\.0 -1.*\/etc\/chrony\/chrony\.conf && systemctl restart chrony\.service/,
    );
  });

  it('is not judged where nothing tells of one', async () => {
    assert.equal((await one('clock', {})).verdict, 'skip');
  });
});

describe('a shutdown by the host', () => {
  const devices = [['shutdown', 'hv_utils']] as const;

  for (const [name, osRelease, fix] of [
    ['Debian', os.debian, 'apt-get install systemd-sysv'],
    ['Ubuntu', os.ubuntu, 'apt-get install systemd-sysv'],
    ['Rocky', os.rocky, 'dnf install systemd'],
    ['openSUSE', os.leap, 'zypper install systemd-sysvinit || zypper install systemd'],
    ['Alpine', os.alpine, 'apk add busybox && ln -s ../bin/busybox /sbin/poweroff'],
  ] as const)
    it(`needs a program that powers off: in the words of ${name}`, async () => {
      const found = await look('shutdown-program', { devices, osRelease });

      assert.deepEqual([found[0]?.verdict, found[0]?.fix], ['fail', fix]);
      assert.match(found[0]?.cause ?? '', /\/sbin\/poweroff, which is not there/);
    });

  it('finds its program through links that lead where they would in that system', async () => {
    const files = { 'usr/bin/systemctl*': '', 'proc/sys/kernel/poweroff_cmd': '/usr/bin/off --now\n' };
    const found = await look('shutdown-program', { devices, files }, (root) => {
      link('sbin', 'usr/sbin')(root);
      link('usr/sbin/reboot', '/usr/bin/../bin/systemctl')(root);
      link('usr/bin/off', 'off')(root);
    });

    assert.deepEqual(
      found.map(({ subject, verdict }) => [subject, verdict]),
      [
        ['power-off', 'fail'],
        ['restart', 'pass'],
      ],
    );
  });

  it('is not judged where the kernel does not serve it', async () => {
    assert.equal((await one('shutdown-program', { devices: [['shutdown', 'uio_hv_generic']] })).verdict, 'skip');
  });
});
