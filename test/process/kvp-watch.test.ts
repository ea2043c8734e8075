// SPDX-License-Identifier: MIT
//
// Changes of a pool as they happen, waiting for a key, and values that take several records.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { type KvpChange, type KvpPool, openKvpPool } from '../../dist/index.js';
import { splitParts } from '../../dist/protocol/kvp-parts.js';
import { makeScene } from './kvp-scene.js';

const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted;

/** Starts to watch, and answers only once the first look was taken. */
async function watching(pool: KvpPool, signal?: AbortSignal): Promise<() => Promise<KvpChange | undefined>> {
  const changes = pool.watch(signal ? { signal } : {});
  const first = changes.next();
  // The first look is done when a read that was asked for later is.
  await pool.read();
  await pool.read();
  let pending: Promise<IteratorResult<KvpChange>> | null = first;
  return async () => {
    const { done, value } = await (pending ?? changes.next());
    pending = null;
    return done ? undefined : value;
  };
}

describe('a watcher', () => {
  it('sees what other writers set and delete', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1'], ['b', '2']);
    await using pool = await openKvpPool('guest', { root: scene.root });
    await using writer = await openKvpPool('guest', { root: scene.root });
    const next = await watching(pool);

    await writer.set('c', '3');
    assert.deepEqual(await next(), { kind: 'set', key: 'c', value: '3', previous: null });
    await writer.transaction((tx) => {
      tx.set('a', '10');
      tx.delete('b');
    });
    assert.deepEqual(await next(), { kind: 'deleted', key: 'b', previous: '2' });
    assert.deepEqual(await next(), { kind: 'set', key: 'a', value: '10', previous: '1' });
  });

  it('is told what vanished when cloud-init cuts the file to nothing', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1'], ['b', '2']);
    await using pool = await openKvpPool('guest', { root: scene.root });
    const next = await watching(pool);

    truncateSync(scene.file(1), 0);
    const vanished = [
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ];
    assert.deepEqual(await next(), { kind: 'truncated', vanished, isFileGone: false });
  });

  it('is told of the truncation also when new keys came right after it', async () => {
    using scene = makeScene();
    scene.put(1, ['a', '1']);
    await using pool = await openKvpPool('guest', { root: scene.root });
    const next = await watching(pool);

    scene.put(1, ['b', '2']);
    assert.equal((await next())?.kind, 'truncated');
    assert.deepEqual(await next(), { kind: 'set', key: 'b', value: '2', previous: null });
  });

  it('waits for a file, and a folder, that are not there yet, and outlives them', async () => {
    using scene = makeScene({ pools: [] });
    await using pool = await openKvpPool('guest', { root: scene.root });
    const next = await watching(pool);

    mkdirSync(path.dirname(scene.file(1)), { recursive: true });
    scene.put(1, ['a', '1']);
    assert.deepEqual(await next(), { kind: 'set', key: 'a', value: '1', previous: null });
    rmSync(path.dirname(scene.file(1)), { recursive: true });
    assert.deepEqual(await next(), { kind: 'truncated', vanished: [{ key: 'a', value: '1' }], isFileGone: true });
    mkdirSync(path.dirname(scene.file(1)), { recursive: true });
    scene.put(1, ['a', '2']);
    assert.deepEqual(await next(), { kind: 'set', key: 'a', value: '2', previous: null });
  });

  it('ends quietly by its signal, and when the pool is closed', async () => {
    using scene = makeScene();
    const pool = await openKvpPool('guest', { root: scene.root });
    const abort = new AbortController();
    const [byAbort, byClose] = [await watching(pool, abort.signal), await watching(pool)];

    abort.abort();
    assert.equal(await byAbort(), undefined);
    await pool.close();
    assert.equal(await byClose(), undefined);
  });

  it('that is slow gets the newest value, not a queue of old ones', async () => {
    using scene = makeScene();
    await using pool = await openKvpPool('guest', { root: scene.root });
    await using writer = await openKvpPool('guest', { root: scene.root });
    const next = await watching(pool);
    await writer.set('a', '0');
    await next();
    for (let i = 1; i <= 20; i++) await writer.set('a', String(i));

    assert.deepEqual(await next(), { kind: 'set', key: 'a', value: '20', previous: '0' });
  });
});

describe('waiting for a key', () => {
  it('ends with its value, at once or when it comes', async () => {
    using scene = makeScene();
    await using pool = await openKvpPool('guest', { root: scene.root });
    const waiting = pool.wait('a');
    const accepted = pool.wait('a', { accept: (value) => value === '2' });
    await pool.set('a', '1');
    assert.equal(await waiting, '1');
    assert.equal(await pool.wait('a'), '1');
    await pool.set('a', '2');
    assert.equal(await accepted, '2');
  });

  it('ends after its time, or by its signal', async () => {
    using scene = makeScene();
    await using pool = await openKvpPool('guest', { root: scene.root });
    await assert.rejects(pool.wait('a', { timeoutMs: 20 }), code('ERR_VMBUS_TIMEOUT'));
    const reason = new Error('enough');
    const abort = new AbortController();
    const waiting = assert.rejects(pool.wait('a', { signal: abort.signal }), reason);
    abort.abort(reason);
    await waiting;
  });
});

describe('a published value', () => {
  const large = (length: number, step: number) => Uint8Array.from({ length }, (_, i) => (i * step) & 0xff);

  it('replaces the one before, and leaves none of its parts', async () => {
    using scene = makeScene();
    scene.put(1, ['mine', 'x'], ['s.7', 'not a part']);
    await using pool = await openKvpPool('guest', { root: scene.root });
    await pool.publish('s', large(3000, 3));
    const { published } = await pool.publish('s', '{"ä":1}');

    const found = await pool.join('s');
    assert.equal(Buffer.from(found.bytes).toString(), '{"ä":1}');
    assert.deepEqual([published.parts, published.sizeBytes, found.sha256], [1, 8, published.sha256]);
    assert.deepEqual(
      scene.records(1).map(([key]) => key),
      ['mine', 's.7', 's.0', 's.meta'],
    );
  });

  it('does not overwrite what somebody else keeps under the key of a part', async () => {
    using scene = makeScene();
    scene.put(1, ['s.0', 'my own']);
    await using pool = await openKvpPool('guest', { root: scene.root });

    await assert.rejects(pool.publish('s', 'x'), code('ERR_VMBUS_IN_USE'));
    assert.deepEqual(scene.records(1), [['s.0', 'my own']]);
  });

  it('that is not there, or not whole, is no value', async () => {
    using scene = makeScene();
    const { records } = splitParts('s', large(2000, 3), '0123456789abcdef');
    scene.put(1, ['plain', 'x'], ...records.filter(([key]) => key !== 's.1'));
    await using pool = await openKvpPool('guest', { root: scene.root });

    await assert.rejects(pool.join('s'), code('ERR_VMBUS_PROTOCOL'));
    await assert.rejects(pool.join('t'), code('ERR_VMBUS_NO_KEY'));
    await assert.rejects(pool.join('plain'), /plain/);
    await assert.rejects(pool.publish('s', 'a\ud800'), code('ERR_INVALID_ARG_VALUE'));
  });

  it('is waited for until its last part is there', async () => {
    using scene = makeScene();
    const bytes = large(2000, 5);
    const { records } = splitParts('s', bytes, '0123456789abcdef');
    await using pool = await openKvpPool('guest', { root: scene.root });
    const waiting = pool.join('s', { wait: true });
    // Last record first: a host writes them one by one, in any order.
    for (const [key, value] of records.toReversed()) await pool.set(key, value);

    assert.equal(Buffer.compare((await waiting).bytes, bytes), 0);
    await assert.rejects(pool.join('t', { wait: true, timeoutMs: 20 }), code('ERR_VMBUS_TIMEOUT'));
  });

  it('of a host may come from a file that appears later', async () => {
    using scene = makeScene({ pools: [] });
    await using pool = await openKvpPool('external', { root: scene.root });
    const waiting = pool.join('s', { wait: true });
    mkdirSync(path.dirname(scene.file(0)), { recursive: true });
    writeFileSync(scene.file(0), '');
    scene.put(0, ...splitParts('s', large(10, 1), '0123456789abcdef').records);

    assert.equal((await waiting).bytes.length, 10);
  });
});
