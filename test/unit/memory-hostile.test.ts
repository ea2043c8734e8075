// SPDX-License-Identifier: MIT
//
// Whatever a host says, in whatever order: the script is told only about pages it gave, each once, and nothing is lost track of.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serveMemory } from '../../dist/devices/memory.js';
import type { MemoryHostMessage, PageRange } from '../../dist/protocol/dynamic-memory.js';
import { Host, keepAlive } from './memory-scripted-host.js';

keepAlive();

const range = fc
  .tuple(fc.bigInt({ min: 0n, max: 400n }), fc.integer({ min: 0, max: 90 }))
  .map(([firstPage, pageCount]): PageRange => ({ firstPage, pageCount }));
const transactionId = fc.nat();
const said: fc.Arbitrary<MemoryHostMessage> = fc.oneof(
  fc
    .tuple(transactionId, fc.nat({ max: 60 }))
    .map(([id, pageCount]): MemoryHostMessage => ({ kind: 'balloonRequest', transactionId: id, pageCount })),
  fc.tuple(transactionId, fc.boolean(), fc.array(range, { maxLength: 4 })).map(
    ([id, moreToCome, ranges]): MemoryHostMessage => ({
      kind: 'unballoonRequest',
      transactionId: id,
      moreToCome,
      ranges,
    }),
  ),
  fc
    .tuple(transactionId, range)
    .map(([id, one]): MemoryHostMessage => ({ kind: 'hotAddRequest', transactionId: id, range: one, region: null })),
  fc
    .tuple(transactionId, fc.boolean())
    .map(([id, isAccepted]): MemoryHostMessage => ({ kind: 'versionResponse', transactionId: id, isAccepted })),
);
const frames = ({ firstPage, pageCount }: PageRange): bigint[] =>
  Array.from({ length: pageCount }, (_, i) => firstPage + BigInt(i));

describe('dynamic memory with any host', () => {
  it('tells the script only about pages that it gave, each once for each time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(said, { maxLength: 30 }), async (messages) => {
        const away = new Set<bigint>();
        let next = 1n;
        const host = new Host();
        const memory = await serveMemory(host.asChannel(), {
          onBalloon: ({ pageCount }) => {
            const given = { firstPage: next, pageCount };
            next += BigInt(pageCount + 1);
            for (const frame of frames(given)) away.add(frame);
            return [given];
          },
          onUnballoon: ({ ranges }) => {
            for (const frame of ranges.flatMap(frames)) assert.ok(away.delete(frame), `page ${frame} was not away`);
          },
          onHotAdd: () => 0,
        });

        for (const message of messages) host.say(message);
        // A last request that needs no handler: once it is answered, everything before it has been.
        host.say({ kind: 'balloonRequest', transactionId: 0, pageCount: 0 });
        const expected = 1 + messages.filter(({ kind }) => kind === 'balloonRequest').length;
        while (host.all('balloonResponse').length < expected) await new Promise(setImmediate);

        assert.equal(memory.borrowedPages, away.size);
        assert.equal(
          host.all('balloonResponse').reduce((sum, { ranges }) => sum + ranges.flatMap(frames).length, 0) >= away.size,
          true,
        );
        await memory.close();
        assert.equal((await memory.closed).by, 'user');
      }),
      { numRuns: 200 },
    );
  });

  it('ends in a clean state after any bytes: alive, or closed by a violation', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), async (payloads) => {
        const host = new Host();
        const memory = await serveMemory(host.asChannel(), { onBalloon: () => undefined });

        for (const payload of payloads) host.deliver(payload);
        const drained = host.next('balloonResponse');
        host.say({ kind: 'balloonRequest', transactionId: 0, pageCount: 0 });
        await Promise.race([drained, memory.closed]);

        if (!memory.isOpen) assert.equal((await memory.closed).by, 'violation');
        await memory.close();
        assert.equal(host.isOpen, false);
      }),
      { numRuns: 300 },
    );
  });
});
