// SPDX-License-Identifier: MIT
// Proves that the lock of a device has one holder, whatever the steps in which three processes take over a dead one's.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, test } from 'node:test';
import { withLock, withLockSync } from '../../dist/bus/binding/lock.js';
import { type Guid, parseGuid } from '../../dist/guid.js';
import { bindings, Scene, withCode } from './bus-scene.js';

/** Runs `work`, and `between` before each of its synchronous calls that name a lock; told how many there were before. */
function interleave(work: () => void, between: (call: number) => void): number {
  const { writeFileSync, linkSync, openSync, renameSync, rmSync } = fs;
  const originals = { writeFileSync, linkSync, openSync, renameSync, rmSync };
  let calls = 0;
  for (const [name, given] of Object.entries(originals)) {
    const original = given as (...args: unknown[]) => unknown;
    const wrapped = (...args: unknown[]): unknown => {
      if (String(args[0]).includes('.lock')) between(calls++);
      return original(...args);
    };
    Object.assign(fs, { [name]: wrapped });
  }
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    Object.assign(fs, originals);
    syncBuiltinESMExports();
  }
  return calls;
}

const dead = { pid: process.pid, pidStart: 1, bootId: 'another' };
const numbered = (use: string): string => JSON.stringify({ ...dead, use });
const uses = ['11111111-0000-4000-8000-000000000001', '11111111-0000-4000-8000-000000000002'] as const;
/** What dead processes can leave, by what follows the name of the lock. */
const leftovers = {
  nothing: {},
  'a lock': { '': JSON.stringify(dead) },
  'an empty lock': { '': '' },
  'a lock and an heir': { '': numbered(uses[0]), [`.after.${uses[0]}`]: numbered(uses[1]) },
  'an heir of nobody': { [`.after.${uses[0]}`]: numbered(uses[1]) },
} as const;
/** What was left, and what two others do while the first takes the lock: keep it, or let it go at once. */
const cases = [
  ['nothing', 'hold', 'hold'],
  ['a lock', 'hold', 'hold'],
  ['a lock', 'hold', 'pass'],
  ['a lock', 'pass', 'hold'],
  ['an empty lock', 'hold', 'hold'],
  ['a lock and an heir', 'hold', 'hold'],
  ['a lock and an heir', 'pass', 'hold'],
  ['an heir of nobody', 'hold', 'pass'],
] as const;

/** Several who want the lock of one device, and the most who had it at a time. */
class Contest {
  most = 0;
  readonly done: Promise<void>[] = [];
  end: () => void = () => {};
  readonly #root: string;
  readonly #device: Guid;
  #inside = 0;
  readonly #ended = new Promise<void>((resolve) => {
    this.end = resolve;
  });

  constructor(root: string, device: Guid) {
    this.#root = root;
    this.#device = device;
  }

  /** Takes the lock, and keeps it until the contest ends; who does not get it at once waits. */
  readonly hold = (): void => {
    const work = async (): Promise<void> => {
      this.#enter();
      await this.#ended;
      this.#inside--;
    };
    this.done.push(withLock(this.#root, this.#device, work));
  };

  /** Takes the lock and lets it go again, if nobody has it. */
  readonly pass = (): void => {
    const work = (): void => {
      this.#enter();
      this.#inside--;
    };
    withLockSync(this.#root, this.#device, work);
  };

  #enter(): void {
    this.most = Math.max(this.most, ++this.#inside);
  }
}

describe('of three who want the lock at once, one has it', () => {
  for (const [what, second, third] of cases) {
    test(`over ${what}, when the second would ${second} it and the third ${third} it, in every order of steps`, async () => {
      await using scene = await Scene.make();
      const contests: Contest[] = [];
      let calls = 1;
      for (let first = 0; first < calls; first++) {
        for (let next = first + 1; next <= calls; next++) {
          const device = parseGuid(`52510a2d-0000-4000-8000-${String(contests.length).padStart(12, '0')}`);
          const lock = `${bindings}/${device}.lock`;
          for (const [end, text] of Object.entries(leftovers[what])) scene.tree.write(`${lock}${end}`, text);
          const contest = new Contest(scene.tree.root, device);
          contests.push(contest);
          const made = interleave(contest.hold, (call) => {
            if (call === first) contest[second]();
            if (call === next) contest[third]();
          });
          calls = Math.max(calls, Math.min(made, 16));
          contest.hold();
          await new Promise((resolve) => setImmediate(resolve));
          contest.end();
          assert.equal(contest.most, 1, `before steps ${first} and ${next}`);
        }
      }
      await Promise.all(contests.flatMap(({ done }) => done));

      assert.deepEqual([...new Set(contests.map(({ most }) => most))], [1]);
      assert.deepEqual(scene.records, []);
    });
  }
});

test('releasing leaves a lock that is another process’s by now', async () => {
  await using scene = await Scene.make();
  const { id } = scene.device;
  const entry = `${bindings}/${id}.lock`;
  // Somebody removed the file by hand, and somebody else took the lock.
  const other = JSON.stringify({ pid: process.ppid, pidStart: 0, bootId: 'x', use: uses[0] });
  await withLock(scene.tree.root, id, async () => {
    scene.tree.remove(entry);
    scene.tree.write(entry, other);
  });

  assert.deepEqual(scene.records, [`${id}.lock`]);
  assert.equal(fs.readFileSync(scene.tree.path(entry), 'utf8'), other);
});

test('a lock that can not be written is a storage error that names its folder', async () => {
  await using scene = await Scene.make();
  scene.tree.write(bindings, 'in the way');

  await assert.rejects(
    withLock(scene.tree.root, scene.device.id, async () => {}),
    withCode('ERR_VMBUS_SYSTEM', /run\/vmbus/),
  );
});
