// SPDX-License-Identifier: MIT
//
// koffi, which calls C functions from JavaScript: fetched into the cache with the anchors, never a dependency.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { cacheFolder } from '../scripts/debian-packages.mjs';
import { coreSources, nativeBuild } from './ring-loops.mjs';

const version = '3';
const folder = path.join(cacheFolder(), 'anchors/koffi');
const installed = path.join(folder, 'node_modules/koffi');

// Without scripts: its binaries come as packages.
function install() {
  mkdirSync(folder, { recursive: true });
  const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, stderr } = spawnSync('npm', ['install', '--prefix', folder, ...quiet, `koffi@${version}`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`npm install koffi@${version} failed: ${stderr.trim().split('\n')[0]}`);
}

/**
 * A ring behind one C call per packet.
 * @throws Error whose message says why it is not to be had
 */
export async function koffiRing({ fetch = false } = {}) {
  if (!existsSync(installed) && !fetch)
    throw new Error('koffi is not in the cache; run the bench with --fetch-anchors');
  if (!existsSync(installed)) install();
  const koffi = createRequire(path.join(folder, 'index.js'))('koffi');
  const file = await nativeBuild.executable({
    name: 'call_ring.so',
    sources: ['native/bench/call_ring.cc', ...coreSources],
    flags: ['-O3', '-fPIC', '-shared', '-fvisibility=hidden'],
  });
  const library = koffi.load(file);
  return {
    send: library.func('int call_ring_send(const uint8_t* bytes, int length)'),
    receive: library.func('int call_ring_receive(uint8_t* bytes, int room)'),
  };
}
