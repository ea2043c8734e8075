// SPDX-License-Identifier: MIT
//
// Who locks a pool out of whom: programs that use fcntl, programs that use flock, and other handles of our own.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { makeDeviceNumber } from '../../dist/bus/use/device-number.js';
import { openKvpPool } from '../../dist/index.js';
import { FileLock } from '../../dist/native/file-lock-functions.js';
import { native } from '../../dist/native/load.js';
import { holderIn } from '../../dist/services/kvp/lock-holder.js';
import { compileForeign, makeScene } from './kvp-scene.js';

const foreign = compileForeign();
after(() => foreign?.remove());
const skip = foreign === null ? 'there is no C compiler (cc) to build the foreign program with' : false;
const program = foreign?.program ?? '';
const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted;

/** The foreign program holding a lock until told otherwise. */
async function hold(kind: string, file: string): Promise<{ readonly pid: number; release(): Promise<void> }> {
  const holder = spawn(program, [kind, 'hold', file], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return {
    pid: holder.pid ?? 0,
    release: async () => {
      holder.stdin.end();
      await once(holder, 'close');
    },
  };
}
const canLock = (kind: string, file: string): boolean => spawnSync(program, [kind, 'try', file]).status === 0;

for (const kind of ['fcntl', 'flock']) {
  describe(`a program that locks with ${kind}`, { skip }, () => {
    it('is waited for, and named when that takes too long', async () => {
      using scene = makeScene();
      const holder = await hold(kind, scene.file(1));
      await using pool = await openKvpPool('guest', { root: scene.root, timeoutMs: 60 });
      for (const call of [() => pool.set('a', '1'), () => pool.get('a')]) {
        await assert.rejects(call, (error: unknown) => {
          const { code: found, pid, hint } = (error as { toJSON(): Record<string, unknown> }).toJSON();
          assert.deepEqual(
            [found, pid, hint],
            ['ERR_VMBUS_BUSY', holder.pid, `see what it does: \`ps -fp ${holder.pid}\``],
          );
          return true;
        });
      }
      await using patient = await openKvpPool('guest', { root: scene.root });
      const waiting = patient.set('a', '1');
      await holder.release();
      await waiting;
      assert.deepEqual(scene.records(1), [['a', '1']]);
    });

    it('is locked out during a transaction, also when another descriptor of the file was closed', async () => {
      using scene = makeScene();
      const file = scene.file(1);
      await using pool = await openKvpPool('guest', { root: scene.root });
      const { value } = await pool.transaction(() => {
        // POSIX locks would be lost here, for the whole process.
        closeSync(openSync(file, 'r+'));
        readFileSync(file);
        return canLock(kind, file);
      });

      assert.equal(value, false);
      assert.equal(canLock(kind, file), true);
    });

    it('can be given up on by a signal, and by closing', async () => {
      using scene = makeScene();
      const holder = await hold(kind, scene.file(1));
      const abort = new AbortController();
      await using pool = await openKvpPool('guest', { root: scene.root, signal: abort.signal });
      const reason = new Error('enough');
      const waiting = assert.rejects(pool.set('a', '1'), reason);
      abort.abort(reason);
      await waiting;

      const closed = await openKvpPool('guest', { root: scene.root });
      const failing = assert.rejects(closed.set('a', '1'), code('ERR_VMBUS_CLOSED'));
      await closed.close();
      await failing;
      await holder.release();
    });
  });
}

describe('locks', () => {
  it('of two descriptors in one process exclude each other, shared ones do not', () => {
    using scene = makeScene();
    const { lockRecords, lockFile } = native();
    for (const lock of [lockRecords, lockFile]) {
      const [a, b] = [openSync(scene.file(1), 'r+'), openSync(scene.file(1), 'r+')];
      assert.equal(lock(a, FileLock.shared), 0);
      assert.equal(lock(b, FileLock.shared), 0);
      assert.equal(lock(b, FileLock.exclusive), -11);
      assert.equal(lock(a, FileLock.none), 0);
      assert.equal(lock(b, FileLock.exclusive), 0);
      assert.equal(lock(a, FileLock.shared), -11);
      closeSync(b);
      assert.equal(lock(a, FileLock.exclusive), 0);
      closeSync(a);
    }
  });

  it('answer an errno for what is no descriptor', () => {
    const { lockRecords, lockFile } = native();
    for (const lock of [lockRecords, lockFile]) {
      assert.equal(lock(1_000_000, FileLock.exclusive), -9);
      assert.throws(() => lock(-1, FileLock.shared), TypeError);
      assert.throws(() => lock(1, 3), TypeError);
    }
  });

  it('are known by their lines in /proc/locks', () => {
    const text = [
      '1: POSIX  ADVISORY  WRITE 317 08:01:42 0 EOF',
      '2: OFDLCK ADVISORY  WRITE -1 08:01:43 0 EOF',
      '2: -> POSIX  ADVISORY  WRITE 318 08:01:43 0 EOF',
      '3: FLOCK  ADVISORY  WRITE 319 08:01:44 0 EOF',
    ].join('\n');
    const device = makeDeviceNumber(8, 1);

    assert.deepEqual(
      [42, 43, 44, 45].map((inode) => holderIn(text, device, inode)),
      [317, null, 319, null],
    );
  });
});
