// SPDX-License-Identifier: MIT
//
// Several writers of one pool: ours in two processes beside one that uses only fcntl or only flock; and writers that are
// killed. More operations: KVP_WRITES=100000 node --test dist-test/process/kvp-writers.test.js

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openKvpPool } from '../../dist/index.js';
import { decodeKvpPool } from '../../dist/protocol/kvp-pool.js';
import { compileForeign, type KvpScene, makeScene } from './kvp-scene.js';

const writes = Number(process.env.KVP_WRITES ?? '150');
const child = fileURLToPath(new URL('./kvp-writer-child.js', import.meta.url));
const foreign = compileForeign();
after(() => foreign?.remove());
const skip = foreign === null ? 'there is no C compiler (cc) to build the foreign writer with' : false;

/** Runs a program to its end; it must end well. */
async function finish(program: string, args: readonly string[]): Promise<void> {
  const running = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = (await once(running, 'close')) as [number | null];
  assert.equal(status, 0, `${program} ${args[0]}`);
}

const whole = (value: string | null): boolean => {
  const [, n = '', digits = ''] = /^(\d+):(\d*)$/.exec(value ?? '') ?? [];
  return value === `${n}:${digits}` && digits === String(Number(n) % 10).repeat((Number(n) * 37) % 900);
};

/** The values by key; fails for a record that is torn, damaged or there twice. */
function sound(scene: KvpScene): Map<string, string> {
  assert.equal(statSync(scene.file(1)).size % 2560, 0);
  const values = new Map<string, string>();
  for (const { key, value, problems } of decodeKvpPool(readFileSync(scene.file(1))).records) {
    assert.deepEqual(problems, []);
    assert.ok(key !== null && value !== null && !values.has(key), `${key} is there twice`);
    assert.ok(whole(value), `${key} is torn: ${value}`);
    values.set(key, value);
  }
  return values;
}

describe('writers of one pool', () => {
  for (const kind of ['fcntl', 'flock']) {
    it(`lose, tear and double nothing: ours in two processes, one that uses ${kind}`, { skip }, async () => {
      using scene = makeScene();
      const ours = ['one', 'two'].map((name) =>
        finish(process.execPath, [child, 'count', scene.root, name, String(writes)]),
      );
      const theirs = finish(foreign?.program ?? '', [kind, 'write', scene.file(1), 'theirs', String(writes)]);
      await Promise.all([...ours, theirs]);

      const values = sound(scene);
      const counts = ['one', 'two', 'theirs', 'shared'].map((key) => Number.parseInt(values.get(key) ?? '', 10));
      assert.deepEqual(counts, [writes, writes, writes, 3 * writes]);
    });
  }
});

describe('a writer that is killed', () => {
  const before = ['a0', 'b1', 'c2', 'd3', 'e4', 'f5', 'g6'].map((key) => [key, 'old'] as const);
  const allowed: Readonly<Record<string, readonly (string | undefined)[]>> = {
    ...Object.fromEntries(['a0', 'd3', 'f5'].map((key) => [key, ['old']])),
    ...Object.fromEntries(['b1', 'e4'].map((key) => [key, ['old', undefined]])),
    ...Object.fromEntries(['c2', 'g6'].map((key) => [key, ['old', 'new']])),
    added: [undefined, 'new'],
  };

  it('at any step of a rewrite loses no key, and the next writer repairs what it left', async () => {
    let steps = 0;
    for (let isKilled = true; isKilled; steps++) {
      using scene = makeScene();
      scene.put(1, ...before);
      const running = spawn(process.execPath, [child, 'die', scene.root, String(steps)], { stdio: 'inherit' });
      const [status, signal] = (await once(running, 'close')) as [number | null, NodeJS.Signals | null];
      isKilled = signal === 'SIGKILL';
      if (!isKilled) assert.equal(status, 0);

      await using pool = await openKvpPool('guest', { root: scene.root });
      for (const [key, values] of Object.entries(allowed)) {
        const value = (await pool.get(key)) ?? undefined;
        assert.ok(values.includes(value), `killed before step ${steps}: ${key} is ${value}`);
      }
      // Nor a key that was never set, made of two.
      for (const { key } of await pool.entries()) assert.ok(key === '' || key in allowed, key);
      await pool.set('after', 'x');
      const { records, tailBytes } = await pool.read();
      assert.equal(tailBytes, 0);
      assert.deepEqual(
        records.flatMap(({ problems }) => problems),
        [],
      );
    }
    assert.ok(steps > 15, `only ${steps} steps`);
  });

  it('in the middle of it leaves every value whole, and no lock', async () => {
    for (let i = 0; i < 6; i++) {
      using scene = makeScene();
      const running = spawn(process.execPath, [child, 'churn', scene.root], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(running.stdout, 'data');
      await pause(Math.random() * 30);
      running.kill('SIGKILL');
      await once(running, 'close');

      await using pool = await openKvpPool('guest', { root: scene.root, timeoutMs: 1000 });
      const entries = new Map((await pool.entries()).map(({ key, value }) => [key, value]));
      for (let k = 0; k < 8; k++) assert.ok(whole(entries.get(`k${k}`) ?? null), `k${k} is ${entries.get(`k${k}`)}`);
      for (const value of entries.values()) assert.ok(whole(value), value);
      await pool.set('after', '0:');
      assert.equal((await pool.read()).records.filter(({ problems }) => problems.length > 0).length, 0);
    }
  });
});
