// SPDX-License-Identifier: MIT
//
// The contract of the command line: exit statuses, error texts, help, JSON, colours.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { smallGuest, writeTree } from '../unit/cli-tree.js';
import { run } from './cli-run.js';

const tree = writeTree(smallGuest);
const empty = mkdtempSync(path.join(tmpdir(), 'hv-empty-'));
after(() => {
  tree.remove();
  rmSync(empty, { recursive: true, force: true });
});
const env = { VMBUS_ROOT: tree.root };

test('mistakes on the command line end with status 2 and a hint', async (t) => {
  const mistakes: readonly (readonly [string[], RegExp, RegExp])[] = [
    [['lss'], /unknown command 'lss'/, /did you mean .*\bls\b/],
    [['ls', '--jsn'], /unknown option '--jsn'/, /did you mean --json\?/],
    [['ls', 'a', 'b'], /too many arguments/, /--help/],
    [['bind'], /missing required argument 'device'/, /--help/],
    [['channels', 'move', 'eth0', '14', 'first'], /whole number/, /--help/],
    [['chan', 'ping', 'echo', '--count', '-5'], /whole number/, /--help/],
    [['chan', 'ping', 'echo', '--interval', 'soon'], /duration/, /--help/],
    [['chan', 'send', 'echo', '--hex', 'abc'], /hex digits/, /--help/],
    [['chan', 'send', 'echo', 'text', '--hex', 'ab'], /one payload only/, /--help/],
    [['chan'], /ping, send, recv or dump/, /--help/],
    [['bind', 'eth0', '--'], /command is missing/, /--help/],
    [['ls', '--', 'sh'], /runs no command/, /--help/],
    [['restore'], /--all/, /hv bindings/],
    [['demo', '--packets', '0'], /whole number/, /--help/],
  ];
  for (const [args, message, hint] of mistakes) {
    await t.test(`hv ${args.join(' ')}`, async () => {
      const { status, stdout, stderr } = await run(args, { env });

      assert.equal(status, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^hv: /);
      assert.match(stderr, message);
      assert.match(stderr, hint);
    });
  }
});

test('no verb at all shows the help on standard error, with status 2', async () => {
  const { status, stdout, stderr } = await run([]);

  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /^Usage: hv/);
});

test('a device that is not there ends with status 3 and names those that are', async () => {
  const { status, stderr } = await run(['ls', 'eth7'], { env });

  assert.equal(status, 3);
  assert.match(stderr, /^hv: .*eth7/);
  assert.match(stderr, /hint: /);
});

test('a root without a bus ends with status 3 and names --sim', async () => {
  for (const args of [['ls'], ['channels'], ['watch'], ['bindings'], ['bind', 'x'], ['chan', 'dump', 'x']]) {
    const { status, stdout, stderr } = await run(['--root', empty, ...args]);

    assert.deepEqual([status, stdout], [3, ''], `hv ${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /--sim/);
  }
});

test('a write that the user may not do ends with status 4', async (t) => {
  const uid = process.getuid?.() === 0 ? 65534 : undefined;
  const channel = path.join(
    tree.root,
    'sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00',
    smallGuest[0]?.id ?? '',
    'channels/14',
  );
  chmodSync(path.join(channel, 'cpu'), 0o444);
  chmodSync(tree.root, 0o755);
  // Else it would be a mere copy of a guest's, and nobody might write there.
  mkdirSync(path.join(tree.root, 'run/vmbus'), { recursive: true });
  writeFileSync(path.join(tree.root, 'run/vmbus/test-tree'), '');
  const able = await run(['--version'], { ...(uid === undefined ? {} : { uid }) });
  if (able.status !== 0) return t.skip('an unprivileged user cannot read this checkout');

  const { status, stderr } = await run(['channels', 'move', 'eth0', '14', '1'], {
    env,
    ...(uid === undefined ? {} : { uid }),
  });

  assert.equal(status, 4, stderr);
  assert.match(stderr, /^hv: /);
  return undefined;
});

test('attributes hidden from the user are named, and the rest is shown', async (t) => {
  const uid = process.getuid?.() === 0 ? 65534 : undefined;
  const channel = path.join(
    tree.root,
    'sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00',
    smallGuest[0]?.id ?? '',
    'channels/15',
  );
  chmodSync(path.join(channel, 'out_mask'), 0);
  chmodSync(tree.root, 0o755);
  const who = uid === undefined ? {} : { uid };
  if ((await run(['--version'], who)).status !== 0) return t.skip('an unprivileged user cannot read this checkout');

  const text = await run(['channels', 'eth0'], { env, ...who });
  const json = await run(['channels', 'eth0', '--json'], { env, ...who });

  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stderr, /hidden from this user: out_mask/);
  assert.equal(text.stdout.trimEnd().split('\n').length, 6);
  const { hidden } = JSON.parse(json.stdout) as { hidden: readonly Record<string, unknown>[] };
  assert.deepEqual(hidden, [{ device: smallGuest[0]?.id, channel: 15, attribute: 'out_mask', errno: 'EACCES' }]);
  return undefined;
});

test('with --json an error is one JSON object on standard error, wherever the option stands', async () => {
  for (const args of [
    ['--json', 'ls', 'eth7'],
    ['ls', 'eth7', '--json'],
  ]) {
    const { status, stdout, stderr } = await run(args, { env });

    assert.deepEqual([status, stdout], [3, '']);
    const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
    assert.equal(error.code, 'ERR_VMBUS_NO_DEVICE');
    assert.equal(typeof error.message, 'string');
    assert.equal(typeof error.hint, 'string');
  }
  const usage = await run(['ls', '--jsn', '--json'], { env });
  assert.equal((JSON.parse(usage.stderr) as { error: { code: string } }).error.code, 'ERR_HV_USAGE');
});

test('global options work before and after the verb', async () => {
  const before = await run(['--root', tree.root, '--json', 'ls']);
  const behind = await run(['ls', '--json', '--root', tree.root]);

  assert.equal(before.status, 0, before.stderr);
  assert.equal(before.stdout, behind.stdout);
});

test('every verb has help with examples', async (t) => {
  const verbs = [
    ['ls'],
    ['info'],
    ['doctor'],
    ['channels'],
    ['channels', 'move'],
    ['watch'],
    ['bindings'],
    ['bind'],
    ['restore'],
    ['chan'],
    ['chan', 'ping'],
    ['chan', 'send'],
    ['chan', 'recv'],
    ['chan', 'dump'],
    ['demo'],
    ['sim'],
    ['snapshot'],
    ['selftest'],
  ];
  for (const verb of verbs) {
    await t.test(`hv ${verb.join(' ')} --help`, async () => {
      const { status, stdout, stderr } = await run([...verb, '--help']);

      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, new RegExp(`^Usage: hv ${verb.join(' ')}`));
      assert.match(stdout, /^Examples:\n {2}\$ .*hv /m);
      assert.match(stdout, /--json/);
      for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `too wide: ${line}`);
    });
  }
});

test('hv help VERB is the same as hv VERB --help', async () => {
  const [a, b] = await Promise.all([run(['help', 'ls']), run(['ls', '--help'])]);

  assert.equal(a.stdout, b.stdout);
});

test('the version is that of the package', async () => {
  const { status, stdout } = await run(['--version']);

  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('hv ls prints a table of devices', async () => {
  const { status, stdout, stderr } = await run(['ls'], { env });

  assert.deepEqual([status, stderr], [0, '']);
  assert.equal(
    stdout,
    [
      'RELID  CLASS      DEVICE    DRIVER      STATE  CHANNELS  CPUS  CHILDREN',
      '    3  heartbeat  3e3f7a60  none        idle          1  0     -',
      '    5  avma1      4e3f7a60  -           idle          1  0     -',
      '    9  scsi       2e3f7a60  hv_storvsc  open          1  2     sda',
      '   14  net        1e3f7a60  hv_netvsc   open          5  0-3   eth0',
      '',
    ].join('\n'),
  );
});

test('documents name their schema and keep their fields', async () => {
  const documents: readonly (readonly [string[], string, string[]])[] = [
    [['ls'], 'vmbus.ls/1', ['schema', 'root', 'kind', 'hibernation', 'devices', 'hidden']],
    [['channels'], 'vmbus.channels/1', ['schema', 'root', 'kind', 'channels', 'hidden']],
    [['bindings'], 'vmbus.bindings/1', ['schema', 'root', 'bindings', 'damaged']],
    [['sim', '--list'], 'vmbus.providers/1', ['schema', 'devices']],
  ];
  for (const [args, schema, fields] of documents) {
    const { status, stdout, stderr } = await run([...args, '--json'], { env });

    assert.equal(status, 0, stderr);
    const document = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(document.schema, schema);
    assert.deepEqual(Object.keys(document), fields);
  }
});

test('a pipe gets no control codes, unless colour is asked for', async () => {
  const plain = await run(['ls', '--tree'], { env });
  const colored = await run(['ls', '--tree', '--color'], { env });
  const refused = await run(['ls', '--tree', '--color', '--no-color'], { env });

  assert.doesNotMatch(plain.stdout, /\u001b/);
  assert.match(colored.stdout, /\u001b\[/);
  assert.equal(refused.stdout, plain.stdout);
});

test('a locale without UTF-8 gets ASCII', async () => {
  const { stdout } = await run(['ls', '--tree'], { env: { ...env, LC_ALL: 'C' } });

  assert.match(stdout, /^[\n\x20-\x7e]*$/);
  assert.match(stdout, /`- 5 channels -> CPUs 0-3/);
});
