// SPDX-License-Identifier: MIT
//
// The verbs that report: info, doctor, selftest, snapshot; and what they may not do.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { smallGuest, writeTree } from '../unit/cli-tree.js';
import { run } from './cli-run.js';

const tree = writeTree(smallGuest);
const scratch = mkdtempSync(path.join(tmpdir(), 'hv-reports-'));
after(() => {
  tree.remove();
  rmSync(scratch, { recursive: true, force: true });
});
const env = { VMBUS_ROOT: tree.root };

test('info answers with status 0 whatever the machine is', async () => {
  for (const args of [['info'], ['--root', scratch, 'info'], ['--root', tree.root, 'info']]) {
    const { status, stdout } = await run(args);

    assert.equal(status, 0);
    assert.match(stdout, /^hypervisor +\S+/m);
  }
});

test('info as JSON has every finding with its confidence and evidence', async () => {
  const { stdout } = await run(['info', '--json'], { env });

  const { schema, hypervisor, vmbus } = JSON.parse(stdout) as Record<string, Record<string, unknown>>;
  assert.equal(schema as unknown, 'vmbus.info/1');
  for (const finding of [hypervisor, vmbus])
    assert.deepEqual(Object.keys(finding ?? {}), ['value', 'confidence', 'evidence']);
});

test('doctor ends with 1 when something is broken, and says what to do', async () => {
  const { status, stdout } = await run(['doctor', '--only', 'heartbeat'], { env });

  assert.equal(status, 1);
  assert.match(stdout, /fail {2}heartbeat/);
  assert.match(stdout, /fix: .*hv_utils/);
});

test('doctor as JSON keeps the fields of a result', async () => {
  const { stdout } = await run(['doctor', '--json'], { env });

  const { schema, results } = JSON.parse(stdout) as { schema: string; results: readonly Record<string, unknown>[] };
  assert.equal(schema, 'vmbus.doctor/1');
  assert.deepEqual(Object.keys(results[0] ?? {}).sort(), [
    'availability',
    'cause',
    'evidence',
    'fix',
    'id',
    'subject',
    'title',
    'verdict',
  ]);
});

test('doctor refuses a check that it does not know', async () => {
  const { status, stderr } = await run(['doctor', '--only', 'kpv'], { env });

  assert.equal(status, 2);
  assert.match(stderr, /kvp/);
});

test('doctor prints its fixes as a script', async () => {
  const { stdout } = await run(['doctor', '--fix-script'], { env });

  assert.match(stdout, /^#!\/bin\/sh\n/);
  assert.match(stdout, /^modprobe hv_utils/m);
});

test('selftest writes a report for its owner, without instances, and changes nothing', async () => {
  const file = path.join(scratch, 'report.json');

  const { status, stdout, stderr } = await run(['selftest', '--report', file], { env });

  assert.equal(status, 0, stderr);
  assert.match(stdout, /bus\.listing +4 devices/);
  assert.match(stdout, /--open DEVICE/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  for (const { id } of smallGuest) assert.ok(!text.includes(id.slice(0, 8)), `${id} is in the report`);
  assert.ok(!text.includes(tree.root));
  const report = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(Object.keys(report), ['schema', 'tool', 'detection', 'devices', 'probes', 'doctor', 'notDone']);
  assert.equal(report.schema, 'vmbus.selftest/1');
});

test('selftest does not write its report through a link', async () => {
  const target = path.join(scratch, 'precious');
  const link = path.join(scratch, 'link.json');
  writeFileSync(target, 'precious');
  symlinkSync(target, link);

  const { status } = await run(['selftest', '--report', link], { env });

  assert.equal(status, 1);
  assert.equal(readFileSync(target, 'utf8'), 'precious');
});

test('selftest opens a device only when it is named', async () => {
  const { status, stdout } = await run(['--sim', 'selftest', '--open', 'echo', '--json']);

  assert.equal(status, 0);
  const { probes, notDone } = JSON.parse(stdout) as {
    probes: readonly { id: string; status: string }[];
    notDone: readonly string[];
  };
  assert.equal(probes.find(({ id }) => id === 'channel.open')?.status, 'pass');
  assert.deepEqual(notDone, []);
});

test('selftest works on a machine without a bus', async () => {
  const { status, stdout } = await run(['--root', scratch, 'selftest']);

  assert.equal(status, 0);
  assert.match(stdout, /there is no bus/);
});

test('a snapshot can be listed like the original', async () => {
  const folder = path.join(scratch, 'capture');
  const captured = await run(['snapshot', folder, '--json'], { env });
  const original = await run(['ls'], { env });
  const copy = await run(['ls', '--root', folder]);

  assert.equal(captured.status, 0, captured.stderr);
  assert.equal((JSON.parse(captured.stdout) as { schema: string }).schema, 'vmbus.snapshot/1');
  assert.equal(copy.stdout, original.stdout);
});

test('hv ls loads the bus and nothing else of the library', async () => {
  const coverage = path.join(scratch, 'coverage');
  await run(['ls'], { env: { ...env, NODE_V8_COVERAGE: coverage } });

  const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
  const rooms = new Set<string>();
  for (const name of readdirSync(coverage)) {
    const { result } = JSON.parse(readFileSync(path.join(coverage, name), 'utf8')) as {
      result: readonly { url: string }[];
    };
    for (const { url } of result)
      if (url.startsWith(`file://${dist}`)) rooms.add(url.slice(`file://${dist}`.length).split('/')[0] ?? '');
  }
  assert.ok(rooms.has('bus'));
  for (const room of ['channel', 'devices', 'host', 'insight', 'index.js'])
    assert.ok(!rooms.has(room), `hv ls loads ${room}`);
});
