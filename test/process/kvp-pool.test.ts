// SPDX-License-Identifier: MIT
//
// A pool on a real file: what scripts read and write, what they are warned of, and what is refused.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { openKvpPool } from '../../dist/index.js';
import { encodeKvpRecord } from '../../dist/protocol/kvp-pool.js';
import { makeScene } from './kvp-scene.js';

const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted;

describe('a pool', () => {
  it('keeps what is set, in the same file and in the order it came', async () => {
    using scene = makeScene();
    const { ino } = statSync(scene.file(1));
    await using pool = await openKvpPool('guest', { root: scene.root });

    assert.deepEqual(await pool.set('phase', 'boot'), { changed: true, set: ['phase'], deleted: [], warnings: [] });
    await pool.set('größe', '😀');
    await pool.set('phase', 'ready');
    assert.equal((await pool.set('phase', 'ready')).changed, false);

    assert.equal(await pool.get('phase'), 'ready');
    assert.equal(await pool.get('Phase'), null);
    assert.equal(await pool.has('größe'), true);
    assert.deepEqual(await pool.entries(), [
      { key: 'phase', value: 'ready' },
      { key: 'größe', value: '😀' },
    ]);
    const bytes = Buffer.concat([encodeKvpRecord('phase', 'ready'), encodeKvpRecord('größe', '😀')]);
    assert.equal(Buffer.compare(readFileSync(scene.file(1)), bytes), 0);
    assert.equal(statSync(scene.file(1)).ino, ino);
  });

  it('deletes, and clears', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1'], ['b', '2'], ['c', '3']);
    await using pool = await openKvpPool('guest', { root: scene.root, fsync: true });

    assert.deepEqual((await pool.delete('a')).deleted, [{ key: 'a', records: 1 }]);
    assert.equal((await pool.delete('a')).changed, false);
    assert.deepEqual(scene.records(1), [
      ['b', '2'],
      ['c', '3'],
    ]);
    await pool.clear();
    assert.equal(statSync(scene.file(1)).size, 0);
  });

  it('answers with the first of several records with a key, as the daemon does', async () => {
    using scene = makeScene();
    scene.put(1, ['a', 'first'], ['b', '2'], ['a', 'second']);
    await using pool = await openKvpPool('guest', { root: scene.root });

    assert.equal(await pool.get('a'), 'first');
    assert.deepEqual((await pool.read()).duplicates, [{ key: 'a', indexes: [0, 2] }]);
    const { deleted, warnings } = await pool.delete('a');
    assert.deepEqual(deleted, [{ key: 'a', records: 2 }]);
    assert.deepEqual(
      warnings.map(({ kind }) => kind),
      ['duplicates-removed'],
    );
    assert.deepEqual(scene.records(1), [['b', '2']]);
  });

  it('reads around a torn end and a record that is no UTF-8, and repairs the end when it writes', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1'], ['x', '2']);
    const bytes = readFileSync(scene.file(1));
    bytes[2560 + 512] = 0xff;
    writeFileSync(scene.file(1), bytes);
    appendFileSync(scene.file(1), Buffer.alloc(100, 1));
    await using pool = await openKvpPool('guest', { root: scene.root });

    const { tailBytes, records } = await pool.read();
    assert.equal(tailBytes, 100);
    assert.deepEqual(records[1]?.problems, ['value-not-utf8']);
    assert.deepEqual(await pool.entries(), [{ key: 'a', value: '1' }]);
    await assert.rejects(pool.get('x'), code('ERR_VMBUS_PROTOCOL'));
    const { warnings } = await pool.set('b', '3');
    assert.deepEqual(
      warnings.map(({ kind }) => kind),
      ['repaired'],
    );
    assert.equal(statSync(scene.file(1)).size, 3 * 2560);
    assert.equal(readFileSync(scene.file(1))[2560 + 512], 0xff);
  });

  it('refuses what no record holds before anything is written', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1']);
    await using pool = await openKvpPool('guest', { root: scene.root });

    await assert.rejects(
      pool.transaction((tx) => {
        tx.set('b', '2');
        tx.set('c', 'v'.repeat(1023));
      }),
      (error: unknown) => {
        const { code: found, key, units, limit } = (error as { toJSON(): Record<string, unknown> }).toJSON();
        assert.deepEqual([found, key, units, limit], ['ERR_VMBUS_TOO_LARGE', 'c', 1023, 1022]);
        return true;
      },
    );
    assert.deepEqual(scene.records(1), [['a', '1']]);
  });

  it('does several changes at once, and none when the function throws or waits', async () => {
    using scene = makeScene();
    scene.put(1, ['n', '41'], ['old', 'x']);
    await using pool = await openKvpPool('guest', { root: scene.root });

    const done = await pool.transaction((tx) => {
      const next = Number(tx.get('n')) + 1;
      tx.set('n', String(next));
      tx.delete('old');
      return next;
    });
    assert.deepEqual([done.value, done.set, done.deleted], [42, ['n'], [{ key: 'old', records: 1 }]]);

    const boom = new Error('boom');
    await assert.rejects(
      pool.transaction((tx) => {
        tx.clear();
        throw boom;
      }),
      boom,
    );
    await assert.rejects(
      pool.transaction(async (tx) => tx.clear()),
      code('ERR_INVALID_ARG_TYPE'),
    );
    assert.deepEqual(scene.records(1), [['n', '42']]);
  });

  it('works on the file that has the name now, not on one that was replaced', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1']);
    await using pool = await openKvpPool('guest', { root: scene.root });
    await pool.set('a', '2');
    copyFileSync(scene.file(0), `${scene.file(1)}.new`);
    renameSync(`${scene.file(1)}.new`, scene.file(1));

    assert.equal(await pool.get('a'), null);
    await pool.set('b', '3');
    assert.deepEqual(scene.records(1), [['b', '3']]);
  });

  it('is closed once: what was asked for later is refused', async () => {
    using scene = makeScene();
    const pool = await openKvpPool('guest', { root: scene.root });
    await pool.close();
    await pool.close();
    await assert.rejects(pool.get('a'), code('ERR_VMBUS_CLOSED'));
    await assert.rejects(pool.set('a', '1'), code('ERR_VMBUS_CLOSED'));

    const reason = new Error('enough');
    const aborted = await openKvpPool('guest', { root: scene.root, signal: AbortSignal.abort(reason) }).catch((e) => e);
    assert.equal(aborted, reason);
  });
});

describe('the file of a pool', () => {
  it('that is missing is named, with the way to get it', async () => {
    using scene = makeScene({ pools: [] });
    await using pool = await openKvpPool('guest', { root: scene.root });

    for (const call of [() => pool.get('a'), () => pool.entries(), () => pool.set('a', '1')]) {
      await assert.rejects(call, (error: unknown) => {
        const { code: found, hint } = error as { code: string; hint: string };
        assert.equal(found, 'ERR_VMBUS_NO_POOL');
        assert.match(hint, /hv doctor --only kvp/);
        return true;
      });
    }
    assert.equal((await pool.read()).exists, false);
  });

  it('may be missing for the pool 4', async () => {
    using scene = makeScene();
    await using pool = await openKvpPool('autoInternal', { root: scene.root });

    assert.equal(await pool.get('a'), null);
    assert.deepEqual(await pool.entries(), []);
  });

  it('is made as the daemon makes it, and only where told to', async () => {
    using scene = makeScene({ pools: [] });
    const umask = process.umask(0o077);
    try {
      await using pool = await openKvpPool('guest', { root: scene.root, create: true });
      await pool.set('a', '1');
    } finally {
      process.umask(umask);
    }

    assert.equal(statSync(scene.file(1)).mode & 0o777, 0o644);
    assert.equal(statSync(path.dirname(scene.file(1))).mode & 0o777, 0o755);
    assert.deepEqual(scene.records(1), [['a', '1']]);
  });

  it('is never a link, a folder or a pipe', async () => {
    using scene = makeScene();
    const precious = path.join(scene.root, 'precious');
    writeFileSync(precious, 'precious');
    rmSync(scene.file(0));
    symlinkSync(precious, scene.file(0));
    rmSync(scene.file(1));
    mkdirSync(scene.file(1));
    rmSync(scene.file(2));
    execFileSync('mkfifo', [scene.file(2)]);

    for (const name of ['external', 'guest', 'auto'] as const) {
      await using pool = await openKvpPool(name, { root: scene.root });
      await assert.rejects(pool.set('a', '1'), code('ERR_VMBUS_SYSTEM'), name);
      await assert.rejects(pool.read(), code('ERR_VMBUS_SYSTEM'), name);
    }
    await using made = await openKvpPool('external', { root: scene.root, create: true });
    await assert.rejects(made.set('a', '1'), /symbolic link/);
    assert.equal(readFileSync(precious, 'utf8'), 'precious');
  });

  it('is not looked for outside of the root', async () => {
    using scene = makeScene({ pools: [] });
    using elsewhere = makeScene();
    mkdirSync(path.join(scene.root, 'var/lib'), { recursive: true });
    symlinkSync(path.dirname(elsewhere.file(1)), path.join(scene.root, 'var/lib/hyperv'));

    await using pool = await openKvpPool('guest', { root: scene.root });
    await assert.rejects(pool.read(), /leads out of/);
    await assert.rejects(pool.set('a', '1'), /leads out of/);
    await assert.rejects(openKvpPool('guest', { root: scene.root, create: true }), /leads out of/);
    assert.equal(statSync(elsewhere.file(1)).size, 0);
  });

  it('of a snapshot is only to be read', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1']);
    writeFileSync(path.join(scene.root, 'snapshot.json'), '{}');
    await using pool = await openKvpPool('guest', { root: scene.root });

    assert.equal(await pool.get('a'), '1');
    await assert.rejects(pool.set('a', '2'), code('ERR_VMBUS_UNSUPPORTED'));
  });

  it('can be read where the addon can not be loaded', () => {
    using scene = makeScene();
    scene.put(1, ['a', '1']);
    const program = `
      import { openKvpPool } from '${path.resolve(import.meta.dirname, '../../dist/index.js')}';
      const pool = await openKvpPool('guest', { root: '${scene.root}' });
      console.log(await pool.get('a'), (await pool.read()).isLocked);
      console.log(await pool.set('a', '2').catch(({ code }) => code));`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, VMBUS_NATIVE: '/nowhere' },
      encoding: 'utf8',
    });

    assert.equal(said, '1 false\nERR_VMBUS_NATIVE_LOAD\n');
  });

  it('is as it was when there is no room for more', () => {
    using scene = makeScene();
    scene.put(1, ['a', '1'], ['b', '2']);
    const before = readFileSync(scene.file(1));
    const program = `
      import { openKvpPool } from '${path.resolve(import.meta.dirname, '../../dist/index.js')}';
      const pool = await openKvpPool('guest', { root: '${scene.root}' });
      for (const key of ['c', 'a']) console.log(await pool.set(key, 'x').catch(({ code, errnoName }) => code + ' ' + errnoName));`;
    // Blocks of 512 bytes: two records and a part of a third have room.
    const limited = `trap '' XFSZ; ulimit -f 12; exec "$0" --input-type=module -e "$1"`;
    const said = execFileSync('sh', ['-c', limited, process.execPath, program], { encoding: 'utf8' });

    assert.equal(said, 'ERR_VMBUS_SYSTEM EFBIG\n'.repeat(2));
    assert.equal(Buffer.compare(readFileSync(scene.file(1)), before), 0);
  });

  it('that is cut off while nobody holds the locks is read as it is', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1'], ['b', '2']);
    await using pool = await openKvpPool('guest', { root: scene.root });
    await pool.get('a');
    truncateSync(scene.file(1), 2560);

    assert.deepEqual(await pool.entries(), [{ key: 'a', value: '1' }]);
  });
});

describe('a write warns', () => {
  const kinds = async (key: string, { mode = 0o644, pool: name = 'guest' as 'guest' | 'external' } = {}) => {
    using scene = makeScene();
    scene.put(1, ['phase', 'x']);
    for (const number of [0, 1]) chmodSync(scene.file(number), mode);
    await using pool = await openKvpPool(name, { root: scene.root });
    return (await pool.set(key, 'v')).warnings.map(({ kind }) => kind);
  };

  it('of a secret that everybody may read', async () => {
    for (const key of ['db_password', 'ApiKey', 'join-token', 'CLIENT_SECRET'])
      assert.deepEqual(await kinds(key), ['secret-readable'], key);
    assert.deepEqual(await kinds('db_password', { mode: 0o600 }), []);
    assert.deepEqual(await kinds('keyboard'), []);
  });

  it('of keys that are one for Windows', async () => assert.deepEqual(await kinds('Phase'), ['case-twins']));

  it("of a pool that is the host's", async () =>
    assert.deepEqual(await kinds('phase', { pool: 'external' }), ['not-ours']));
});

it('a pool is opened by a name that there is, with options that there are', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'hv-kvp-'));
  await assert.rejects(openKvpPool('host' as never, { root }), code('ERR_INVALID_ARG_VALUE'));
  await assert.rejects(openKvpPool('guest', { rot: root } as never), /did you mean root/);
  await assert.rejects(openKvpPool('guest', { root, timeoutMs: '5' } as never), code('ERR_INVALID_ARG_TYPE'));
  rmSync(root, { recursive: true });
});
