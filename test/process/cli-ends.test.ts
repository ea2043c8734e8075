// SPDX-License-Identifier: MIT
//
// How the command ends when it is interrupted: by a closed pipe, by Ctrl-C, in the middle of lending a device.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { classes, writeTree } from '../unit/cli-tree.js';
import type { Running } from './cli-run.js';
import { main, run, start } from './cli-run.js';

const manyChannels = Array.from({ length: 40 }, (_, i) => ({
  id: `1e3f7a60-6c1d-4f0e-9a57-0000000000${String(i).padStart(2, '0')}`,
  classId: classes.net,
  channels: Array.from({ length: 8 }, (__, k) => ({ relid: 1 + i * 8 + k, cpu: k })),
}));

test('a reader that goes away ends the command quietly', async () => {
  const tree = writeTree(manyChannels);
  const script = `"${process.execPath}" "${main}" --root "${tree.root}" ls -vv --json | head -n 1; exit "\${PIPESTATUS[0]}"`;
  const shell = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  shell.stdout.on('data', (chunk) => (stdout += chunk));
  shell.stderr.on('data', (chunk) => (stderr += chunk));

  const [status] = await once(shell, 'close');

  tree.remove();
  assert.deepEqual([status, stdout, stderr], [0, '{\n', '']);
});

test('output that cannot be written ends with status 1, and says so', async () => {
  const tree = writeTree(manyChannels);
  const script = `"${process.execPath}" "${main}" --root "${tree.root}" ls > /dev/full`;
  const shell = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  shell.stderr.on('data', (chunk) => {
    stderr += chunk;
  });

  const [status] = await once(shell, 'close');

  tree.remove();
  assert.equal(status, 1);
  assert.match(stderr, /^hv: cannot write the output: .*ENOSPC/);
});

test('Ctrl-C ends a served host with 130, without a word, and takes its folder away', async () => {
  const sim = start(['sim']);
  const [, root = ''] = await sim.saw(/serves (\S+)/);
  await sim.saw(/Ctrl-C ends it/);
  assert.ok(existsSync(path.join(root, 'sys/bus/vmbus')));

  sim.child.kill('SIGINT');
  const { status, stderr } = await sim.ended;

  assert.deepEqual([status, stderr], [130, '']);
  assert.ok(!existsSync(root));
});

test('SIGTERM ends it with 143 the same way', async () => {
  const sim = start(['sim', '--json']);
  const [line] = await sim.saw(/.*\n/);
  const { schema, root } = JSON.parse(line) as { schema: string; root: string };

  sim.child.kill('SIGTERM');
  const { status } = await sim.ended;

  assert.equal(schema, 'vmbus.sim/1');
  assert.equal(status, 143);
  assert.ok(!existsSync(root));
});

test('hv sim runs a command with VMBUS_ROOT set, answers its status and takes the folder away', async () => {
  const { status, stdout } = await run([
    'sim',
    '--',
    'sh',
    '-c',
    'echo $VMBUS_ROOT; ls $VMBUS_ROOT/sys/bus/vmbus/devices | wc -l; exit 7',
  ]);

  const [root = '', devices] = stdout.split('\n');
  assert.equal(status, 7);
  assert.ok(Number(devices) >= 2);
  assert.ok(!existsSync(root));
});

test('a command that cannot be started is a usage error', async () => {
  const { status, stderr } = await run(['sim', '--', '/no/such/program']);

  assert.equal(status, 2);
  assert.match(stderr, /no such program/);
});

test('--sim gives a command a bus of its own', async () => {
  const { status, stdout, stderr } = await run(['--sim', 'ls', '--json']);

  assert.equal(status, 0, stderr);
  const { kind, devices, root } = JSON.parse(stdout) as {
    kind: string;
    root: string;
    devices: readonly { class: string }[];
  };
  assert.equal(kind, 'simulated');
  assert.ok(devices.some((device) => device.class === 'echo'));
  assert.ok(!existsSync(root));
});

let served: Running;
let root = '';
const folder = mkdtempSync(path.join(tmpdir(), 'hv-served-'));
before(async () => {
  served = start(['sim', '--root', path.join(folder, 'root'), '--json']);
  await served.saw(/\n/);
  root = path.join(folder, 'root');
});
after(async () => {
  served.child.kill('SIGINT');
  await served.ended;
  rmSync(folder, { recursive: true, force: true });
});

async function driverOf(name: string): Promise<string | null> {
  const { stdout } = await run(['--root', root, 'ls', name, '--json']);
  return (JSON.parse(stdout) as { devices: readonly { driver: string | null }[] }).devices[0]?.driver ?? null;
}

test('Ctrl-C while a device is lent gives it back', async () => {
  const lending = start(['--root', root, 'bind', 'balloon', '--', 'sh', '-c', 'echo ready; exec sleep 100']);
  await lending.saw(/ready/);
  assert.equal(await driverOf('balloon'), 'uio_hv_generic');

  lending.child.kill('SIGINT');
  const { status } = await lending.ended;

  assert.equal(await driverOf('balloon'), 'hv_balloon');
  // The command was told to end: its own status is what a shell would show.
  assert.equal(status, 130);
});

test('a lent device comes back with the status of the command', async () => {
  const { status, stdout } = await run([
    '--root',
    root,
    'bind',
    'balloon',
    '--',
    'sh',
    '-c',
    'echo $VMBUS_DEVICE $VMBUS_NODE; exit 9',
  ]);

  assert.equal(status, 9);
  assert.match(stdout, /^[0-9a-f-]{36} \S+\/dev\/uio\d+\n$/);
  assert.equal(await driverOf('balloon'), 'hv_balloon');
});

test('a device bound for good is listed until it is restored', async () => {
  const bound = await run(['--root', root, 'bind', 'balloon']);
  const listed = await run(['--root', root, 'bindings', '--json']);
  const restored = await run(['--root', root, 'restore', '--all']);
  const left = await run(['--root', root, 'bindings', '--json']);

  assert.deepEqual([bound.status, restored.status], [0, 0]);
  const drivers = (text: string): unknown[] =>
    (JSON.parse(text) as { bindings: readonly { record: { previousDriver: string | null } }[] }).bindings.map(
      ({ record }) => record.previousDriver,
    );
  assert.deepEqual(drivers(listed.stdout), ['hv_balloon']);
  assert.deepEqual(drivers(left.stdout), []);
  assert.equal(await driverOf('balloon'), 'hv_balloon');
});

test('a dry run prints the writes of a shell and does none of them', async () => {
  const { status, stdout } = await run(['--root', root, 'bind', 'balloon', '--dry-run']);

  assert.equal(status, 0);
  assert.match(stdout, /^printf \S+ > \S+drivers\/hv_balloon\/unbind /m);
  assert.match(stdout, /^printf \S+ > \S+drivers\/uio_hv_generic\/bind /m);
  assert.equal(await driverOf('balloon'), 'hv_balloon');
});

test('hv watch prints a line for each change, and Ctrl-C ends it with 130', async () => {
  const watch = start(['--root', root, 'watch', '--initial', '--json']);
  await watch.saw(/"kind":"added".*\n/);
  await run(['--root', root, 'bind', 'balloon', '--', 'true']);
  const [line] = await watch.saw(/.*"kind":"changed".*driver.*\n/);

  watch.child.kill('SIGINT');
  const { status, stderr } = await watch.ended;

  assert.deepEqual([status, stderr], [130, '']);
  const change = JSON.parse(line.split('\n').filter(Boolean).at(-1) ?? '') as Record<string, unknown>;
  assert.deepEqual(Object.keys(change), [
    'schema',
    'time',
    'kind',
    'subject',
    'device',
    'channel',
    'fields',
    'current',
  ]);
});
