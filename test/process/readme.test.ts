// SPDX-License-Identifier: MIT
//
// The script examples of the README and of docs/ run as they are printed, against a simulated host.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../..');
const docs = fs.readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`);
const pages = ['README.md', ...docs.filter((name) => name.endsWith('.md'))];
const examples = pages.flatMap((page) => {
  const text = fs.readFileSync(path.join(root, page), 'utf8');
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ''], i) => ({ page, number: i + 1, code }));
});
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

test('the README has script examples, and so has the guide to providers', () => {
  assert.ok(examples.filter(({ page }) => page === 'README.md').length >= 3);
  assert.ok(examples.some(({ page }) => page === 'docs/write-a-provider.md'));
});

for (const { page, number, code } of examples) {
  test(`example ${number} of ${page} runs as printed and says something`, async () => {
    const file = path.join(folder, `${path.basename(page, '.md')}-${number}.mjs`);
    fs.writeFileSync(file, code);

    const hv = path.join(root, 'dist/cli/main.js');
    const ran = await run([hv, 'sim', '--device', 'echo', '--', process.execPath, file]);

    assert.equal(ran.status, 0, ran.stderr);
    assert.notEqual(ran.stdout.trim(), '');
  });
}
