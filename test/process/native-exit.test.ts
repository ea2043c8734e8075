// SPDX-License-Identifier: MIT
//
// How a process with the addon ends, and what it survives before that.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('native-child.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

function run(scenario: string, flags: readonly string[] = []): Promise<Ended> {
  const started = spawn(process.execPath, [...flags, child, scenario], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  started.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  started.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  return new Promise((resolve) => {
    started.on('close', (code, signal) => resolve({ code, signal, lines: out.split('\n').filter(Boolean), errors }));
  });
}

test('a callback that throws is an uncaughtException, and everything works on', async () => {
  const { code, lines, errors } = await run('callback-throws');

  assert.equal(errors, '');
  assert.equal(code, 0);
  assert.deepEqual([...lines].sort(), [
    'after true',
    'closed 0',
    'uncaught in the done callback',
    'uncaught in the lease callback',
    'uncaught in the node callback',
    'uncaught in the node callback',
  ]);
});

test('a callback that throws with nobody to catch it ends the process like any exception', async () => {
  const { code, signal, lines, errors } = await run('uncaught-ends');

  assert.equal(signal, null);
  assert.equal(code, 1, errors);
  assert.deepEqual(lines, ['open true', 'exit 1']);
  assert.match(errors, /nobody catches this/);
});

test('process.exit in a callback ends with its status', async () => {
  const { code, signal } = await run('exit-in-callback');

  assert.deepEqual([code, signal], [7, null]);
});

test('process.exit does not wait for an open that gets no answer', async () => {
  const { code, signal } = await run('exit-while-opening');

  assert.deepEqual([code, signal], [5, null]);
});

test('a process ends by itself when everything is closed', async () => {
  assert.deepEqual(await run('ends-when-closed'), { code: 0, signal: null, lines: ['closed'], errors: '' });
});

test('a process ends by itself when what is open is unreferenced', async () => {
  assert.deepEqual(await run('ends-when-unreferenced'), { code: 0, signal: null, lines: ['unreferenced'], errors: '' });
});

test('a signal ends a process with an open lease', async () => {
  assert.deepEqual(await run('ends-without-closing'), { code: null, signal: 'SIGTERM', lines: [], errors: '' });
});

test('handles and arenas that nobody holds survive collection as long as they must', async () => {
  assert.deepEqual(await run('collects-everything', ['--expose-gc']), {
    code: 0,
    signal: null,
    lines: ['collected'],
    errors: '',
  });
});

test('a SIGBUS that is none of ours ends the process as ever', async () => {
  assert.deepEqual(await run('sent-sigbus-kills'), { code: null, signal: 'SIGBUS', lines: ['open true'], errors: '' });
});

test('rings that vanish after a listener for SIGBUS came and went do not kill the process, once it was woken', async () => {
  assert.deepEqual(await run('sigbus-listener-came-and-went'), {
    code: 0,
    signal: null,
    lines: ['rescinded true'],
    errors: '',
  });
});
