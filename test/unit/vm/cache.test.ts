// SPDX-License-Identifier: MIT
// Proves that the lab's cache keeps what is used, drops the rest, and lets one run at a time fill it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { buildFile, prune, touch, withLock } from '../../vm/lab/cache.js';

const MEBIBYTE = 2 ** 20;
const DAY_SECONDS = 86_400;
let folder = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vmbus-cache-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function entry(name: string, ageSeconds: number, size = MEBIBYTE): void {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, Buffer.alloc(size, 1));
  const used = Date.now() / 1000 - ageSeconds;
  fs.utimesSync(file, used, used);
}

test('what nobody used for two weeks is removed', () => {
  entry('images/old.cpio', 15 * DAY_SECONDS);
  entry('images/new.cpio', 13 * DAY_SECONDS);

  assert.deepEqual(prune(folder), ['images/old.cpio']);
});

test('the longest unused go first until the size fits', () => {
  entry('snapshots/a.state', 3 * DAY_SECONDS, 4 * MEBIBYTE);
  entry('snapshots/b.state', 2 * DAY_SECONDS, 4 * MEBIBYTE);
  entry('images/c.cpio', DAY_SECONDS, 4 * MEBIBYTE);

  assert.deepEqual(prune(folder, 9 * MEBIBYTE), ['snapshots/a.state']);
});

test('what was used just now stays, however big it is', () => {
  entry('snapshots/a.state', 60, 4 * MEBIBYTE);

  assert.deepEqual(prune(folder, MEBIBYTE), []);
});

test('what a dead run left unfinished is removed after a while, and folders go as a whole', () => {
  entry('images/x.cpio.123-1.part', 3600);
  entry('images/y.cpio.124-1.part', 60);
  entry('trees/z/file', 0);
  const long = Date.now() / 1000 - 20 * DAY_SECONDS;
  fs.utimesSync(path.join(folder, 'trees/z'), long, long);

  assert.deepEqual(prune(folder).sort(), ['images/x.cpio.123-1.part', 'trees/z']);
});

test('using an entry keeps it', () => {
  entry('images/old.cpio', 15 * DAY_SECONDS);

  assert.equal(touch(path.join(folder, 'images/old.cpio')), true);
  assert.equal(touch(path.join(folder, 'images/none.cpio')), false);
  assert.deepEqual(prune(folder), []);
});

test('a file whose making fails does not appear, and leaves nothing behind', () => {
  const file = path.join(folder, 'images', 'broken.cpio');

  assert.throws(
    () =>
      buildFile(file, (unfinished) => {
        fs.writeFileSync(unfinished, 'half');
        throw new Error('disk on fire');
      }),
    /disk on fire/,
  );
  assert.deepEqual(fs.readdirSync(path.join(folder, 'images')), []);
});

test('only one at a time works under the lock, and an error frees it', async () => {
  const order: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    order.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${name} ends`);
    throw new Error(name);
  };

  const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => withLock(folder, work(name))));

  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  for (let i = 0; i < order.length; i += 2) assert.equal(order[i]?.replace('begins', 'ends'), order[i + 1]);
  assert.equal(order.length, 6);
});
