// SPDX-License-Identifier: MIT
//
// A process that serves a node and runs out of descriptors: it waits for some, and so do the guests.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { closeLease, openLease, plainEnvironment, TestFolder } from '../channel/native-pair.js';

const child = fileURLToPath(new URL('native-child.js', import.meta.url));
/** A loop that spins turns thousands of times in the time that the child counts. */
const mostTurns = 200;

test('a host without descriptors sleeps instead of spinning, and lets the guest in when it has some', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const command = 'ulimit -n 64 && LD_PRELOAD="$PRELOAD" exec "$0" "$@"';
  const host = spawn('/bin/sh', ['-c', command, process.execPath, child, 'serves-without-descriptors', path], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...plainEnvironment, PRELOAD: process.env.LD_PRELOAD ?? '' },
  });
  const ended = once(host, 'exit');
  const lines = createInterface(host.stdout)[Symbol.asyncIterator]();
  try {
    assert.equal((await lines.next()).value, 'serving');

    const opening = openLease(path, { timeoutMs: 60_000 });
    host.stdin.write('count\n');
    const [, turns] = /^turns (\d+)$/.exec((await lines.next()).value ?? '') ?? [];
    const { errno, lease } = await opening;

    assert.equal(errno, 0);
    assert.ok(Number(turns) < mostTurns, `${turns} turns`);
    assert.equal(await closeLease(lease), 0);
    host.stdin.end('end\n');
    assert.deepEqual(await ended, [0, null]);
  } finally {
    host.kill('SIGKILL');
  }
});
