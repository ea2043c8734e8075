// SPDX-License-Identifier: MIT
//
// Loading the addon: not before it is needed, and with every attempt named when it fails.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ABI } from '../../dist/native/binding.js';
import { TestFolder } from '../channel/native-pair.js';

const load = JSON.stringify(new URL('../../dist/native/load.js', import.meta.url).href);

interface Outcome {
  readonly code?: string;
  readonly hint?: string;
  readonly message?: string;
  readonly tried?: readonly { readonly path: string; readonly reason: string }[];
  readonly abi?: number;
}

/** What native() answers in a process with these variables and flags. */
function outcome(environment: Record<string, string>, flags: readonly string[] = []): Outcome {
  const code = `
    const { native } = await import(${load});
    try { console.log(JSON.stringify({ abi: native().abi })); }
    catch (error) { console.log(JSON.stringify(error)); }`;
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Outcome;
}

test('the built addon is found and has the surface that the library needs', () => {
  assert.deepEqual(outcome({}), { abi: ABI });
});

test('a file that is not there is named, with the way to get one', () => {
  const failed = outcome({ VMBUS_NATIVE: '/nowhere/vmbus.node' });

  assert.equal(failed.code, 'ERR_VMBUS_NATIVE_LOAD');
  assert.deepEqual(failed.tried, [{ path: '/nowhere/vmbus.node', reason: 'is not there' }]);
  assert.match(failed.hint ?? '', /VMBUS_NATIVE/);
  assert.match(failed.message ?? '', /\/nowhere\/vmbus\.node/);
});

test("a file that is no addon is named with the linker's reason", () => {
  using folder = new TestFolder();
  writeFileSync(folder.file('vmbus.node'), 'no addon');

  const failed = outcome({ VMBUS_NATIVE: folder.file('vmbus.node') });

  assert.equal(failed.code, 'ERR_VMBUS_NATIVE_LOAD');
  assert.match(failed.tried?.[0]?.reason ?? '', /file too short|invalid ELF header/);
});

test('an addon of another surface is not used', () => {
  using folder = new TestFolder();
  writeFileSync(folder.file('vmbus.cjs'), 'module.exports = { abi: 99 };');

  const failed = outcome({ VMBUS_NATIVE: folder.file('vmbus.cjs') });

  assert.equal(failed.code, 'ERR_VMBUS_NATIVE_LOAD');
  assert.match(failed.tried?.[0]?.reason ?? '', /99/);
});

test('a process that forbids addons is told how to allow them', () => {
  const failed = outcome({}, ['--no-addons']);

  assert.equal(failed.code, 'ERR_VMBUS_NATIVE_LOAD');
  assert.match(failed.hint ?? '', /--allow-addons/);
});

test('importing the loader loads nothing', () => {
  const code = `await import(${load}); console.log(process.report.getReport().sharedObjects.some((path) => path.endsWith('vmbus.node')))`;

  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });

  assert.equal(stdout, 'false\n', stderr);
});
