// SPDX-License-Identifier: MIT
//
// Service devices (/dev/vmbus/hv_*) and the served ones of a simulated kernel: whole messages, one opener, ends.

import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { afterEach, beforeEach, test } from 'node:test';
import { binding, EventLog, TestFolder, turn } from './native-pair.js';

const { EADDRINUSE, EBADF, EBUSY, ENODEV, ENOENT, ENOTCONN } = constants.errno;

let folder: TestFolder;
let path: string;
let served: number;
let opens: EventLog<number>;
let asked: EventLog<string>;
const open: number[] = [];

beforeEach(() => {
  folder = new TestFolder();
  path = folder.file('hv_kvp');
  opens = new EventLog();
  asked = new EventLog();
  served = binding.serveService(
    path,
    (isOpen) => opens.push(isOpen),
    (bytes) => asked.push(text(bytes)),
  );
  assert.ok(served > 0, `errno ${-served}`);
});
afterEach(() => {
  for (const handle of open.splice(0)) binding.closeService(handle);
  binding.closeServed(served);
  folder[Symbol.dispose]();
});

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytes = (message: string): Uint8Array => new TextEncoder().encode(message);

/** A guest's end; what it hears, '' for the end. */
function opened(): { readonly handle: number; readonly heard: EventLog<string> } {
  const heard = new EventLog<string>();
  const handle = binding.openService(path, (message) => heard.push(text(message)));
  assert.ok(handle > 0, `errno ${-handle}`);
  open.push(handle);
  return { handle, heard };
}

test('messages pass whole and in order, both ways', async () => {
  const { handle, heard } = opened();
  await opens.reach(1);
  assert.equal(binding.writeService(handle, bytes('register')), 0);
  assert.equal(binding.writeService(handle, bytes('again')), 0);
  await asked.reach(2);
  const long = 'x'.repeat(7432);
  for (const message of ['version', long, 'last']) assert.equal(binding.sendServed(served, bytes(message)), 0);
  await heard.reach(3);

  assert.deepEqual([opens.seen, asked.seen], [[1], ['register', 'again']]);
  assert.deepEqual(heard.seen, ['version', long, 'last']);
});

test('a second opener that speaks at once is told it as well', async () => {
  opened();
  await opens.reach(1);
  const heard = new EventLog<Uint8Array>();
  const second = binding.openService(path, (message) => heard.push(message));
  binding.writeService(second, bytes('register'));
  await heard.reach(2);

  assert.equal(Buffer.from(heard.seen[0] ?? []).readInt32LE(0), EBUSY);
  binding.closeService(second);
});

test('a second opener is told that somebody has it, and the first one hears nothing of it', async () => {
  const first = opened();
  await opens.reach(1);
  const heard = new EventLog<Uint8Array>();
  const second = binding.openService(path, (message) => heard.push(message));
  await heard.reach(2);

  assert.equal(Buffer.from(heard.seen[0] ?? []).readInt32LE(0), EBUSY);
  assert.equal(heard.seen[1]?.length, 0);
  assert.equal(binding.writeService(second, bytes('x')), EBADF);
  binding.closeService(second);
  assert.equal(binding.sendServed(served, bytes('for the first')), 0);
  await first.heard.reach(1);
  assert.deepEqual([first.heard.seen, opens.seen], [['for the first'], [1]]);
});

test('the next opener is served after the first has closed, and hears nothing that was for the first', async () => {
  const first = opened();
  await opens.reach(1);
  binding.writeService(first.handle, bytes('last words'));
  binding.closeService(first.handle);
  const second = opened();
  await opens.reach(3);

  assert.deepEqual([opens.seen, asked.seen], [[1, 0, 1], ['last words']]);
  assert.equal(binding.sendServed(served, bytes('hello')), 0);
  await second.heard.reach(1);
  assert.deepEqual(second.heard.seen, ['hello']);
});

test('a service that is switched off ends what has it open, once, and can be served again', async () => {
  const { handle, heard } = opened();
  await opens.reach(1);
  binding.closeServed(served);
  await heard.reach(1);
  await turn();

  assert.deepEqual(heard.seen, ['']);
  assert.equal(binding.writeService(handle, bytes('x')), EBADF);
  assert.equal(
    binding.openService(path, () => {}),
    -ENOENT,
  );
  served = binding.serveService(
    path,
    (isOpen) => opens.push(isOpen),
    () => {},
  );
  assert.ok(served > 0);
  opened();
  await opens.reach(2);
});

test('nobody is told anything while nobody has it open, and of a device that is closed nothing comes', async () => {
  assert.equal(binding.sendServed(served, bytes('x')), ENOTCONN);
  const { handle, heard } = opened();
  await opens.reach(1);
  assert.equal(binding.sendServed(served, bytes('too late')), 0);
  binding.closeService(handle);
  await opens.reach(2);
  assert.deepEqual(heard.seen, []);
});

test('paths that are no service device are refused', () => {
  writeFileSync(folder.file('file'), 'text');
  mkdirSync(folder.file('folder'));
  assert.equal(
    binding.openService(folder.file('file'), () => {}),
    -ENODEV,
  );
  assert.equal(
    binding.openService(folder.file('folder'), () => {}),
    -ENODEV,
  );
  assert.equal(
    binding.openService(folder.file('none'), () => {}),
    -ENOENT,
  );
  assert.equal(
    binding.serveService(
      path,
      () => {},
      () => {},
    ),
    -EADDRINUSE,
  );
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a message that is longer than any is taken for none: whoever sent it is dropped', async () => {
  const { handle, heard } = opened();
  await opens.reach(1);
  assert.equal(binding.writeService(handle, new Uint8Array(8192)), 0);
  await opens.reach(2);
  await heard.reach(1);
  assert.deepEqual([opens.seen, asked.seen, heard.seen], [[1, 0], [], ['']]);
});

test('a callback may close what it is called for', async () => {
  const log = new EventLog<string>();
  const handle: number = binding.openService(path, (message) => {
    log.push(text(message));
    binding.closeService(handle);
  });
  await opens.reach(1);
  binding.sendServed(served, bytes('one'));
  binding.sendServed(served, bytes('two'));
  await log.reach(1);
  await opens.reach(2);
  assert.deepEqual(log.seen, ['one']);

  const own = folder.file('hv_vss');
  const closing: number = binding.serveService(
    own,
    () => binding.closeServed(closing),
    () => {},
  );
  const ends = new EventLog<string>();
  const guest = binding.openService(own, (message) => ends.push(text(message)));
  await ends.reach(1);
  assert.deepEqual(ends.seen, ['']);
  binding.closeService(guest);
});
