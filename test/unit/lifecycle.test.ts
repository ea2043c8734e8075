// SPDX-License-Identifier: MIT
//
// What happens to a guest, as its clocks and the login manager tell it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LifecycleEvent, lifecycle } from '../../dist/index.js';
import { ClockWatch, type LifeClocks } from '../../dist/services/lifecycle/clock-watch.js';
import { newsIn } from '../../dist/services/lifecycle/logind.js';
import { makeRoot } from './doctor-root.js';

class Clocks implements LifeClocks {
  wall = 1_800_000_000_000;
  monotonic = 50_000;
  boot: number | null = 50_000;
  pass(ms: number, sleptMs = 0): void {
    this.wall += ms + sleptMs;
    this.monotonic += ms;
    if (this.boot !== null) this.boot += ms + sleptMs;
  }
  wallMs = (): number => this.wall;
  monotonicMs = (): number => this.monotonic;
  bootMs = (): number | null => this.boot;
}

describe('clocks', () => {
  const watched = (): { clocks: Clocks; watch: ClockWatch } => {
    const clocks = new Clocks();
    return { clocks, watch: new ClockWatch(clocks, 500) };
  };

  it('that go on as they should tell nothing, however long nobody looked', () => {
    const { clocks, watch } = watched();
    for (const ms of [0, 1000, 86_400_000]) {
      clocks.pass(ms);
      assert.deepEqual(watch.look(), []);
    }
  });

  it('tell once that one was set, forth or back', () => {
    const { clocks, watch } = watched();
    clocks.pass(1000);
    clocks.wall += 3_600_000;
    assert.deepEqual(watch.look(), [{ kind: 'time-jump', jumpMs: 3_600_000 }]);
    assert.deepEqual(watch.look(), []);
    clocks.wall -= 600;
    assert.deepEqual(watch.look(), [{ kind: 'time-jump', jumpMs: -600 }]);
  });

  it('do not make a jump of a clock that is turned slowly', () => {
    const { clocks, watch } = watched();
    for (let i = 0; i < 100; i++) {
      clocks.pass(1000);
      clocks.wall += 400;
      assert.deepEqual(watch.look(), []);
    }
  });

  it('tell sleep from a jump, and one with the other', () => {
    const { clocks, watch } = watched();
    clocks.pass(1000, 60_000);
    assert.deepEqual(watch.look(), [{ kind: 'resume', sleptMs: 60_000 }]);
    clocks.pass(1000, 60_000);
    clocks.wall += 5000;
    assert.deepEqual(watch.look(), [
      { kind: 'resume', sleptMs: 60_000 },
      { kind: 'time-jump', jumpMs: 5000 },
    ]);
  });

  it('without the one that goes on in sleep show a jump only', () => {
    const clocks = new Clocks();
    clocks.boot = null;
    const watch = new ClockWatch(clocks, 500);
    clocks.pass(1000, 60_000);
    assert.deepEqual(watch.look(), [{ kind: 'time-jump', jumpMs: 60_000 }]);
  });
});

describe("the login manager's signals", () => {
  const line = (member: string, data: unknown): string =>
    JSON.stringify({
      type: 'signal',
      interface: 'org.freedesktop.login1.Manager',
      member,
      payload: { type: 'b', data: [data] },
    });

  it('are news when something begins, and nothing else is', () => {
    assert.deepEqual(newsIn(line('PrepareForShutdown', true)), { kind: 'shutdown' });
    assert.deepEqual(newsIn(line('PrepareForSleep', true)), { kind: 'sleep' });
    for (const other of [
      line('PrepareForShutdown', false),
      line('SessionNew', true),
      line('toString', true),
      '',
      '{',
      'null',
      '[]',
    ])
      assert.equal(newsIn(other), null, other);
  });
});

describe('a life', () => {
  it('says what it cannot know about a root, and why', async () => {
    const root = makeRoot({});
    await using life = lifecycle({ root });
    const sources = await life.sources;

    assert.deepEqual(
      sources.map(({ kinds, isWatched }) => [kinds[0], isWatched]),
      [
        ['shutdown', false],
        ['time-jump', true],
        ['moved', false],
        ['device-added', false],
      ],
    );
    assert.match(sources[0]?.says ?? '', /not the running system/);
    assert.match(sources[2]?.says ?? '', /no pool autoExternal/);
  });

  it('tells the news of its script, of the kinds that are wanted, and ends with its signal', async () => {
    const stop = new AbortController();
    const life = lifecycle({ root: makeRoot({}), kinds: ['freeze', 'thaw'], signal: stop.signal });
    life.tell({ kind: 'freeze' });
    life.tell({ kind: 'sleep' });
    life.tell({ kind: 'thaw' });
    const told: LifecycleEvent['kind'][] = [];
    for await (const { kind, time } of life) {
      assert.ok(time instanceof Date);
      if (told.push(kind) === 2) stop.abort();
    }

    assert.deepEqual(told, ['freeze', 'thaw']);
    assert.deepEqual(await life.sources, []);
  });

  it('refuses kinds that there are not, with the nearest', () => {
    assert.throws(() => lifecycle({ kinds: ['shutdwn'] as never }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /did you mean shutdown/,
    });
    assert.throws(() => lifecycle({ interval: 5 } as never), TypeError);
  });
});
