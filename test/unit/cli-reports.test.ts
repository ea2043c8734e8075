// SPDX-License-Identifier: MIT
//
// What leaves the machine, or is run on it: the redacted report, the doctor's script, plans as shell commands.

import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { rates } from '../../dist/cli/demo/traffic.js';
import { fixScript, isHostCommand } from '../../dist/cli/fix-script.js';
import { Output } from '../../dist/cli/output.js';
import { printPlan } from '../../dist/cli/plan-text.js';
import { redact } from '../../dist/cli/selftest/redact.js';
import type { CheckResult, DoctorReport } from '../../dist/index.js';

const device = '1e3f7a60-6c1d-4f0e-9a57-0123456789ab';
const netClass = 'f8615163-df3e-46c5-913f-f2d2f965ed0e';
const options = { devices: [device], root: '/home/jane/capture', names: ['janes-vm'] };

test('a report keeps classes, and loses instances, addresses, names and folders', () => {
  const report = redact(
    {
      class: netClass,
      device: `{${device.toUpperCase()}}`,
      short: '1e3f7a60 is bound',
      other: 'vm 00112233-4455-6677-8899-aabbccddeeff',
      mac: 'at 00:15:5d:01:02:0A up',
      address: 'inet 192.168.10.4/24 and fe80::215:5dff:fe01:20a: up at 12:30:05, host 0:0:1:0',
      host: 'janes-vm.example',
      path: '/home/jane/capture/sys/bus/vmbus',
      count: 12n,
    },
    new Set([netClass]),
    options,
  ) as Record<string, unknown>;

  assert.equal(report.class, netClass);
  assert.equal(report.device, '{device-1}');
  assert.equal(report.short, 'device-1 is bound');
  assert.equal(report.other, 'vm <guid>');
  assert.equal(report.mac, 'at <mac> up');
  assert.equal(report.address, 'inet <ipv4>/24 and <ipv6>: up at 12:30:05, host 0:0:1:0');
  assert.equal(report.host, '<name>.example');
  assert.equal(report.path, '<root>/sys/bus/vmbus');
  assert.equal(report.count, 12);
});

test('a report of the running system keeps its paths', () => {
  assert.deepEqual(redact({ path: '/sys/bus' }, new Set(), { ...options, root: '/' }), { path: '/sys/bus' });
});

const result = (fields: Partial<CheckResult>): CheckResult => ({
  id: 'x',
  title: 'X',
  subject: null,
  verdict: 'fail',
  availability: null,
  cause: 'broken',
  fix: null,
  evidence: [],
  ...fields,
});
const report = (results: readonly CheckResult[]): DoctorReport => ({
  root: '/',
  rootKind: 'guest',
  machine: 'a guest',
  distribution: null,
  kernel: null,
  results,
  counts: { pass: 0, info: 0, warn: 0, fail: results.length, skip: 0 },
  verdict: 'fail',
});

test('the script of fixes has the broken things first, each fix once, and host commands as comments', () => {
  const script = fixScript(
    report([
      result({ verdict: 'warn', subject: 'vss', fix: 'systemctl enable hv-vss-daemon' }),
      result({ subject: 'kvp', cause: 'no\ndaemon', fix: 'apt-get install hyperv-daemons' }),
      result({ subject: 'fcopy', fix: 'apt-get install hyperv-daemons' }),
      result({ subject: 'time', fix: 'Enable-VMIntegrationService -Name "Time Synchronization"' }),
      result({ verdict: 'pass', fix: 'never' }),
    ]),
  );

  assert.match(script, /^#!\/bin\/sh\n/);
  const lines = script.split('\n');
  assert.equal(lines.filter((line) => line === 'apt-get install hyperv-daemons').length, 1);
  assert.ok(lines.indexOf('apt-get install hyperv-daemons') < lines.indexOf('systemctl enable hv-vss-daemon'));
  assert.ok(lines.includes('# kvp: no daemon'));
  assert.ok(lines.includes('# on the host: Enable-VMIntegrationService -Name "Time Synchronization"'));
  assert.doesNotMatch(script, /never/);
});

test('a script without fixes says so and does nothing', () => {
  assert.match(fixScript(report([])), /nothing to fix/);
});

test('PowerShell of the host is told from a command of the guest', () => {
  assert.equal(isHostCommand('Get-VM | Enable-VMIntegrationService'), true);
  assert.equal(isHostCommand('apt-get install x'), false);
  assert.equal(isHostCommand('modprobe hv_utils'), false);
});

function printed(write: (out: Output) => void): string {
  let text = '';
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  write(new Output({ json: false, color: false, stdout, stderr: stdout, env: {} }));
  return text;
}

test('a plan can be pasted into a shell', () => {
  const text = printed((out) =>
    printPlan(
      [
        { what: 'let any driver have it', path: '/sys/a b/driver_override', write: '\n' },
        { what: 'bind', path: '/sys/bus/bind', write: `it's` },
      ],
      out,
      { dryRun: true },
    ),
  );

  assert.deepEqual(text.split('\n').slice(1, 3), [
    `printf '\\n' > '/sys/a b/driver_override'  # let any driver have it`,
    `printf 'it'\\''s' > /sys/bus/bind  # bind`,
  ]);
});

test('rates of a steady run are the same in every part, and add up', () => {
  const points = Array.from({ length: 11 }, (_, i) => ({ ms: i * 10, packets: i * 1000 }));

  const found = rates({ packets: 10_000, payloadBytes: 64, elapsedMs: 100, points }, 7);

  for (const rate of found) assert.ok(Math.abs(rate - 100_000) < 1, `${rate}`);
});

test('rates of a run with one point are finite', () => {
  const found = rates(
    {
      packets: 5,
      payloadBytes: 64,
      elapsedMs: 1,
      points: [
        { ms: 0, packets: 0 },
        { ms: 1, packets: 5 },
      ],
    },
    4,
  );

  assert.equal(found.reduce((sum, rate) => sum + rate, 0) / 4, 5000);
});
