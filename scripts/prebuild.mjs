// SPDX-License-Identifier: MIT
//
// Builds everything afresh and puts the addon where the published package keeps it:
// prebuilds/linux-<arch>/vmbus.<libc>.node, stripped. Run by `npm pack` and `npm publish` (prepack), on the oldest system to
// be supported.
//   node scripts/prebuild.mjs            for this machine's architecture
//   node scripts/prebuild.mjs --check    fails unless every architecture of the package is there (prepublishOnly)
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '..');
const architectures = ['x64', 'arm64'];
const placeOf = (arch, libc) => path.join(root, 'prebuilds', `linux-${arch}`, `vmbus.${libc}.node`);

function run(command, args) {
  const ran = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (ran.status !== 0) process.exit(ran.status ?? 1);
}

if (process.argv.includes('--check')) {
  const missing = architectures.map((arch) => placeOf(arch, 'glibc')).filter((file) => !fs.existsSync(file));
  for (const file of missing) console.error(`missing: ${path.relative(root, file)}; run this script on such a machine`);
  process.exit(missing.length > 0 ? 1 : 0);
}

// What was renamed or deleted in lib/ must not be shipped.
fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
run(process.execPath, ['scripts/prepare.mjs']);
const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
const target = placeOf(process.arch, libc);
fs.mkdirSync(path.dirname(target), { recursive: true });
fs.copyFileSync(path.join(root, 'build', 'Release', 'vmbus.node'), target);
run('strip', ['--strip-unneeded', target]);
console.error(`${path.relative(root, target)}: ${fs.statSync(target).size} bytes`);
