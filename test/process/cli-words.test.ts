// SPDX-License-Identifier: MIT
//
// What the command says when somebody asks how: help of verbs under verbs, defaults, hints that can be pasted.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { startHostProcess } from '../../dist/host/index.js';
import { smallGuest, writeTree } from '../unit/cli-tree.js';
import { run } from './cli-run.js';

test('help of a verb under a verb is its own, not that of the verb above', async () => {
  for (const words of [
    ['channels', 'move'],
    ['chan', 'ping'],
  ]) {
    const asked = await run(['help', ...words]);
    const own = await run([...words, '--help']);

    assert.equal(asked.status, 0, asked.stderr);
    assert.equal(asked.stdout, own.stdout);
    assert.match(asked.stdout, new RegExp(`^Usage: hv ${words.join(' ')} `));
  }
});

test('times in the help are written as they would be typed', async () => {
  for (const [verb, times] of [
    ['ping', ['200ms', '1s']],
    ['send', ['5s']],
  ] as const) {
    const { stdout } = await run(['chan', verb, '--help']);
    const text = stdout.replace(/\s+/g, ' ');

    for (const time of times) assert.ok(text.includes(`(a bare number is seconds) (default: ${time})`), stdout);
    assert.match(text, /device +the device, by any of its names/);
  }
});

test('nothing is awaited in a snapshot, where nothing can change', async () => {
  const tree = writeTree(smallGuest);
  after(() => tree.remove());
  writeFileSync(path.join(tree.root, 'snapshot.json'), '{}');

  const { status, stderr } = await run(['--root', tree.root, 'watch']);

  assert.equal(status, 2);
  assert.match(stderr, /nothing can change in a snapshot/);
});

test('the hint for a device that nobody bound can be pasted, and works', async () => {
  await using host = await startHostProcess({ devices: ['echo'] });

  const refused = await run(['--root', host.root, 'chan', 'ping', 'echo', '-c', '1']);
  const hint = /hint: hv (.*)/.exec(refused.stderr)?.[1] ?? '';

  assert.equal(refused.status, 1);
  assert.equal(hint, `--root ${host.root} bind ${host.devices[0]?.instanceGuid ?? '?'}`);
  assert.equal((await run(hint.split(' '))).status, 0);
  assert.equal((await run(['--root', host.root, 'chan', 'ping', 'echo', '-c', '1'])).status, 0);
});

test('the hint for a disk controller or a network card under --root named the bus of this machine', async () => {
  await using host = await startHostProcess({ devices: ['scsi', 'net'] });

  for (const [verb, which] of [
    ['scsi', 'ls'],
    ['net', 'info'],
  ] as const) {
    const refused = await run(['--root', host.root, verb, which]);
    const hint = /hint: hv (.*)/.exec(refused.stderr)?.[1] ?? '';

    assert.equal(refused.status, 1, refused.stderr);
    assert.match(hint, /^--root \S+ bind [\da-f-]{36}$/);
    assert.equal((await run(hint.split(' '))).status, 0);
    assert.equal((await run(['--root', host.root, verb, which])).status, 0);
  }
});
