// SPDX-License-Identifier: MIT
//
// The script examples of the README run as they are printed, against a simulated host.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../..');
const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code);
// Inside the package, so that `vmbus` is found as an installed one would be.
const folder = fs.mkdtempSync(path.join(root, 'dist-test', 'readme-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

function run(args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

test('the README has script examples', () => {
  assert.ok(examples.length >= 3);
});

for (const [i, code] of examples.entries()) {
  test(`example ${i + 1} runs as printed and says something`, async () => {
    const file = path.join(folder, `example-${i}.mjs`);
    fs.writeFileSync(file, code);

    const hv = path.join(root, 'dist/cli/main.js');
    const ran = await run([hv, 'sim', '--device', 'echo', '--', process.execPath, file]);

    assert.equal(ran.status, 0, ran.stderr);
    assert.notEqual(ran.stdout.trim(), '');
  });
}
