// SPDX-License-Identifier: MIT
//
// Puts the addon just built where the published package keeps it: prebuilds/linux-<arch>/vmbus.<libc>.node, stripped.
// Run by `npm pack` and `npm publish` (prepack), after a build on the oldest system to be supported.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '..');
const built = path.join(root, 'build', 'Release', 'vmbus.node');
const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
const target = path.join(root, 'prebuilds', `linux-${process.arch}`, `vmbus.${libc}.node`);

if (!fs.existsSync(built)) {
  console.error(`there is no ${path.relative(root, built)}; run: npm run build:native`);
  process.exit(1);
}
fs.mkdirSync(path.dirname(target), { recursive: true });
fs.copyFileSync(built, target);
const stripped = spawnSync('strip', ['--strip-unneeded', target], { encoding: 'utf8' });
if (stripped.status !== 0) console.error(`not stripped: ${stripped.stderr ?? stripped.error}`);
console.log(`${path.relative(root, target)}: ${fs.statSync(target).size} bytes`);
