// SPDX-License-Identifier: MIT
// What is said when a mirror has nothing; with the machine's own apt.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { DebianPackages, hasApt } from '../../../scripts/debian-packages.mjs';

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
