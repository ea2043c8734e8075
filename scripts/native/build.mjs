// SPDX-License-Identifier: MIT
//
// Compiles plain executables out of native/ without gyp: each source once per set of flags, two at a time, and only what
// is older than a file it includes.
// Called by: test-core.mjs, test-sanitize.mjs, the bench.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The machine's own compiler, or the one that CXX names. */
export const systemCompiler = { command: process.env.CXX || 'g++', args: [], env: {} };

/** What every translation unit of native/ is compiled with. */
export const languageFlags = ['-std=c++20', '-fno-exceptions', '-fno-rtti'];
export const warningFlags = ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion'];

/** A compiler said no. `message` is what it said. */
export class BuildFailure extends Error {}

const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

// The files a dependency file of the compiler names, or nothing if it was never written.
function dependencies(file) {
  if (!existsSync(file)) return undefined;
  const [, list = ''] = readFileSync(file, 'utf8').replaceAll('\\\n', ' ').split(/:\s/, 2);
  return list.split(/\s+/).filter(Boolean);
}

/** Builds into one folder; `root` is where relative source paths start. */
export class NativeBuild {
  #objects = new Map();
  #running = 0;
  #waiting = [];

  constructor({ root, folder }) {
    this.root = root;
    this.folder = folder;
  }

  /**
   * One executable. C sources (`.c`) are other people's: compiled as C, without warnings.
   * @param {{ name: string, sources: string[], flags?: string[], compiler?: object, libraries?: string[] }} options
   * @returns {Promise<string>} its path
   */
  async executable({ name, sources, flags = ['-O2'], compiler = systemCompiler, libraries = [] }) {
    const objects = await Promise.all(sources.map((source) => this.#object(source, flags, compiler)));
    const target = path.join(this.folder, name);
    const command = [compiler.command, ...compiler.args, ...flags, ...objects, ...libraries, '-pthread', '-o', target];
    const stamp = `${target}.command`;
    const newest = Math.max(...objects.map(modified));
    const same = existsSync(stamp) && readFileSync(stamp, 'utf8') === command.join('\n');
    if (same && modified(target) > newest) return target;
    await this.#run(command, compiler.env);
    writeFileSync(stamp, command.join('\n'));
    return target;
  }

  #object(source, flags, compiler) {
    const isC = source.endsWith('.c');
    const language = isC ? ['-x', 'c', '-w'] : [...languageFlags, ...warningFlags];
    const command = [compiler.command, ...compiler.args, ...language, ...flags, '-c', path.resolve(this.root, source)];
    const key = createHash('sha256').update(command.join('\n')).digest('hex').slice(0, 16);
    const base = path.join(this.folder, 'objects', `${path.basename(source)}-${key}`);
    if (!this.#objects.has(base)) this.#objects.set(base, this.#compile(command, compiler.env, base));
    return this.#objects.get(base);
  }

  async #compile(command, env, base) {
    const object = `${base}.o`;
    const depends = dependencies(`${base}.d`);
    const built = modified(object);
    if (depends && built > 0 && depends.every((file) => existsSync(file) && modified(file) < built)) return object;
    mkdirSync(path.dirname(base), { recursive: true });
    await this.#run([...command, '-MMD', '-MF', `${base}.d`, '-o', object], env);
    return object;
  }

  async #run([command, ...args], env) {
    while (this.#running >= availableParallelism()) await new Promise((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      const { stderr } = await execute(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 });
      if (stderr.trim()) console.log(stderr.trim());
    } catch (error) {
      throw new BuildFailure(`${command} failed:\n${error.stderr || error.message}`, { cause: error });
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
