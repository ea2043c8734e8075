// SPDX-License-Identifier: MIT
//
// Fetches what the ring is tested and measured against, as Debian packages, into the cache: the kernel tree's user-space
// ring (tools/hv of linux-source-6.12) and DPDK's VMBus driver (libdpdk-dev). They are compiled or linked from there and
// never become part of this project. With --toolchains also clang 19 and an arm64 cross compiler with its emulator.
//   node scripts/fetch-anchors.mjs [--toolchains]      says where everything is; fetches only what is missing
// Called by: test-core.mjs, the bench; people who want to fetch before they go offline.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { cacheFolder, DebianPackages, hasApt, machineSuite } from './debian-packages.mjs';
import { arm64, clang } from './native/toolchains.mjs';

const anchors = path.join(cacheFolder(), 'anchors');
const KERNEL_SOURCE = 'linux-source-6.12';
const KERNEL_SUITE = 'trixie';
const KERNEL_FILES = ['vmbus_bufring.c', 'vmbus_bufring.h'];

const has = (folder, files) => files.every((file) => fs.existsSync(path.join(folder, file)));

/** Folder with the kernel tree's vmbus_bufring.c and .h, or undefined. */
function kernelRing() {
  const installed = path.join('/usr/src', KERNEL_SOURCE, 'tools/hv');
  return [path.join(anchors, 'kernel'), installed].find((folder) => has(folder, KERNEL_FILES));
}

const DPDK_LIBRARY = 'usr/lib/x86_64-linux-gnu/librte_bus_vmbus.a';

/** Root of a tree with DPDK's headers and static libraries (`/` where it is installed), or undefined. */
function dpdkTree() {
  return [path.join(anchors, 'dpdk'), '/'].find((tree) => has(tree, [DPDK_LIBRARY]));
}

// The package is one archive of the whole kernel; only two files of it are kept.
function fetchKernelRing() {
  const tree = path.join(anchors, `.${KERNEL_SOURCE}.${process.pid}`);
  try {
    const [deb] = new DebianPackages({ suite: KERNEL_SUITE }).alone(KERNEL_SOURCE);
    fs.mkdirSync(tree, { recursive: true });
    execFileSync('dpkg-deb', ['-x', deb, tree], { stdio: 'inherit' });
    const archive = path.join(tree, 'usr/src', `${KERNEL_SOURCE}.tar.xz`);
    const members = KERNEL_FILES.map((file) => `${KERNEL_SOURCE}/tools/hv/${file}`);
    execFileSync('tar', ['-C', tree, '-xJf', archive, ...members], { stdio: 'inherit' });
    fs.renameSync(path.join(tree, KERNEL_SOURCE, 'tools/hv'), path.join(anchors, 'kernel'));
    fs.rmSync(deb); // 150 MB, for two small files
  } finally {
    fs.rmSync(tree, { recursive: true, force: true });
  }
}

// Static libraries of the suite whose C library this machine has.
function fetchDpdk() {
  const debs = new DebianPackages({ suite: machineSuite() }).alone('libdpdk-dev');
  DebianPackages.unpack(debs, path.join(anchors, 'dpdk'));
}

const known = {
  kernel: {
    find: kernelRing,
    fetch: fetchKernelRing,
    describe: (folder) => ({
      sources: [path.join(folder, 'vmbus_bufring.c')],
      flags: ['-isystem', folder],
      libraries: [],
    }),
  },
  dpdk: {
    find: dpdkTree,
    fetch: fetchDpdk,
    describe: (tree) => ({ sources: [], flags: [], libraries: [path.join(tree, DPDK_LIBRARY)] }),
  },
};

/**
 * What to compile and link for one of the foreign rings.
 * @param {'kernel' | 'dpdk'} which
 * @param {{ fetch?: boolean }} [options] whether it may be fetched when it is not there
 * @returns {{ sources: string[], flags: string[], libraries: string[] }}
 * @throws Error whose message says why it is not to be had
 */
export function anchor(which, { fetch = true } = {}) {
  if (process.arch !== 'x64') throw new Error('made for x86-64 only');
  const { find, fetch: provide, describe } = known[which];
  if (!find() && !fetch) throw new Error('not in the cache; run: node scripts/fetch-anchors.mjs');
  if (!find()) {
    if (!hasApt()) throw new Error('not installed, and there is no apt to fetch it with');
    fs.mkdirSync(anchors, { recursive: true });
    console.error(`fetching ${which === 'kernel' ? KERNEL_SOURCE : 'libdpdk-dev'} into ${anchors}, once`);
    provide();
  }
  return describe(find());
}

function say(what, provide) {
  try {
    console.log(`${what}: ${provide()}`);
  } catch (error) {
    console.error(`${what}: not to be had: ${error.message}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  say('kernel tree ring', () => anchor('kernel').sources[0]);
  say('DPDK', () => anchor('dpdk').libraries[0]);
  if (process.argv.includes('--toolchains')) {
    say('clang 19', () => clang().command);
    say('arm64 compiler', () => arm64().command);
  }
}
