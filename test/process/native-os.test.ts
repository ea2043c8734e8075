// SPDX-License-Identifier: MIT
//
// Parts of native/os that a process without Node can test better: plain executables, built by the compiler that built the addon.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, TestFolder } from '../channel/native-pair.js';

const native = fileURLToPath(new URL('../../native/', import.meta.url));
const compiler = process.env.CXX ?? 'g++';
const isThere = spawnSync(compiler, ['--version'], { env: plainEnvironment }).status === 0;
const options = isThere ? {} : { skip: `${compiler} is not installed` };
const flags = ['-std=c++20', '-O1', '-g', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra', '-Werror', '-pthread'];

/** Each executable, and what it tests. */
const executables: readonly (readonly [string, readonly string[]])[] = [
  ['node_signal_test', ['node_signal', 'offered_channels']],
  ['sigbus_guard_test', ['sigbus_guard']],
  ['map_offset_test', ['map_offset']],
];
for (const [name, parts] of executables) {
  test(`${name} passes`, options, () => {
    using folder = new TestFolder();
    const sources = [`${native}test/${name}.cc`, ...parts.map((part) => `${native}os/${part}.cc`)];
    const built = spawnSync(compiler, [...flags, ...sources, '-o', folder.file(name)], {
      encoding: 'utf8',
      env: plainEnvironment,
    });
    assert.equal(built.status, 0, built.stderr);

    const { status, signal, stdout } = spawnSync(folder.file(name), { encoding: 'utf8', env: plainEnvironment });

    assert.match(stdout, /\d+ passed, 0 failed, 0 skipped\n$/);
    assert.deepEqual([status, signal], [0, null], stdout);
  });
}
