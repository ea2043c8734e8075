// SPDX-License-Identifier: MIT
//
// Fetches Debian packages into a cache folder with the machine's own apt and unpacks them there. Nothing is installed:
// the machine's mirrors, proxies and keys are used, its package lists, caches, hooks and state are neither read nor
// changed, and root is not needed.
// Called by: fetch-anchors.mjs, native/toolchains.mjs, the vm lab. Needs apt-get, dpkg-deb and flock, as every Debian has.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const quiet = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } };

/** The project's cache folder: `$XDG_CACHE_HOME/vmbus`, or `~/.cache/vmbus`. */
export function cacheFolder() {
  return path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'vmbus');
}

/** True where packages can be fetched at all: apt is there, whatever the network says. */
export function hasApt() {
  try {
    execFileSync('apt-get', ['--version'], quiet);
    execFileSync('dpkg-deb', ['--version'], quiet);
    return true;
  } catch {
    return false;
  }
}

/** The Debian release this machine runs, such as `bookworm`: programs of it find their C library here. */
export function machineSuite() {
  const release = fs.readFileSync('/etc/os-release', 'utf8');
  return /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] ?? 'bookworm';
}

// Where this machine gets its distribution from, and the key it trusts for it. apt itself is asked, for it knows both
// formats of source lists; only the key has to be looked up in the entry that apt names.
function machineRepository(suite) {
  const isSecurity = suite.endsWith('-security');
  const mirror = process.env.VMBUS_DEBIAN_MIRROR;
  const keyring = process.env.VMBUS_DEBIAN_KEYRING;
  if (mirror) return { uri: isSecurity ? mirror.replace(/debian\/?$/, 'debian-security') : mirror, key: keyring };
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SOURCESENTRY)|$(ORIGIN)';
  const rows = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], quiet)
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([, release, component]) => component === 'main' && (isSecurity ? /-security$/ : /^[a-z]+$/).test(release));
  const row = rows.find((fields) => fields[4] === 'Debian') ?? rows.find(([uri]) => /debian/.test(uri));
  if (!row)
    throw new Error(`apt names no Debian repository for ${suite}; set VMBUS_DEBIAN_MIRROR and VMBUS_DEBIAN_KEYRING`);
  const [, file, number] = /^(.*):(\d+)$/.exec(row[3]);
  return { uri: row[0], key: keyring ?? keyOfEntry(file, Number(number)) };
}

function keyOfEntry(file, number) {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  const entry = file.endsWith('.sources')
    ? lines
        .slice(number - 1)
        .join('\n')
        .split(/\n[ \t]*\n/)
        .find((stanza) => /^URIs:/im.test(stanza))
    : lines[number - 1];
  return entry?.match(/signed-by[:=]\s*([^\s\],]+)/i)?.[1];
}

/** Packages of one Debian suite, fetched into `cache`. */
export class DebianPackages {
  #updated = false;

  /** @param {{ suite: string, cache?: string, architecture?: string }} options */
  constructor({ suite, cache = cacheFolder(), architecture = 'amd64' }) {
    this.suite = suite;
    this.architecture = architecture;
    this.cache = cache;
    this.state = path.join(cache, 'apt', `${suite}-${architecture}`);
    this.debs = path.join(cache, 'debs');
    for (const folder of ['etc', 'lists/partial', 'none/partial']) {
      fs.mkdirSync(path.join(this.state, folder), { recursive: true });
    }
    fs.mkdirSync(path.join(this.debs, 'partial'), { recursive: true });
    fs.writeFileSync(path.join(this.state, 'status'), '');
    fs.writeFileSync(path.join(this.state, 'apt.conf'), this.#configuration());
  }

  // Read after the machine's own apt.conf.d, so "#clear" really empties the hooks found there.
  #configuration() {
    return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "${this.state}/etc";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "${this.state}";
Dir::State::lists "${this.state}/lists";
Dir::State::status "${this.state}/status";
Dir::Cache "${this.state}";
Dir::Cache::archives "${this.debs}/";
APT::Architecture "${this.architecture}";
APT::Sandbox::User "";
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "true";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Debug::NoLocking "true";
`;
  }

  // Two of our own processes may share the cache; flock lets them take turns. Without its Error-Mode, apt would call an
  // update without any answer a success.
  #apt(tool, args, cwd = this.state) {
    const command = [path.join(this.cache, 'apt', 'lock'), tool, '-c', path.join(this.state, 'apt.conf'), ...args];
    try {
      return execFileSync('flock', command, { ...quiet, cwd, maxBuffer: 1 << 28 });
    } catch (error) {
      const stderr = String(error.stderr ?? '').trim();
      const [, uri, reason] = /^E: Failed to fetch (\S+)\s+(.*)$/m.exec(stderr) ?? [];
      if (uri) throw new Error(`cannot fetch ${uri}: ${reason}`, { cause: error });
      const said = stderr.split('\n').slice(-3).join(' / ');
      throw new Error(`${tool} ${args.join(' ')} failed for ${this.suite}: ${said || error.message}`, { cause: error });
    }
  }

  /** Reads the suite's package lists. The first fetch does it by itself; call it for fresh ones. */
  update() {
    const { uri, key } = machineRepository(this.suite);
    const source = [
      'Types: deb',
      `URIs: ${uri}`,
      `Suites: ${this.suite}`,
      'Components: main',
      `Architectures: ${this.architecture}`,
    ];
    if (key) source.push(`Signed-By: ${key}`);
    fs.writeFileSync(path.join(this.state, 'etc', 'vmbus.sources'), `${source.join('\n')}\n`);
    this.#apt('apt-get', ['-q', 'update']);
    this.#updated = true;
  }

  // Listed against an empty archive folder, because apt leaves out of the list what it already has.
  #fetch(list, download, names) {
    if (!this.#updated) this.update();
    const nowhere = ['-o', `Dir::Cache::archives=${this.state}/none/`];
    const lines = this.#apt('apt-get', [...nowhere, ...list, '--print-uris', '-qq', ...names])
      .trim()
      .split('\n');
    const debs = lines.filter((line) => line.startsWith("'")).map((line) => path.join(this.debs, line.split(' ')[1]));
    if (!debs.every((deb) => fs.existsSync(deb))) this.#apt('apt-get', ['-q', ...download, ...names], this.debs);
    return debs;
  }

  /** Fetches packages with all they depend on. @returns {string[]} paths of .deb files */
  withDependencies(...names) {
    return this.#fetch(['install', '-y'], ['install', '-y', '-d'], names);
  }

  /** Fetches just these packages. @returns {string[]} paths of .deb files */
  alone(...names) {
    return this.#fetch(['download'], ['download'], names);
  }

  /** Names of what a package depends on: linux-image-cloud-amd64 tells which kernel it stands for today. */
  dependsOn(name) {
    if (!this.#updated) this.update();
    const text = this.#apt('apt-cache', ['depends', name]);
    return [...text.matchAll(/^ *\|?Depends: ([^<\s]+)/gm)].map((match) => match[1]);
  }

  /** The function `unpack`, for those who have only the class. */
  static unpack(debs, folder) {
    unpack(debs, folder);
  }

  /**
   * The unpacked tree of some packages, fetched on the first call only: later calls ask no network.
   * @param {string} name folder under `<cache>/trees`
   * @param {() => string[]} fetch what to unpack, e.g. `() => packages.withDependencies('clang-19')`
   */
  tree(name, fetch) {
    const to = path.join(this.cache, 'trees', name);
    return fs.existsSync(to) ? to : unpack(fetch(), to);
  }
}

/**
 * Unpacks .deb files into one folder; a folder that exists is taken as complete.
 * @param {string[]} debs
 * @param {string} to
 */
export function unpack(debs, to) {
  if (fs.existsSync(to)) return to;
  const partial = `${to}.${process.pid}.partial`;
  fs.mkdirSync(partial, { recursive: true });
  for (const deb of debs) execFileSync('dpkg-deb', ['-x', deb, partial], quiet);
  const now = new Date();
  fs.utimesSync(partial, now, now); // dpkg-deb gives it the package's date, and what looks unused for long is pruned
  try {
    fs.renameSync(partial, to);
  } catch (error) {
    fs.rmSync(partial, { recursive: true }); // another process was first
    if (!fs.existsSync(to)) throw error;
  }
  return to;
}
