// SPDX-License-Identifier: MIT
// Proves that the real `ip` is asked in the same way awaiting and at once, and that what nobody hears is in the kernel's log.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ipProgram } from '../../dist/bus/interface/ip-program.js';
import { tellKernelLog } from '../../dist/bus/interface/kernel-log.js';

const absent = { status: -1, stdout: '', stderr: 'there is no program ip here' };

test('ip answers with its status and words, whichever way it is run and whatever the PATH says', async (t) => {
  const path = process.env.PATH;
  process.env.PATH = '/nonexistent';
  try {
    const version = ipProgram().runSync(['-V']);
    if (version.status === absent.status) {
      assert.deepEqual(version, absent);
      return t.skip('there is no ip (iproute2) here');
    }
    const wrong = await ipProgram().run(['-N', '-json', 'address', 'show', 'dev', 'no-such-one']);

    assert.deepEqual(await ipProgram().run(['-V']), version);
    assert.equal(version.status, 0);
    assert.match(version.stdout, /^ip utility, iproute2/);
    assert.notEqual(wrong.status, 0);
    assert.match(wrong.stderr, /no-such-one/);
    assert.deepEqual(ipProgram().runSync(['-N', '-json', 'address', 'show', 'dev', 'no-such-one']), wrong);
  } finally {
    process.env.PATH = path;
  }
  return undefined;
});

test("what is missing is a line each in the kernel's log, of this machine's own devices only", () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmbus-kmsg-'));
  const file = join(folder, 'kmsg');
  const returned = { name: 'eth0', commands: [], missing: ['could not do one thing', 'x'.repeat(2000)] };
  writeFileSync(file, '');
  tellKernelLog('/somewhere', returned, file);
  tellKernelLog('/', null, file);
  assert.equal(readFileSync(file, 'utf8'), '');
  tellKernelLog('/', returned, file);
  tellKernelLog('/', returned, join(folder, 'no', 'kmsg'));

  assert.equal(readFileSync(file, 'utf8'), `<4>vmbus: could not do one thing\n<4>vmbus: ${'x'.repeat(800)}\n`);
  rmSync(folder, { recursive: true });
});
