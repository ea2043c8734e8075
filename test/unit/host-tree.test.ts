// SPDX-License-Identifier: MIT
//
// The folder of a simulated host, its uevents, and its write-only files.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { serveControl } from '../../dist/host/local/control.js';
import { Numbers } from '../../dist/host/local/numbers.js';
import { Tree } from '../../dist/host/local/tree.js';
import { encodeUevent, UeventServer } from '../../dist/host/local/uevents.js';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'vmbus-test-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

describe('the tree', () => {
  it('refuses a folder that is not empty, and leaves it as it is', () => {
    writeFileSync(join(parent, 'mine'), 'precious');

    assert.throws(() => new Tree(parent), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(readFileSync(join(parent, 'mine'), 'utf8'), 'precious');
  });

  it('refuses a path that is too long for sockets, and removes what it made', () => {
    const long = join(parent, 'x'.repeat(80));

    assert.throws(() => new Tree(long), { code: 'ERR_INVALID_ARG_VALUE', message: /shorter/ });
    assert.equal(existsSync(long), false);
  });

  it('never writes outside its root', () => {
    const tree = new Tree(join(parent, 'root'));

    for (const entry of ['../out', 'sys/../../out', '/out']) {
      assert.throws(() => tree.put(entry, 'x'), { code: 'ERR_INVALID_ARG_VALUE' }, entry);
    }
    assert.deepEqual(readdirSync(parent), ['root']);
  });

  it('replaces a file whole, so that a reader never sees a part', () => {
    const tree = new Tree(join(parent, 'root'));
    tree.folder('sys');
    tree.put('sys/state', '2\n');
    const before = statSync(tree.path('sys/state')).ino;

    tree.put('sys/state', '2\n');
    assert.equal(statSync(tree.path('sys/state')).ino, before);
    tree.put('sys/state', '3\n');

    assert.notEqual(statSync(tree.path('sys/state')).ino, before);
    assert.equal(tree.read('sys/state'), '3\n');
    assert.equal(statSync(tree.path('sys/state')).mode & 0o777, 0o444);
  });

  it('writes files of others in place', () => {
    const tree = new Tree(join(parent, 'root'));
    tree.putInPlace('cpu', '0\n');
    const before = statSync(tree.path('cpu')).ino;

    tree.putInPlace('cpu', '1\n');

    assert.equal(statSync(tree.path('cpu')).ino, before);
    assert.equal(tree.read('cpu'), '1\n');
  });

  it('makes relative links and forgets what it removed', () => {
    const tree = new Tree(join(parent, 'root'));
    tree.folder('sys/devices/a');
    tree.folder('sys/bus/devices');
    tree.put('sys/devices/a/id', '1\n');

    tree.link('sys/bus/devices/a', 'sys/devices/a');
    assert.equal(readlinkSync(tree.path('sys/bus/devices/a')), '../../devices/a');
    tree.remove('sys/devices/a');
    tree.folder('sys/devices/a');
    tree.put('sys/devices/a/id', '1\n');

    assert.equal(tree.read('sys/bus/devices/a/id'), '1\n');
  });

  it('removes a folder that it made, and empties one that it was given', () => {
    const made = new Tree(join(parent, 'made'));
    const given = new Tree(mkdtempSync(join(parent, 'given-')));
    given.folder('sys/bus');

    made.dispose();
    given.dispose();

    assert.equal(existsSync(made.root), false);
    assert.deepEqual(readdirSync(given.root), []);
  });
});

describe('uevents', () => {
  it('are texts as the kernel broadcasts them', () => {
    const bytes = encodeUevent(
      { action: 'add', devpath: '/devices/x', subsystem: 'vmbus', variables: { MODALIAS: 'vmbus:00' } },
      7,
    );

    assert.equal(
      Buffer.from(bytes).toString(),
      'add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=vmbus\0MODALIAS=vmbus:00\0SEQNUM=7\0',
    );
  });

  it('reach every listener in order, each ended by one more zero', async () => {
    const path = join(parent, 'uevents');
    const server = await UeventServer.listen(path);
    const listener = connect(path);
    await once(listener, 'connect');
    // The server knows of the listener once it has accepted; a uevent before that is for nobody.
    await new Promise(setImmediate);
    await new Promise(setImmediate);

    server.send({ action: 'add', devpath: '/a', subsystem: 'uio' });
    server.send({ action: 'remove', devpath: '/a', subsystem: 'uio' });
    server.close();

    let text = '';
    listener.on('data', (chunk) => {
      text += chunk.toString();
    });
    await once(listener, 'end');
    const messages = text.split('\0\0').filter((message) => message !== '');
    assert.deepEqual(
      messages.map((message) => message.split('\0')[0]),
      ['add@/a', 'remove@/a'],
    );
    assert.deepEqual(
      messages.map((message) => /SEQNUM=(\d+)/.exec(message)?.[1]),
      ['1', '2'],
    );
    listener.destroy();
  });
});

describe('a write-only file', () => {
  async function write(path: string, text: string): Promise<string> {
    const socket = connect({ path, allowHalfOpen: true });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.end(text);
    await once(socket, 'end');
    socket.destroy();
    return answer;
  }

  it('answers the errno of the handler in decimal', async () => {
    const path = join(parent, 'bind');
    const seen: string[] = [];
    const server = await serveControl(path, (text) => {
      seen.push(text);
      return seen.length === 1 ? 0 : 16;
    });

    assert.equal(await write(path, 'one\n'), '0');
    assert.equal(await write(path, 'two'), '16');
    assert.deepEqual(seen, ['one\n', 'two']);
    assert.equal(lstatSync(path).isSocket(), true);
    assert.equal(lstatSync(path).mode & 0o777, 0o200);
    server.close();
  });

  it('refuses more than a page without asking the handler', async () => {
    const path = join(parent, 'new_id');
    const server = await serveControl(path, () => 0);

    assert.equal(await write(path, 'x'.repeat(5000)), '22');
    server.close();
  });
});

describe('numbers', () => {
  it('are handed out lowest first and used again', () => {
    const numbers = new Numbers(1);

    assert.deepEqual([numbers.take(), numbers.take(), numbers.take()], [1, 2, 3]);
    numbers.give(2);

    assert.deepEqual([numbers.take(), numbers.take()], [2, 4]);
  });
});
