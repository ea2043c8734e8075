// SPDX-License-Identifier: MIT
//
// What the doctor finds, and what it says to do about it here.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CheckResult, DoctorOptions } from '../../dist/insight/index.js';
import { doctor, doctorChecks } from '../../dist/insight/index.js';
import { deviceId, makeRoot, type RootPlan } from './doctor-root.js';

const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n';
const ubuntu = 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\n';
const rocky = 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\n';
const alpine = 'NAME="Alpine Linux"\nID=alpine\n';
const leap = 'NAME="openSUSE Leap"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\n';
const hyperV = {
  '0x40000000': [0x4000000c, 0x7263694d, 0x666f736f, 0x76482074],
  '0x40000001': [0x31237648, 0, 0, 0],
} as const;
const microsoft = {
  'sys/class/dmi/id/sys_vendor': 'Microsoft Corporation\n',
  'sys/class/dmi/id/product_name': 'Virtual Machine\n',
};

async function results(plan: RootPlan, only?: string[]): Promise<readonly CheckResult[]> {
  const options: DoctorOptions = { root: makeRoot(plan), ...(only ? { only } : {}) };
  return (await doctor(options)).results;
}

async function one(plan: RootPlan, only: string, subject: string | null = null): Promise<CheckResult> {
  const all = await results(plan, [only]);
  const found = all.filter((result) => result.id === only && result.subject === subject);
  assert.equal(found.length, 1, `one answer of ${only} about ${subject} in ${JSON.stringify(all, null, 1)}`);
  return found[0] as CheckResult;
}

describe('the four answers about a service', () => {
  it('not offered by this host, with the command for the host', async () => {
    const plan = { devices: [['heartbeat', 'hv_utils']], facts: { cpuid: hyperV }, files: microsoft } as const;

    const { verdict, availability, fix } = await one(plan, 'integration-services', 'kvp');

    assert.deepEqual([verdict, availability], ['info', 'not-offered']);
    assert.equal(fix, 'Enable-VMIntegrationService -VMName NAME -Name "Key-Value Pair Exchange"');
  });

  it('offered, but no driver: the module is not loaded', async () => {
    const { verdict, availability, fix } = await one(
      { devices: [['kvp', null]], available: ['hv_utils'] },
      'integration-services',
      'kvp',
    );

    assert.deepEqual(
      [verdict, availability, fix],
      ['fail', 'no-driver', 'modprobe hv_utils && echo hv_utils > /etc/modules-load.d/hv_utils.conf'],
    );
  });

  it('offered, but no driver: this kernel has no such module', async () => {
    const { availability, fix } = await one(
      { devices: [['kvp', null]], available: ['e1000'], osRelease: ubuntu },
      'integration-services',
      'kvp',
    );

    assert.deepEqual([availability, fix], ['no-driver', 'apt-get install linux-modules-extra-$(uname -r)']);
  });

  it('offered, but no driver: the driver is there and has not taken it', async () => {
    const { cause, fix } = await one({ devices: [['kvp', null]], loaded: ['hv_utils'] }, 'integration-services', 'kvp');

    assert.match(cause, /although it is there/);
    assert.equal(fix, `echo ${deviceId(1)} > /sys/bus/vmbus/drivers/hv_utils/bind`);
  });

  it('bound to something else', async () => {
    const { verdict, availability, fix } = await one(
      { devices: [['vss', 'uio_hv_generic']] },
      'integration-services',
      'vss',
    );

    assert.deepEqual([verdict, availability, fix], ['warn', 'bound-elsewhere', `hv restore ${deviceId(1)}`]);
  });

  it('absent by design in a confidential guest, but only what really is', async () => {
    const cpuid = { ...hyperV, '0x40000003': [0, 1 << 22, 0, 0], '0x4000000c': [0, 2, 0, 0] } as const;
    const plan = { devices: [['scsi', 'hv_storvsc']], facts: { cpuid }, files: microsoft } as const;

    assert.equal((await one(plan, 'integration-services', 'kvp')).availability, 'absent-by-design');
    assert.equal((await one(plan, 'integration-services', 'heartbeat')).availability, 'not-offered');
    assert.match((await one(plan, 'confidential')).cause, /\(snp\).*not offered .*kvp/);
  });

  it('working', async () => {
    const plan = {
      devices: [
        ['kvp', 'hv_utils'],
        ['fcopy', 'uio_hv_generic'],
      ],
    } as const;

    assert.equal((await one(plan, 'integration-services', 'kvp')).availability, 'working');
    assert.equal(
      (await one(plan, 'integration-services', 'fcopy')).availability,
      'working',
      'file copy belongs to uio_hv_generic today',
    );
  });

  it('not one at all about a root without a bus', async () => {
    assert.equal((await one({}, 'integration-services')).verdict, 'skip');
  });
});

describe('devices', () => {
  it('that Linux has no driver for are normal', async () => {
    const { verdict, availability } = await one(
      { devices: [['rdv', null]] },
      'device-drivers',
      `rdv ${deviceId(1).slice(0, 8)}`,
    );
    assert.deepEqual([verdict, availability], ['info', 'absent-by-design']);
  });

  it('of network that are lent to user space are told as the loss they are', async () => {
    const both = await results(
      {
        devices: [
          ['net', 'uio_hv_generic'],
          ['net', 'hv_netvsc'],
        ],
      },
      ['network-on-uio'],
    );
    const only = await results({ devices: [['net', 'uio_hv_generic']] }, ['network-on-uio']);

    assert.deepEqual(
      both.map(({ verdict, subject, fix }) => [verdict, subject, fix]),
      [['warn', deviceId(1), `hv restore ${deviceId(1)}`]],
    );
    assert.deepEqual(
      only.map(({ verdict }) => verdict),
      ['fail'],
    );
  });
});

describe('daemons', () => {
  const driven = {
    devices: [
      ['kvp', 'hv_utils'],
      ['vss', 'hv_utils'],
    ],
    files: { 'dev/vmbus/hv_kvp': '', 'dev/vmbus/hv_vss': '' },
  } as const;

  it('are found by who holds the node', async () => {
    const plan = { ...driven, processes: { 1: [], 77: ['/dev/null', '/dev/vmbus/hv_kvp'] } };

    const { verdict, cause } = await one(plan, 'daemons', 'kvp');

    assert.deepEqual([verdict, cause], ['pass', 'served by daemon77 -n (pid 77)']);
  });

  for (const [name, osRelease, fix] of [
    ['Debian', debian, 'apt-get install hyperv-daemons && systemctl enable --now hv-kvp-daemon.service'],
    [
      'Ubuntu',
      ubuntu,
      'apt-get install linux-cloud-tools-$(uname -r) linux-cloud-tools-common && systemctl enable --now hv-kvp-daemon.service',
    ],
    ['Rocky', rocky, 'dnf install hyperv-daemons && systemctl enable --now hypervkvpd.service'],
    ['Alpine', alpine, 'apk add hvtools && rc-update add hv_kvp_daemon default && rc-service hv_kvp_daemon start'],
    ['openSUSE', leap, 'zypper install hyper-v && systemctl enable --now hv_kvp_daemon.service'],
  ] as const) {
    it(`that are missing are installed in the words of ${name}`, async () => {
      const plan = { ...driven, processes: { 1: [] }, osRelease };
      const result = await one(plan, 'daemons', 'kvp');

      // Only root may say that nobody holds the node.
      if (process.getuid?.() !== 0) return assert.equal(result.verdict, 'skip');
      assert.deepEqual([result.verdict, result.fix], ['fail', fix]);
      assert.match(result.cause, /no IP address/);
    });
  }

  it('that are installed are only started', {
    skip: process.getuid?.() !== 0 && 'only root sees that nobody holds a node',
  }, async () => {
    const plan = {
      ...driven,
      processes: { 1: [] },
      osRelease: debian,
      files: { ...driven.files, 'lib/systemd/system/hv-kvp-daemon.service': '' },
    };

    assert.equal((await one(plan, 'daemons', 'kvp')).fix, 'systemctl enable --now hv-kvp-daemon.service');
  });

  it('that died while the init system says they run are told apart', {
    skip: process.getuid?.() !== 0 && 'only root sees that nobody holds a node',
  }, async () => {
    const files = { ...driven.files, 'etc/init.d/hv_kvp_daemon': '', 'run/openrc/started/hv_kvp_daemon': '' };
    const dead = await one({ ...driven, files, processes: { 1: [] }, osRelease: alpine }, 'daemons-alive', 'kvp');
    const alive = await one(
      { ...driven, files, processes: { 1: ['/dev/vmbus/hv_kvp'] }, osRelease: alpine },
      'daemons-alive',
      'kvp',
    );

    assert.deepEqual([dead.verdict, dead.fix, alive.verdict], ['fail', 'rc-service hv_kvp_daemon restart', 'pass']);
  });

  it('of file copy are looked for on its UIO node', {
    skip: process.getuid?.() !== 0 && 'only root sees that nobody holds a node',
  }, async () => {
    const uio = {
      [`sys/devices/LNXSYSTM:00/VMBUS:00/${deviceId(1)}/uio/uio3/name`]: 'uio_hv_generic\n',
      'dev/uio3': '',
    };
    const plan = { devices: [['fcopy', 'uio_hv_generic']], files: uio } as const;

    const without = await one({ ...plan, processes: { 1: [] } }, 'daemons', 'fcopy');
    const served = await one({ ...plan, processes: { 1: ['/dev/uio3'] } }, 'daemons', 'fcopy');

    assert.deepEqual([without.verdict, served.verdict], ['info', 'pass']);
    assert.match(without.cause, /nobody serves \/dev\/uio3/);
  });

  it('can be had by a sentence only where no command brings them, and that can be pasted too', {
    skip: process.getuid?.() !== 0 && 'only root sees that nobody holds a node',
  }, async () => {
    const { fix } = await one({ ...driven, processes: { 1: [] }, osRelease: 'ID=plan9\n' }, 'daemons', 'kvp');
    assert.match(fix ?? '', /^# [^\n]*$/);
  });

  it('are not judged where processes cannot be seen', async () => {
    assert.equal((await one(driven, 'daemons', 'kvp')).verdict, 'skip');
  });

  it("find their helper programs in the folder that the daemon's own code names", async () => {
    const plan = {
      osRelease: debian,
      files: {
        'usr/sbin/hv_kvp_daemon*': 'ELF\0/usr/libexec/hypervkvpd/%s\0/usr/libexec/hypervkvpd/%s %s\0',
        'usr/libexec/hypervkvpd/hv_get_dns_info*': '',
        'usr/libexec/hypervkvpd/hv_get_dhcp_info': '',
      },
    };

    const found = await results(plan, ['kvp-helpers']);

    assert.deepEqual(
      found.map(({ subject, verdict, fix }) => [subject, verdict, fix]),
      [
        ['hv_get_dns_info', 'pass', null],
        ['hv_get_dhcp_info', 'warn', 'chmod +x /usr/libexec/hypervkvpd/hv_get_dhcp_info'],
        ['hv_set_ifconfig', 'info', 'apt-get install hyperv-daemons'],
      ],
    );
  });

  it('of Ubuntu must belong to the running kernel', async () => {
    const files = {
      'usr/sbin/hv_kvp_daemon*': '#!/bin/bash',
      'usr/lib/linux-tools/6.8.0-40-generic/hv_kvp_daemon': '',
    };
    const wrong = await one({ osRelease: ubuntu, release: '6.8.0-41-generic', files }, 'tools-match-kernel');
    const right = await one({ osRelease: ubuntu, release: '6.8.0-40-generic', files }, 'tools-match-kernel');

    assert.deepEqual([wrong.verdict, right.verdict], ['fail', 'pass']);
    assert.equal((await one({ osRelease: debian, files }, 'tools-match-kernel')).verdict, 'skip');
  });
});

describe('the kernel', () => {
  it('is named where it crashes with open UIO devices', async () => {
    const found = await results({ release: '6.1.4' }, ['kernel-hazards']);
    assert.deepEqual(
      found.filter(({ verdict }) => verdict === 'fail').map(({ subject }) => subject),
      ['rescind-oops'],
    );
  });

  it('is let off where nothing is known against it', async () => {
    assert.equal((await one({ release: '6.12.117' }, 'kernel-hazards')).verdict, 'pass');
  });

  it('can lend devices, or says what is missing', async () => {
    const devices = [['balloon', 'hv_balloon']] as const;

    assert.equal((await one({ devices, loaded: ['uio_hv_generic'] }, 'uio-binding')).verdict, 'pass');
    assert.match(
      (await one({ devices, loaded: ['uio_hv_generic'], hasOverride: false }, 'uio-binding')).cause,
      /EEXIST/,
    );
    assert.equal(
      (await one({ devices, available: ['uio_hv_generic'] }, 'uio-binding')).fix?.startsWith('modprobe uio_hv_generic'),
      true,
    );
    assert.equal((await one({ devices, available: ['e1000'] }, 'uio-binding')).verdict, 'warn');
  });
});

describe('the machine', () => {
  it('passes where it is a guest of Hyper-V with its bus', async () => {
    assert.equal(
      (await one({ devices: [['kvp', 'hv_utils']], facts: { cpuid: hyperV }, files: microsoft }, 'machine')).verdict,
      'pass',
    );
  });

  it('fails where it is a guest of Hyper-V and the bus is not loaded', async () => {
    const { verdict, fix } = await one(
      { facts: { cpuid: hyperV }, files: microsoft, available: ['hv_vmbus'] },
      'machine',
    );
    assert.deepEqual(
      [verdict, fix],
      ['fail', 'modprobe hv_vmbus && echo hv_vmbus > /etc/modules-load.d/hv_vmbus.conf'],
    );
  });

  it('is told where somebody else presents the interface', async () => {
    const files = { 'sys/class/dmi/id/sys_vendor': 'QEMU\n' };
    const { verdict, cause } = await one(
      { devices: [['balloon', 'hv_balloon']], facts: { cpuid: hyperV }, files },
      'machine',
    );

    assert.equal(verdict, 'info');
    assert.match(cause, /KVM \(likely\), which presents the interface of Hyper-V/);
  });
});

describe('the report', () => {
  it('counts, and is as bad as its worst answer', async () => {
    const report = await doctor({ root: makeRoot({ devices: [['kvp', null]], osRelease: debian }) });

    assert.equal(report.verdict, 'fail');
    assert.equal(report.distribution, 'Debian GNU/Linux 12 (bookworm)');
    assert.equal(
      Object.values(report.counts).reduce((sum, count) => sum + count),
      report.results.length,
    );
    assert.equal(
      report.results.every(({ cause, evidence }) => cause !== '' && Array.isArray(evidence)),
      true,
    );
  });

  it('of one service does not speak of its neighbours', async () => {
    const found = await results(
      {
        devices: [
          ['kvp', 'hv_utils'],
          ['vss', 'hv_utils'],
        ],
      },
      ['kvp'],
    );

    assert.deepEqual(
      [...new Set(found.map(({ subject }) => subject))].filter(
        (subject) => subject === 'vss' || subject === 'heartbeat',
      ),
      [],
    );
    assert.ok(found.some(({ id, subject }) => id === 'integration-services' && subject === 'kvp'));
  });

  it('refuses a name that is neither check nor topic, and offers the nearest', async () => {
    await assert.rejects(doctor({ root: '/', only: ['deamons'] }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /did you mean "daemons"/,
    });
  });

  it("ends with the signal's reason", async () => {
    const reason = new Error('enough');
    await assert.rejects(doctor({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
  });

  it('has checks with ids and topics that are all different things', () => {
    const ids = doctorChecks().map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.length >= 10);
  });

  it('comes about on any machine, with nothing in it', async () => {
    for (const root of ['/', '/nowhere', makeRoot({})]) assert.ok((await doctor({ root })).results.length > 0);
  });
});
