// SPDX-License-Identifier: MIT
// What is said when a mirror has nothing, and what a tree is unpacked to; with the machine's own apt and dpkg.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { DebianPackages, hasApt, unpack } from '../../../scripts/debian-packages.mjs';

let cache = '';
const before = process.env.VMBUS_DEBIAN_MIRROR;

beforeEach(() => {
  cache = fs.mkdtempSync(path.join(os.tmpdir(), 'vmbus-apt-'));
  process.env.VMBUS_DEBIAN_MIRROR = 'http://127.0.0.1:9/debian'; // the discard port, where nobody listens
});
afterEach(() => {
  if (before === undefined) delete process.env.VMBUS_DEBIAN_MIRROR;
  else process.env.VMBUS_DEBIAN_MIRROR = before;
  fs.rmSync(cache, { recursive: true });
});

// apt tries four times, which takes a few seconds.
test('an update from a mirror that does not answer fails, in one line that names the file', {
  skip: hasApt() ? false : 'no apt here',
}, () => {
  const packages = new DebianPackages({ suite: 'trixie', cache });

  assert.throws(
    () => packages.update(),
    /^Error: cannot fetch http:\/\/127\.0\.0\.1:9\/debian\/dists\/trixie\/InRelease: Could not connect .*$/,
  );
});

test('a tree that was just unpacked is not pruned for the date of its package', {
  skip: hasApt() ? false : 'no dpkg here',
}, () => {
  const source = path.join(cache, 'source');
  fs.mkdirSync(path.join(source, 'DEBIAN'), { recursive: true });
  const control = 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n';
  fs.writeFileSync(path.join(source, 'DEBIAN/control'), control);
  fs.utimesSync(source, 1, 1);
  execFileSync('dpkg-deb', ['-b', source, path.join(cache, 'x.deb')], { stdio: 'ignore' });
  const start = Date.now();

  const tree = unpack([path.join(cache, 'x.deb')], path.join(cache, 'tree'));

  assert.ok(fs.statSync(tree).mtimeMs >= start - 1000); // some file systems count seconds
});
