// SPDX-License-Identifier: MIT
//
// Compilers that are not installed: clang 19 with its sanitizers and libFuzzer, and a cross compiler for arm64 with an
// emulator. Both are fetched as Debian packages into the cache and run from there.
// Called by: test-core.mjs, test-sanitize.mjs, fetch-anchors.mjs.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { cacheFolder, DebianPackages, hasApt, machineSuite } from '../debian-packages.mjs';

const treeFolder = (name) => path.join(cacheFolder(), 'trees', name);

/**
 * The tree of a toolchain from the machine's own release, whose C library it uses;
 * fetched if it is missing and `fetch` allows it.
 * @throws Error whose message says why there is none
 */
function tree(name, { fetch, packages, keep }) {
  const folder = treeFolder(name);
  if (existsSync(folder)) return folder;
  if (!fetch) throw new Error(`not in the cache; run: node scripts/fetch-anchors.mjs --toolchains`);
  if (process.arch !== 'x64' || !hasApt()) throw new Error('needs apt on an x86-64 machine');
  console.log(`fetching ${packages[0]} into ${folder}, once`);
  const source = new DebianPackages({ suite: machineSuite() });
  const debs = source.withDependencies(...packages).filter((deb) => keep.test(path.basename(deb)));
  return DebianPackages.unpack(debs, folder) ?? folder;
}

/**
 * clang++ 19 with compiler-rt. `runtime('asan')` is the path of a sanitizer's shared library; `symbolizer(folder)` writes
 * a program there that gives names to addresses, for the sanitizers' own variables.
 * @returns {{ command: string, args: string[], env: object, symbolizer: (folder: string) => string,
 *   runtime: (name: string) => string }}
 */
export function clang({ fetch = true } = {}) {
  const root = tree('clang-19', {
    fetch,
    packages: ['clang-19', 'libclang-rt-19-dev', 'llvm-19'],
    keep: /^(clang-19|libclang|libllvm|llvm-19|libz3|libedit|libbsd|libmd0|libxml2|libicu|libffi|libtinfo)/,
  });
  const llvm = path.join(root, 'usr/lib/llvm-19');
  const libraries = ['usr/lib/llvm-19/lib', 'usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
    .map((folder) => path.join(root, folder))
    .join(':');
  return {
    command: path.join(llvm, 'bin/clang++'),
    args: ['-resource-dir', path.join(llvm, 'lib/clang/19')],
    env: { LD_LIBRARY_PATH: libraries },
    symbolizer: (folder) => {
      const program = path.join(folder, 'llvm-symbolizer');
      const lines = ['#!/bin/sh', `LD_LIBRARY_PATH='${libraries}' exec '${llvm}/bin/llvm-symbolizer' "$@"`, ''];
      mkdirSync(folder, { recursive: true });
      writeFileSync(program, lines.join('\n'), { mode: 0o755 });
      return program;
    },
    runtime: (name) => path.join(llvm, `lib/clang/19/lib/linux/libclang_rt.${name}-x86_64.so`),
  };
}

/** g++ for arm64, and how to run what it makes. @returns {{ command: string, args: string[], env: object, run: string[] }} */
export function arm64({ fetch = true } = {}) {
  if (process.arch === 'arm64') return { command: 'g++', args: [], env: {}, run: [] };
  const root = tree('g++-arm64', {
    fetch,
    packages: ['g++-aarch64-linux-gnu', 'qemu-user-static'],
    keep: /aarch64|arm64-cross|cross-base|qemu-user|libbinutils|libgmp|libisl|libmpfr|libmpc|libjansson|libsframe/,
  });
  const emulators = ['qemu-aarch64-static', 'qemu-aarch64'].map((name) => path.join(root, 'usr/bin', name));
  return {
    command: path.join(root, 'usr/bin/aarch64-linux-gnu-g++'),
    args: [`--sysroot=${root}`, '-static'],
    env: { LD_LIBRARY_PATH: path.join(root, 'usr/lib/x86_64-linux-gnu') },
    run: emulators.filter((file) => existsSync(file)).slice(0, 1),
  };
}
