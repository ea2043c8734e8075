// SPDX-License-Identifier: MIT
//
// What is told about a guest's clock: the host's PTP clock by name, programs that keep time, and advice for each distribution.

import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { type TimeReport, timeReport } from '../../dist/insight/index.js';
import { offsetOf } from '../../dist/insight/time/host-offset.js';
import { makeRoot, type RootPlan } from './doctor-root.js';

const os = {
  debian: 'NAME="Debian GNU/Linux"\nID=debian\n',
  ubuntu: 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n',
  rocky: 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
  leap: 'NAME="openSUSE Leap"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
  alpine: 'NAME="Alpine Linux"\nID=alpine\n',
} as const;
/** A network card that came first, and the host. */
const clocks = {
  'sys/class/ptp/ptp0/clock_name': 'mlx5_ptp\n',
  'sys/class/ptp/ptp1/clock_name': 'hyperv\n',
  'dev/ptp0': '',
  'dev/ptp1': '',
} as const;
const chronyd = { 'usr/sbin/chronyd*': '', 'proc/77/comm': 'chronyd\n' } as const;

interface Plan extends RootPlan {
  readonly link?: string;
}

async function report({ link, ...plan }: Plan): Promise<TimeReport> {
  const root = makeRoot(plan);
  if (link !== undefined) {
    mkdirSync(path.join(root, 'dev'), { recursive: true });
    symlinkSync(link, path.join(root, 'dev/ptp_hyperv'));
  }
  return timeReport({ root });
}

const advised = ({ advice }: TimeReport): readonly string[] => advice.map(({ id }) => id);

describe("the host's clock", () => {
  it("is found by its name, not by its number: ptp0 may be the network card's", async () => {
    const { ptp } = await report({ files: clocks });

    assert.deepEqual(
      ptp.map(({ name, isHost, node }) => [name, isHost, node]),
      [
        ['ptp0', false, '/dev/ptp0'],
        ['ptp1', true, '/dev/ptp1'],
      ],
    );
  });

  it('is wanted under a name that stays, and a link to the wrong one is told', async () => {
    assert.deepEqual(advised(await report({ files: { ...clocks, ...chronyd } })), ['no-link']);
    const wrong = await report({ files: clocks, link: 'ptp0' });
    assert.match(wrong.advice[0]?.says ?? '', /leads to ptp0 instead of ptp1/);
    assert.equal(advised(await report({ files: clocks, link: 'ptp1' })).includes('no-link'), false);
  });

  it('is missed only where the host offers its time', async () => {
    assert.deepEqual(advised(await report({ devices: [['net', 'hv_netvsc']] })), []);
    const lent = await report({ devices: [['timesync', 'uio_hv_generic']] });
    assert.deepEqual(advised(lent), ['no-host-clock']);
    assert.match(lent.advice[0]?.says ?? '', /goes to uio_hv_generic/);
    assert.deepEqual(lent.service, { isOffered: true, driver: 'uio_hv_generic' });
  });

  it('is never read in a copy of a machine: that would be the clock of another', async () => {
    const { offset, nowMs } = await report({ files: clocks });

    assert.deepEqual([offset.seconds, nowMs], [null, null]);
    assert.match(offset.reason ?? '', /in the guest only/);
  });

  it('is subtracted exactly, although its numbers are larger than a double holds to the nanosecond', () => {
    const near = offsetOf(Float64Array.of(1_795_000_000, 999_999_900, 1_795_000_001, 50, 1_795_000_001, 100));
    assert.ok(Math.abs(near.seconds - -50e-9) < 1e-12, `${near.seconds}`);
    assert.ok(Math.abs(near.uncertaintySeconds - 100e-9) < 1e-12, `${near.uncertaintySeconds}`);
    const hour = offsetOf(Float64Array.of(1_795_003_600, 0, 1_795_000_000, 0, 1_795_003_600, 0));
    assert.deepEqual(hour, { seconds: 3600, uncertaintySeconds: 0 });
  });
});

describe('programs that keep the clock', () => {
  it('are told from what runs', async () => {
    const timesyncd = { 'usr/lib/systemd/systemd-timesyncd*': '', 'proc/9/comm': 'systemd-timesyn\n' };
    const both = await report({ files: { ...clocks, ...chronyd, ...timesyncd }, link: 'ptp1', osRelease: os.debian });

    assert.deepEqual(both.keepers, [
      { name: 'chrony', isRunning: true, pid: 77 },
      { name: 'systemd-timesyncd', isRunning: true, pid: 9 },
    ]);
    assert.deepEqual(advised(both), ['two-keepers']);
    assert.equal(both.advice[0]?.fix, 'systemctl disable --now systemd-timesyncd.service');
  });

  it("are busybox's where ntpd is a link to it, as in Alpine", async () => {
    const root = makeRoot({
      osRelease: os.alpine,
      files: { 'bin/busybox*': '', 'proc/5/comm': 'ntpd\n', 'proc/5/cmdline': '/usr/sbin/ntpd\0-N\0' },
    });
    mkdirSync(path.join(root, 'usr/sbin'), { recursive: true });
    symlinkSync('../../bin/busybox', path.join(root, 'usr/sbin/ntpd'));
    assert.deepEqual((await timeReport({ root })).keepers, [{ name: 'busybox ntpd', isRunning: true, pid: 5 }]);

    writeFileSync(path.join(root, 'proc/5/comm'), 'sh\n');
    assert.deepEqual((await timeReport({ root })).keepers, []);
  });

  it('may be missing: each distribution has its way to chrony', async () => {
    const fixes = await Promise.all(
      Object.values(os).map(async (osRelease) => {
        const { advice } = await report({ osRelease, files: { ...clocks, 'proc/1/comm': 'init\n' }, link: 'ptp1' });
        return [advice[0]?.id, advice[0]?.fix];
      }),
    );

    assert.deepEqual(fixes, [
      ['no-keeper', 'apt-get install chrony && systemctl enable --now chrony.service'],
      ['no-keeper', 'apt-get install chrony && systemctl enable --now chrony.service'],
      ['no-keeper', 'dnf install chrony && systemctl enable --now chronyd.service'],
      ['no-keeper', 'zypper install chrony && systemctl enable --now chronyd.service'],
      ['no-keeper', 'apk add chrony && rc-update add chronyd default && rc-service chronyd start'],
    ]);
  });
});

describe("chrony's configuration", () => {
  const told = async (conf: string, more: Readonly<Record<string, string>> = {}): Promise<TimeReport> =>
    report({
      files: { ...clocks, ...chronyd, 'etc/chrony/chrony.conf': conf, ...more },
      link: 'ptp1',
      osRelease: os.debian,
    });

  it('as Debian ships it neither reads the host nor sets the clock after a resume', async () => {
    const found = await told('confdir /etc/chrony/conf.d\npool 2.debian.pool.ntp.org iburst\nmakestep 1 3\n');

    assert.deepEqual(advised(found), ['chrony-without-host', 'chrony-steps-at-start']);
    assert.equal(
      found.advice[0]?.fix,
      "echo 'refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2' >> /etc/chrony/chrony.conf && systemctl restart chrony.service",
    );
    assert.match(found.advice[1]?.fix ?? '', /makestep 1\.0 -1/);
  });

  it('without makestep leaves the clock wrong', async () => {
    assert.deepEqual(advised(await told('refclock PHC /dev/ptp_hyperv poll 3\n')), ['chrony-never-steps']);
    assert.deepEqual(advised(await told('refclock PHC /dev/ptp_hyperv\nmakestep 1.0 0\n')), ['chrony-never-steps']);
  });

  it('is read with what it includes, in any case, and never round in circles', async () => {
    const found = await told(
      'include /etc/chrony/chrony.conf\nconfdir /etc/chrony/conf.d /run/x\n! refclock PHC /dev/ptp9\n',
      {
        'etc/chrony/conf.d/host.conf': 'RefClock phc /dev/ptp1:extpps poll 2\nMAKESTEP 0.5 -1\n',
        'etc/chrony/conf.d/host.bak': 'makestep 1 0\n',
      },
    );

    assert.deepEqual(found.advice, []);
    assert.deepEqual(found.chrony, {
      files: ['etc/chrony/chrony.conf', 'etc/chrony/conf.d/host.conf'],
      phcDevices: ['/dev/ptp1'],
      readsHost: true,
      steps: 'always',
    });
  });

  it("of the network card's clock is none of the host's", async () => {
    assert.deepEqual(advised(await told('refclock PHC /dev/ptp0\nmakestep 1 -1\n')), ['chrony-without-host']);
  });
});
