// SPDX-License-Identifier: MIT
//
// Builds everything afresh and puts the addon and its programs where the published package keeps them:
// prebuilds/linux-<arch>/vmbus.<libc>.node, vmbus-freezer.<libc> and vmbus-keeper.<libc>, stripped. Run by `npm pack` and `npm publish` (prepack), on the oldest system to
// be supported.
//   node scripts/prebuild.mjs            for this machine's architecture
//   node scripts/prebuild.mjs --check    fails unless every architecture of the package is there (prepublishOnly)
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '..');
const architectures = ['x64', 'arm64'];
/** What is built, by its name in the package. */
const built = (libc) => ({
  [`vmbus.${libc}.node`]: 'vmbus.node',
  [`vmbus-freezer.${libc}`]: 'vmbus-freezer',
  [`vmbus-keeper.${libc}`]: 'vmbus-keeper',
});
const placesOf = (arch, libc) =>
  Object.keys(built(libc)).map((name) => path.join(root, 'prebuilds', `linux-${arch}`, name));

function run(command, args) {
  const ran = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (ran.status !== 0) process.exit(ran.status ?? 1);
}

if (process.argv.includes('--check')) {
  const missing = architectures.flatMap((arch) => placesOf(arch, 'glibc')).filter((file) => !fs.existsSync(file));
  for (const file of missing) console.error(`missing: ${path.relative(root, file)}; run this script on such a machine`);
  process.exit(missing.length > 0 ? 1 : 0);
}

// What was renamed or deleted in lib/ must not be shipped.
fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
run(process.execPath, ['scripts/prepare.mjs']);
const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
const folder = path.join(root, 'prebuilds', `linux-${process.arch}`);
fs.mkdirSync(folder, { recursive: true });
for (const [name, from] of Object.entries(built(libc))) {
  const target = path.join(folder, name);
  fs.copyFileSync(path.join(root, 'build', 'Release', from), target);
  run('strip', ['--strip-unneeded', target]);
  console.error(`${path.relative(root, target)}: ${fs.statSync(target).size} bytes`);
}
