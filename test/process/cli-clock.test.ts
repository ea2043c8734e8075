// SPDX-License-Identifier: MIT
//
// `hv time` and `hv service` as they are typed.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { native } from '../../dist/native/load.js';
import { type Run, run } from './cli-run.js';

const roots: string[] = [];
after(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

function makeRoot(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(path.join(tmpdir(), 'vmbus-clock-'));
  roots.push(root);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  return root;
}

const hv = (root: string, words: string): Promise<Run> => run(['--root', root, ...words.split(' ')]);

describe('hv time', () => {
  const files = {
    'sys/class/ptp/ptp3/clock_name': 'hyperv\n',
    'dev/ptp3': '',
    'etc/os-release': 'ID=rocky\nID_LIKE="rhel fedora"\n',
    'etc/chrony.conf': 'makestep 1.0 3\n',
    'usr/sbin/chronyd': '',
    'proc/8/comm': 'chronyd\n',
  };

  it('tells whose clock is whose, and what is to be done', async () => {
    const { status, stdout } = await hv(makeRoot(files), 'time');

    assert.equal(status, 0);
    assert.match(stdout, /^PTP clocks +ptp3 hyperv \(the host\)$/m);
    assert.match(stdout, /^offset +- +the clock can be read in the guest only/m);
    assert.match(stdout, /! warn {2}\/dev\/ptp_hyperv is missing.*\n +fix: hv service install ptp-link --yes/);
  });

  it('has a versioned schema, and answers 0 where there is nothing', async () => {
    const { status, stdout } = await hv(makeRoot({}), 'time --json');
    const report = JSON.parse(stdout) as Record<string, unknown>;

    assert.deepEqual([status, report.schema, report.advice], [0, 'vmbus.time/1', []]);
  });

  it('does not take a file for a clock', () => {
    assert.equal(native().readPtpClock(0, new Float64Array(6)), -22);
    assert.throws(() => native().readPtpClock(0, new Float64Array(5)), TypeError);
  });
});

describe('hv service', () => {
  const rule = 'etc/udev/rules.d/60-vmbus-ptp.rules';

  it('shows what it would do and does it only with --yes', async () => {
    const root = makeRoot({ 'usr/lib/systemd/systemd': '' });
    assert.equal((await hv(root, 'service install ptp-link')).status, 2);

    const dry = await hv(root, 'service install ptp-link --dry-run');
    assert.equal(dry.status, 0);
    assert.match(dry.stdout, /^write \/etc\/udev.*\n {2}\+# Written by/m);
    assert.equal(existsSync(path.join(root, rule)), false);

    assert.match((await hv(root, 'service install ptp-link --yes')).stderr, /then, in that system: udevadm control/);
    assert.match(readFileSync(path.join(root, rule), 'utf8'), /ptp_hyperv/);
    assert.match((await hv(root, 'service ls')).stdout, /^ptp-link +installed /m);
    assert.equal((await hv(root, 'service uninstall ptp-link --yes')).status, 0);
    assert.equal(existsSync(path.join(root, rule)), false);
  });

  it('ends with status 1 where a file is refused, and leaves it', async () => {
    const root = makeRoot({ [rule]: 'mine\n' });
    const { status, stdout, stderr } = await hv(root, 'service install ptp-link --yes');

    assert.equal(status, 1);
    assert.match(
      stdout,
      /^refuse .*60-vmbus-ptp\.rules: there is a file that `hv service` has not written\n {2}-mine/m,
    );
    assert.match(stderr, /--force/);
    assert.equal(readFileSync(path.join(root, rule), 'utf8'), 'mine\n');
  });

  it('has a versioned schema for each document', async () => {
    const root = makeRoot({ 'usr/lib/systemd/systemd': '' });
    for (const [words, schema] of [
      ['service ls', 'vmbus.service-list/1'],
      ['service install on-shutdown --dry-run', 'vmbus.service/1'],
      ['service uninstall on-shutdown --yes', 'vmbus.service/1'],
    ] as const)
      assert.equal(
        (JSON.parse((await hv(root, `${words} --json`)).stdout) as { schema: string }).schema,
        schema,
        words,
      );
    assert.equal((await hv(root, 'service install nothing --yes')).status, 2);
  });
});
