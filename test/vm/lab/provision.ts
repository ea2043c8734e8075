// SPDX-License-Identifier: MIT
// Fetches QEMU, kernels, busybox and guests' programs as distribution packages and unpacks them into the cache; nothing
// is installed.
// What was found is remembered for a week, so most runs ask the network nothing.
// Called by lab.ts.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { DebianPackages, unpack } from '../../../scripts/debian-packages.mjs';
import { replaceFile, touch, unfinishedName, withLock } from './cache.js';
import type { KernelFlavour, KernelName } from './kernel-names.js';

/** Suites that may have the newest kernel of a series. */
const KERNEL_SUITES: Readonly<Record<KernelName, readonly string[]>> = {
  '6.1': ['bookworm', 'bookworm-updates', 'bookworm-security'],
  '6.12': ['trixie', 'trixie-updates', 'trixie-security'],
  '7': ['trixie-backports', 'sid', 'experimental'],
};
/** Each stands for the newest kernel of its suite. */
const KERNEL_META: Readonly<Record<KernelFlavour, string>> = {
  cloud: 'linux-image-cloud-amd64',
  generic: 'linux-image-amd64',
};
const QEMU_SUITE = 'trixie'; // hv-balloon came with QEMU 8.2
const QEMU_PACKAGES = ['qemu-system-x86', 'busybox-static', 'xz-utils', 'zstd', 'lz4'];
const FRESH_MS = 7 * 86_400_000;

/** The lab cannot be had on this machine: packages cannot be fetched and none are here. */
export class LabUnavailable extends Error {}

export interface ProvisionOptions {
  readonly cache: string;
  /** Look for newer packages even if the last look was not long ago. */
  readonly refresh: boolean;
  readonly note: (text: string) => void;
}

interface Memo {
  readonly tree: string;
  readonly foundMs: number;
}

function remembered(file: string): Memo | undefined {
  if (!fs.existsSync(file)) return undefined;
  const memo = JSON.parse(fs.readFileSync(file, 'utf8')) as Memo;
  return touch(memo.tree) ? memo : undefined;
}

const isFresh = ({ foundMs }: Memo): boolean => Date.now() - foundMs < FRESH_MS;

/** Looks up the tree of `name`; `find` makes it if it is not known or was found too long ago. */
async function treeOf(name: string, options: ProvisionOptions, find: () => string): Promise<string> {
  const file = path.join(options.cache, 'found', `${name}.json`);
  const known = remembered(file);
  if (known && isFresh(known) && !options.refresh) return known.tree;
  return withLock(options.cache, () => {
    const current = remembered(file);
    if (current && isFresh(current) && current.foundMs !== known?.foundMs) return current.tree; // another run was first
    try {
      const tree = find();
      replaceFile(file, JSON.stringify({ tree, foundMs: Date.now() } satisfies Memo));
      return tree;
    } catch (error) {
      if (!current) throw error;
      options.note(`${name}: keeping what is there, for looking for newer packages failed: ${String(error)}`);
      return current.tree;
    }
  });
}

/** Tree with QEMU, busybox and the tools that unpack kernels. */
export async function provisionQemu(options: ProvisionOptions): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new LabUnavailable(`the lab needs Linux on x86-64, this is ${process.platform} on ${process.arch}`);
  }
  for (const tool of ['flock', 'setpriv']) {
    if (spawnSync(tool, ['--version']).error)
      throw new LabUnavailable(`the lab needs ${tool}, of the package util-linux`);
  }
  return treeOf('qemu', options, () => {
    const files = fetchQemu(options);
    const id = shortHash(files.map((file) => path.basename(file)).join());
    return unpacked(files, `qemu-${id}`, options);
  });
}

function fetchQemu({ cache, note }: ProvisionOptions): string[] {
  try {
    note(`fetching QEMU from ${QEMU_SUITE}`);
    const packages = new DebianPackages({ suite: QEMU_SUITE, cache });
    packages.update();
    return packages.withDependencies(...QEMU_PACKAGES);
  } catch (error) {
    throw new LabUnavailable(`cannot fetch QEMU's packages: ${messageOf(error)}`, { cause: error });
  }
}

/** Tree with the newest kernel of a series. */
export async function provisionKernel(
  name: KernelName,
  options: ProvisionOptions,
  flavour: KernelFlavour = 'cloud',
): Promise<string> {
  return treeOf(`kernel-${name}${flavour === 'cloud' ? '' : `-${flavour}`}`, options, () => {
    const { packages, image } = newestKernel(name, options, flavour);
    options.note(`fetching ${image}`);
    // Since Linux 7 Debian's image package is empty; parts of the same version have the files.
    const parts = packages.dependsOn(image).filter((part) => /^linux-(base|binary|modules)-\d/.test(part));
    const files = packages.alone(image, ...parts);
    return unpacked(files, path.basename(imageFile(files, image), '.deb'), options);
  });
}

const imageFile = (files: readonly string[], image: string): string =>
  files.find((file) => path.basename(file).startsWith(`${image}_`)) ?? image;

interface KernelCandidate {
  readonly packages: DebianPackages;
  readonly image: string;
}

function newestKernel(
  name: KernelName,
  { cache, note }: ProvisionOptions,
  flavour: KernelFlavour = 'cloud',
): KernelCandidate {
  const candidates: KernelCandidate[] = [];
  const refusals: string[] = [];
  for (const suite of KERNEL_SUITES[name]) {
    try {
      const packages = new DebianPackages({ suite, cache });
      packages.update();
      const dependencies = packages.dependsOn(KERNEL_META[flavour]);
      const image = dependencies.find((dependency) => dependency.startsWith(`linux-image-${name}.`));
      note(`${suite}: ${image ?? `no ${name} kernel`}`);
      if (image !== undefined) candidates.push({ packages, image });
    } catch (error) {
      refusals.push(`${suite}: ${messageOf(error)}`);
      note(`${suite}: not to be had`);
    }
  }
  const [newest] = candidates.sort((a, b) => b.image.localeCompare(a.image, 'en', { numeric: true }));
  if (!newest) throw new Error(`no ${name} kernel in ${KERNEL_SUITES[name].join(', ')}; ${refusals.join('; ')}`);
  return newest;
}

/** Packages for a guest, unpacked. */
export interface PackageTree {
  /** Folders of just these packages, one each. */
  readonly own: readonly string[];
  /** The tree with all that they depend on. */
  readonly all: string;
}

/** This one is built from the kernel's source and speaks to that kernel's device nodes. */
const KERNEL_PACKAGE = 'hyperv-daemons';

/** Packages whose programs are wanted in a guest with that kernel. */
export async function provisionPackages(
  names: readonly string[],
  kernel: KernelName,
  options: ProvisionOptions,
): Promise<PackageTree> {
  const isKernels = names.includes(KERNEL_PACKAGE);
  const memo = ['packages', ...(isKernels ? [kernel] : []), ...[...names].sort()].join('-');
  const tree = await treeOf(memo, options, () => {
    options.note(`fetching ${names.join(', ')}`);
    const packages = new DebianPackages({ suite: QEMU_SUITE, cache: options.cache });
    packages.update();
    const all = packages.withDependencies(...names);
    const own = names.map((name): readonly [string, string] => {
      const source = name === KERNEL_PACKAGE ? newestKernel(kernel, options).packages : packages;
      const [file] = source.alone(name);
      if (file === undefined) throw new Error(`apt fetched no file for ${name}`);
      return [name, file];
    });
    return unpackedPackages(all, own, options);
  });
  return { own: names.map((name) => path.join(tree, 'own', name)), all: path.join(tree, 'all') };
}

function unpackedPackages(
  all: readonly string[],
  own: readonly (readonly [name: string, file: string])[],
  { cache }: ProvisionOptions,
): string {
  const id = shortHash([...all, ...own.map(([, file]) => file)].map((file) => path.basename(file)).join());
  const tree = path.join(cache, 'trees', `packages-${id}`);
  if (fs.existsSync(tree)) return tree;
  const unfinished = unfinishedName(tree);
  unpack(all, path.join(unfinished, 'all'));
  for (const [name, file] of own) unpack([file], path.join(unfinished, 'own', name));
  fs.renameSync(unfinished, tree);
  return tree;
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

function unpacked(files: readonly string[], name: string, { cache, note }: ProvisionOptions): string {
  note(`unpacking ${name}`);
  return unpack(files, path.join(cache, 'trees', name));
}

function messageOf(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr ?? '').trim() : '';
  return (stderr || (error instanceof Error ? error.message : String(error))).split('\n')[0] ?? '';
}
