// SPDX-License-Identifier: MIT
//
// The only place that loads the addon's file, and only when something asks for it: a machine without it can still import the
// library, read sysfs and run codecs.
// Called by: everything that needs native code, through `native()`.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VmbusError } from '../errors.js';
import { ABI, type Binding } from './binding.js';

/** One file that was tried, and why it could not be used. */
export interface LoadAttempt {
  readonly path: string;
  readonly reason: string;
}

let loaded: Binding | undefined;

/**
 * The addon; loaded at the first call, the same object ever after (in this thread).
 * @throws ERR_VMBUS_NATIVE_LOAD with every file that was tried
 */
export function native(): Binding {
  loaded ??= load(candidates());
  return loaded;
}

/** Files that may hold the addon, best first. `VMBUS_NATIVE` names the only one when it is set. */
function candidates(): string[] {
  const chosen = process.env.VMBUS_NATIVE;
  if (chosen !== undefined && chosen !== '') return [chosen];
  const project = packageFolder();
  return [
    join(project, 'build/Release/vmbus.node'),
    join(project, `prebuilds/linux-${process.arch}/vmbus.${libc()}.node`),
  ];
}

/** Files that may hold a program of ours, best first: beside the addon. */
export function programPlaces(built: 'vmbus-freezer' | 'vmbus-keeper'): string[] {
  const prebuilt = `${built}.${libc()}`;
  const chosen = process.env.VMBUS_NATIVE;
  if (chosen !== undefined && chosen !== '') return [built, prebuilt].map((name) => join(dirname(chosen), name));
  const project = packageFolder();
  return [join(project, 'build/Release', built), join(project, `prebuilds/linux-${process.arch}`, prebuilt)];
}

/** The folder of package.json: dist/native/load.js and lib/native/load.ts are equally deep in it. */
function packageFolder(): string {
  return dirname(dirname(dirname(fileURLToPath(import.meta.url))));
}

/** The C library this Node runs on, as prebuilt files name it. */
function libc(): 'glibc' | 'musl' {
  const report = process.report as
    | { getReport?: () => { header?: { glibcVersionRuntime?: string } }; excludeNetwork?: boolean }
    | undefined;
  if (report?.getReport !== undefined) {
    // Without this the report looks up a name for every open socket, which takes as long as DNS does.
    const before = report.excludeNetwork;
    report.excludeNetwork = true;
    const version = report.getReport().header?.glibcVersionRuntime;
    if (before === undefined) delete report.excludeNetwork;
    else report.excludeNetwork = before;
    if (version !== undefined) return 'glibc';
  }
  return isMuslLoader() ? 'musl' : 'glibc';
}

function isMuslLoader(): boolean {
  try {
    return readFileSync('/usr/bin/ldd', 'latin1').includes('musl');
  } catch {
    return false;
  }
}

function load(paths: readonly string[]): Binding {
  const tried: LoadAttempt[] = [];
  let cause: unknown;
  if (process.platform === 'linux') {
    const require = createRequire(import.meta.url);
    for (const path of paths) {
      try {
        const binding: unknown = require(path);
        // Through a prototype, because optimised code finds a function there at once: the addon's own object has so many that
        // each would be looked up at every call.
        if (isBinding(binding)) return Object.create(binding) as Binding;
        tried.push({
          path,
          reason: `is of another version: its surface is ${surfaceOf(binding)}, this library needs ${ABI}`,
        });
      } catch (error) {
        cause ??= error;
        tried.push({ path, reason: reasonOf(error) });
      }
    }
  }
  throw loadError(tried, cause);
}

function isBinding(value: unknown): value is Binding {
  return surfaceOf(value) === ABI;
}

function surfaceOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'abi' in value ? value.abi : 'unknown';
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  if (codeOf(error) === 'MODULE_NOT_FOUND') return 'is not there';
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0] ?? message;
}

function loadError(tried: readonly LoadAttempt[], cause: unknown): VmbusError {
  const lines = tried.map(({ path, reason }) => `\n  ${path}: ${reason}`).join('');
  const message =
    process.platform === 'linux'
      ? `the vmbus addon could not be loaded${lines}`
      : `the vmbus addon exists for Linux only, not for ${process.platform}`;
  return new VmbusError('ERR_VMBUS_NATIVE_LOAD', message, { hint: remedy(cause), facts: { tried }, cause });
}

function remedy(cause: unknown): string {
  if (process.platform !== 'linux') return 'run it inside a Linux guest, or in a Linux container with a simulated host';
  const chosen = process.env.VMBUS_NATIVE;
  if (codeOf(cause) === 'ERR_DLOPEN_DISABLED')
    return 'allow addons: node --allow-addons (with --permission), and not --no-addons';
  if (chosen !== undefined && chosen !== '')
    return 'unset VMBUS_NATIVE, or let it name a file that scripts/build-native.mjs built';
  // An installed package has no development dependencies; a checkout has them beside lib/.
  const isCheckout = existsSync(join(packageFolder(), 'lib'));
  const tools = isCheckout ? '' : 'npm install --no-save --ignore-scripts node-gyp@12 node-addon-api@8 && ';
  return `build it (needs g++, make, python3): cd ${packageFolder()} && ${tools}node scripts/build-native.mjs`;
}
