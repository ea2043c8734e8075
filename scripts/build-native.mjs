// SPDX-License-Identifier: MIT
//
// Builds the addon and its programs with node-gyp: build/Release/vmbus.node, vmbus-freezer, vmbus-keeper, or sanitized ones in
// build-sanitize/<kind>/, to be loaded with VMBUS_NATIVE. Rebuilds only what changed. Needs no network where Node's headers are installed beside it.
//
//   node scripts/build-native.mjs [--sanitize=address|thread|undefined] [--debug] [--verbose]

import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const sanitizers = ['address', 'thread', 'undefined'];

const { values: options } = parseArgs({
  options: { sanitize: { type: 'string' }, debug: { type: 'boolean' }, verbose: { type: 'boolean' } },
});
if (options.sanitize !== undefined && !sanitizers.includes(options.sanitize)) {
  fail(`--sanitize must be one of ${sanitizers.join(', ')}, not ${options.sanitize}`);
}

/** Prints the remedy on the first line and ends. */
function fail(message, ...details) {
  console.error(message);
  for (const line of details) console.error(line);
  process.exit(1);
}

function isOnPath(command) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      // not in this folder
    }
  }
  return false;
}

function requireTools() {
  const compiler = process.env.CXX?.trim().split(/\s+/)[0] ?? 'g++';
  const missing = [];
  if (!isOnPath(compiler) && !existsSync(compiler)) missing.push(['g++', `the C++ compiler (${compiler})`]);
  if (!isOnPath('make')) missing.push(['make', 'make']);
  if (!isOnPath(process.env.PYTHON ?? 'python3')) missing.push(['python3', 'Python 3, which node-gyp runs on,']);
  if (missing.length === 0) return;
  const packages = missing.map(([name]) => name).join(' ');
  fail(
    `To build the vmbus addon install the Debian package${missing.length > 1 ? 's' : ''} ${packages}: apt-get install ${packages}`,
    ...missing.map(([, what]) => `${what} is not on the PATH.`),
  );
}

/** The folder that holds include/node/, where it came with this Node; node-gyp fetches headers otherwise. */
function headerFolder() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined;
}

function nodeGyp() {
  const require = createRequire(import.meta.url);
  try {
    return join(dirname(require.resolve('node-gyp/package.json')), 'bin/node-gyp.js');
  } catch {
    return fail('node-gyp is missing: run npm install in the checkout first, which brings it');
  }
}

/** A folder of its own for a build with other flags: the sources are the same, by links. */
function sanitizedTree(kind) {
  const tree = join(project, 'build-sanitize', kind);
  mkdirSync(tree, { recursive: true });
  for (const name of ['binding.gyp', 'native', 'node_modules', 'package.json']) {
    const link = join(tree, name);
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(join(project, name), link);
  }
  return tree;
}

/** Two builds in one folder would spoil each other. Waits for the other one, unless it died. */
async function lock(folder) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, '.building');
  for (;;) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
      process.on('exit', () => rmSync(path, { force: true }));
      for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isStale(path)) rmSync(path, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function isStale(path) {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code !== 'EPERM';
  }
}

/** What the generated makefile depends on besides the sources' contents. */
function configuration() {
  const sources = ['core', 'os', 'binding', 'freezer', 'keeper'].flatMap((part) =>
    readdirSync(join(project, 'native', part))
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => `${part}/${name}`),
  );
  return JSON.stringify({
    // Paths in it are relative: a checkout that was copied or moved cannot use it.
    project,
    gyp: readFileSync(join(project, 'binding.gyp'), 'utf8'),
    node: [process.execPath, process.version, headerFolder()],
    environment: ['CC', 'CXX', 'CFLAGS', 'CXXFLAGS', 'LDFLAGS', 'PYTHON'].map((name) => process.env[name]),
    options,
    sources,
  });
}

function run(tree, commands) {
  const headers = headerFolder();
  const words = [nodeGyp(), ...commands, options.debug ? '--debug' : '--release', `--jobs=${availableParallelism()}`];
  if (headers !== undefined) words.push(`--nodedir=${headers}`);
  if (!options.verbose) words.push('--silent');
  if (options.sanitize !== undefined && commands.includes('configure'))
    words.push('--', `-Dsanitize=${options.sanitize}`);
  const { status, error, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: tree,
    encoding: 'utf8',
    stdio: options.verbose ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  const output = `${stdout ?? ''}${stderr ?? ''}`;
  if (error !== undefined || status !== 0) {
    fail(`node-gyp ${commands.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`, output);
  }
  const warnings = new Set(output.split('\n').filter((line) => line.includes('warning:')));
  for (const line of warnings) console.error(line);
}

requireTools();
const tree = options.sanitize === undefined ? project : sanitizedTree(options.sanitize);
const build = join(tree, 'build');
await lock(build);
const stamp = join(build, '.configured');
const wanted = configuration();
const isConfigured = existsSync(join(build, 'Makefile')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
if (!isConfigured) {
  run(tree, ['configure']);
  writeFileSync(stamp, wanted);
}
run(tree, ['build']);
for (const name of options.sanitize === undefined ? [] : ['vmbus.node', 'vmbus-freezer', 'vmbus-keeper']) {
  const built = join(build, options.debug ? 'Debug' : 'Release', name);
  const target = join(tree, name);
  if (!existsSync(target) || statSync(target).mtimeMs < statSync(built).mtimeMs) {
    copyFileSync(built, `${target}.new`);
    renameSync(`${target}.new`, target);
  }
}
