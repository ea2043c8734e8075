// SPDX-License-Identifier: MIT
//
// What the host of dynamic memory may ask, and what it is answered.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MemoryOptions, MemoryRequest } from '../../dist/devices/memory.js';
import type { PageRange } from '../../dist/protocol/dynamic-memory.js';
import { keepAlive, open } from './memory-scripted-host.js';

keepAlive();

describe("the host's requests", () => {
  it('are answered with nothing by a handler that answers nothing', async () => {
    const { host, memory } = await open({ onBalloon: () => undefined });
    const requests = memory.requests();

    const first = await host.balloon(2048);
    const second = await host.balloon(4096);

    assert.deepEqual([first.ranges, first.moreToCome, second.ranges], [[], false, []]);
    assert.deepEqual((await requests.next()).value, { kind: 'balloon', askedPages: 2048, givenPages: 0 });
    assert.deepEqual((await requests.next()).value, { kind: 'balloon', askedPages: 4096, givenPages: 0 });
    await memory.close();
  });

  it('are answered with nothing when the host asks although there is no handler', async () => {
    const { host, memory } = await open();

    assert.deepEqual((await host.balloon(1)).ranges, []);
    const added = host.next('hotAddResponse');
    host.say({ kind: 'hotAddRequest', transactionId: 0, range: { firstPage: 5n, pageCount: 5 }, region: null });
    const { pageCount, isSuccess } = await added;

    assert.deepEqual([pageCount, isSuccess], [0, true], 'success with no pages = never');
    await memory.close();
  });

  it('bring pages back to the script only as far as they were given', async () => {
    const back: PageRange[] = [];
    const { host, memory } = await open({
      onBalloon: () => [
        { firstPage: 100n, pageCount: 10 },
        { firstPage: 110n, pageCount: 6 },
      ],
      onUnballoon: ({ ranges }) => void back.push(...ranges),
    });
    await host.balloon(16);
    assert.equal(memory.borrowedPages, 16);

    await host.unballoon({ firstPage: 0n, pageCount: 104 });
    await host.unballoon(
      { firstPage: 104n, pageCount: 12 },
      { firstPage: 104n, pageCount: 12 },
      { firstPage: 0xff_ffff_ffffn, pageCount: 0xff_ffff },
    );

    assert.deepEqual(back, [
      { firstPage: 100n, pageCount: 4 },
      { firstPage: 104n, pageCount: 12 },
    ]);
    assert.equal(memory.borrowedPages, 0);
    assert.equal(memory.stats().ignoredPages, 100 + 12 + 0xff_ffff);
    await memory.close();
  });

  it('answer a returning sequence once, after its last message', async () => {
    const { host, memory } = await open({ onBalloon: () => [{ firstPage: 100n, pageCount: 10 }] });
    await host.balloon(10);

    host.say({
      kind: 'unballoonRequest',
      transactionId: 0,
      moreToCome: true,
      ranges: [{ firstPage: 100n, pageCount: 5 }],
    });
    await host.unballoon({ firstPage: 105n, pageCount: 5 });

    assert.equal(host.all('unballoonResponse').length, 1);
    assert.equal(memory.borrowedPages, 0);
    await memory.close();
  });

  it('are cut into messages of at most 510 ranges, all but the last with more to come', async () => {
    const ranges = Array.from({ length: 1021 }, (_, i) => ({ firstPage: BigInt(1 + i * 2), pageCount: 1 }));
    const { host, memory } = await open({ onBalloon: () => ranges });

    await host.balloon(5000);
    while (host.all('balloonResponse').length < 3) await new Promise(setImmediate);

    const responses = host.all('balloonResponse');
    assert.deepEqual(
      responses.map((response) => [response.ranges.length, response.moreToCome]),
      [
        [510, true],
        [510, true],
        [1, false],
      ],
    );
    assert.equal(memory.borrowedPages, 1021);
    await memory.close();
  });

  for (const [what, answer, code] of [
    ['more pages than asked for', [{ firstPage: 1n, pageCount: 11 }], 'ERR_OUT_OF_RANGE'],
    [
      'a page twice',
      [
        { firstPage: 1n, pageCount: 2 },
        { firstPage: 2n, pageCount: 2 },
      ],
      'ERR_OUT_OF_RANGE',
    ],
    ['frame 0', [{ firstPage: 0n, pageCount: 2 }], 'ERR_OUT_OF_RANGE'],
    ['a frame beyond 40 bits', [{ firstPage: 0xff_ffff_ffffn, pageCount: 2 }], 'ERR_OUT_OF_RANGE'],
    ['a count of 0', [{ firstPage: 5n, pageCount: 0 }], 'ERR_OUT_OF_RANGE'],
    ['a frame that is no bigint', [{ firstPage: 5, pageCount: 1 }], 'ERR_INVALID_ARG_TYPE'],
    ['something else than ranges', 12, 'ERR_INVALID_ARG_TYPE'],
  ] as const) {
    it(`are answered with nothing when the handler gives ${what}, and the service ends with the error`, async () => {
      const { host, memory } = await open({
        onBalloon: (() => answer) as unknown as NonNullable<MemoryOptions['onBalloon']>,
      });

      const response = await host.balloon(10);
      const reason = await memory.closed;

      assert.deepEqual(response.ranges, []);
      assert.deepEqual([reason.by, (reason.error as NodeJS.ErrnoException).code], ['error', code]);
      assert.equal(memory.borrowedPages, 0);
      assert.equal(host.isOpen, false);
    });
  }

  it('reach a failing handler once; its error ends the service and its watchers', async () => {
    const mistake = new Error('handler');
    const { host, memory } = await open({ onBalloon: async () => Promise.reject(mistake) });
    const watching = memory.requests().next();

    assert.deepEqual((await host.balloon(10)).ranges, []);

    await assert.rejects(watching, (error) => error === mistake);
    assert.equal((await memory.closed).error, mistake);
  });

  it('wait in the ring while a handler is busy', async () => {
    let release: () => void = () => {};
    let calls = 0;
    const { host, memory } = await open({
      onBalloon: () => {
        calls += 1;
        return new Promise<undefined>((resolve) => {
          release = () => resolve(undefined);
        });
      },
    });

    const first = host.balloon(1);
    const second = host.balloon(2);
    while (calls === 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.equal(calls, 1);
    release();
    await first;
    while (calls === 1) await new Promise(setImmediate);
    release();
    await second;

    await memory.close();
  });

  it('do not hold up the end: a busy handler is told by its signal, and its late answer is dropped', async () => {
    let signal: AbortSignal | undefined;
    let answer: (ranges: PageRange[]) => void = () => {};
    const { host, memory } = await open({
      onBalloon: (ask) => {
        signal = ask.signal;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    });
    void host.balloon(5);
    while (!signal) await new Promise(setImmediate);

    await memory.close();
    answer([{ firstPage: 1n, pageCount: 1 }]);
    await new Promise(setImmediate);

    assert.equal(signal.aborted, true);
    assert.deepEqual(host.all('balloonResponse'), []);
    assert.equal(memory.borrowedPages, 0);
  });

  it('may close the service from inside a handler', async () => {
    const { host, memory } = await open({
      onBalloon: async () => {
        await memory.close();
        return [];
      },
    });
    void host.balloon(5);

    assert.equal((await memory.closed).by, 'user');
  });

  it('bring hot-added ranges to the handler, and its answer to the host', async () => {
    const range = { firstPage: 0x8_0000n, pageCount: 0x8000 };
    const answers: (number | 'never')[] = [0x8000, 0x10, 0, 'never'];
    const { host, memory } = await open({ onHotAdd: () => answers.shift() ?? 0 });
    const requests = memory.requests();

    const seen: [number, boolean][] = [];
    for (let i = 0; i < 4; i += 1) {
      const response = host.next('hotAddResponse');
      host.say({ kind: 'hotAddRequest', transactionId: i, range, region: range });
      const { pageCount, isSuccess } = await response;
      seen.push([pageCount, isSuccess]);
    }

    assert.deepEqual(seen, [
      [0x8000, true],
      [0x10, true],
      [0, false],
      [0, true],
    ]);
    assert.deepEqual((await requests.next()).value, { kind: 'hotAdd', range, addedPages: 0x8000, isRefused: false });
    await memory.close();
  });

  it('for a range outside its own region, or none at all, never reach the handler', async () => {
    const { host, memory } = await open({ onHotAdd: () => assert.fail('must not be asked') });
    const bad: [PageRange, PageRange | null][] = [
      [
        { firstPage: 10n, pageCount: 10 },
        { firstPage: 10n, pageCount: 9 },
      ],
      [{ firstPage: 10n, pageCount: 0 }, null],
      [{ firstPage: 0xff_ffff_ffffn, pageCount: 2 }, null],
    ];
    for (const [range, region] of bad) {
      const response = host.next('hotAddResponse');
      host.say({ kind: 'hotAddRequest', transactionId: 0, range, region });
      assert.equal((await response).pageCount, 0);
    }
    await memory.close();
  });

  it('include the most pages the machine can have', async () => {
    const { host, memory } = await open();
    const requests = memory.requests();
    host.say({ kind: 'info', transactionId: 0, infoType: 0, data: Uint8Array.of(0, 0, 16, 0, 0, 0, 0, 0) });
    host.say({ kind: 'info', transactionId: 0, infoType: 9, data: new Uint8Array(3) });

    const seen: MemoryRequest[] = [];
    for await (const request of requests) if (seen.push(request) === 2) break;

    assert.deepEqual(seen, [
      { kind: 'info', maxPages: 0x10_0000 },
      { kind: 'info', maxPages: null },
    ]);
    assert.equal(memory.inspect().maxPages, 0x10_0000);
    await memory.close();
  });

  it('that never finish a returning sequence are counted as abandoned', async () => {
    const { host, memory } = await open({ sequenceTimeoutMs: 1 });
    const requests = memory.requests();

    host.say({ kind: 'unballoonRequest', transactionId: 0, moreToCome: true, ranges: [] });

    assert.equal((await requests.next()).value.kind, 'unballoon');
    assert.deepEqual((await requests.next()).value, { kind: 'unballoonAbandoned' });
    assert.equal(memory.stats().abandonedSequences, 1);
    assert.deepEqual(host.all('unballoonResponse'), []);
    await memory.close();
  });

  it('lose their oldest entries for a watcher that does not keep up, counted', async () => {
    const { host, memory } = await open();
    const requests = memory.requests();
    for (let i = 0; i < 300; i += 1) host.say({ kind: 'info', transactionId: 0, infoType: 1, data: new Uint8Array() });
    await host.balloon(1);

    while (memory.stats().requestsDropped < 45) await new Promise(setImmediate);
    assert.equal(memory.stats().requestsDropped, 301 - 256);
    await memory.close();
    let left = 0;
    for await (const _ of requests) left += 1;
    assert.equal(left, 256);
  });
});
