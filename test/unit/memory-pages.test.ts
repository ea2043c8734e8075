// SPDX-License-Identifier: MIT
//
// The set of pages that are away, against a plain set of numbers; and the figures of a report, against the kernel's own rules.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { committedFloorPages, readMemoryFigures } from '../../dist/devices/memory/figures.js';
import { PageSet } from '../../dist/devices/memory/page-set.js';
import { makeFolder } from './support/make-folder.js';

const frames = ({ firstPage, pageCount }: { firstPage: bigint; pageCount: number }): number[] =>
  Array.from({ length: pageCount }, (_, i) => Number(firstPage) + i);

describe('PageSet', () => {
  it('joins neighbours, so that a host may return them as one range', () => {
    const set = new PageSet();

    assert.equal(set.add({ firstPage: 100n, pageCount: 10 }), true);
    assert.equal(set.add({ firstPage: 120n, pageCount: 10 }), true);
    assert.equal(set.add({ firstPage: 110n, pageCount: 10 }), true);

    assert.equal(set.runCount, 1);
    assert.deepEqual(set.take({ firstPage: 100n, pageCount: 30 }), [{ firstPage: 100n, pageCount: 30 }]);
    assert.equal(set.pageCount, 0n);
  });

  it('refuses a page that it has, and stays as it was', () => {
    const set = new PageSet();
    set.add({ firstPage: 100n, pageCount: 10 });

    assert.equal(set.add({ firstPage: 109n, pageCount: 5 }), false);
    assert.equal(set.pageCount, 10n);
  });

  it('believes only the overlap of what is returned', () => {
    const set = new PageSet();
    set.add({ firstPage: 100n, pageCount: 10 });
    set.add({ firstPage: 200n, pageCount: 10 });

    assert.deepEqual(set.take({ firstPage: 0n, pageCount: 50 }), []);
    assert.deepEqual(set.take({ firstPage: 105n, pageCount: 100 }), [
      { firstPage: 105n, pageCount: 5 },
      { firstPage: 200n, pageCount: 5 },
    ]);
    assert.deepEqual(set.take({ firstPage: 105n, pageCount: 100 }), [], 'a page comes back once');
    assert.equal(set.pageCount, 10n);
  });

  it('cuts a run longer than a range can say', () => {
    const set = new PageSet();
    set.add({ firstPage: 1n, pageCount: 0xff_ffff });
    set.add({ firstPage: 0x100_0000n, pageCount: 0xff_ffff });

    assert.deepEqual(set.take({ firstPage: 1n, pageCount: 0xff_ffff }), [{ firstPage: 1n, pageCount: 0xff_ffff }]);
    assert.equal(set.pageCount, 0xff_ffffn);
  });

  it('agrees with a set of numbers, whatever is added and taken', () => {
    const step = fc.record({
      take: fc.boolean(),
      range: fc.record({ firstPage: fc.bigInt({ min: 0n, max: 60n }), pageCount: fc.integer({ min: 0, max: 12 }) }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const set = new PageSet();
        const model = new Set<number>();
        for (const { take, range } of steps) {
          const wanted = frames(range);
          const present = wanted.filter((frame) => model.has(frame));
          if (take) {
            assert.deepEqual(set.take(range).flatMap(frames), present);
            for (const frame of present) model.delete(frame);
          } else {
            assert.equal(set.add(range), present.length === 0);
            if (present.length === 0) for (const frame of wanted) model.add(frame);
          }
          assert.equal(set.pageCount, BigInt(model.size));
        }
        assert.deepEqual(
          set.take({ firstPage: 0n, pageCount: 100 }).flatMap(frames),
          [...model].sort((a, b) => a - b),
        );
      }),
    );
  });
});

describe('memory figures', () => {
  const mib = (count: number): number => count * 256;

  it("keep the kernel driver's floor, which is continuous at its corners", () => {
    assert.equal(committedFloorPages(0), mib(8));
    assert.equal(committedFloorPages(mib(32)), mib(24));
    assert.equal(committedFloorPages(mib(128)), mib(72));
    assert.equal(committedFloorPages(mib(512)), mib(168));
    assert.equal(committedFloorPages(mib(2048)), mib(360));
    assert.equal(committedFloorPages(mib(8192)), mib(744));
    assert.equal(committedFloorPages(mib(32768)), mib(1512));
  });

  const withMeminfo = (text: string): string => {
    const root = makeFolder();
    mkdirSync(path.join(root, 'proc'));
    writeFileSync(path.join(root, 'proc/meminfo'), text);
    return root;
  };

  it('count what processes were promised, what the host has borrowed, and the floor', () => {
    const root = withMeminfo(
      'MemTotal:        2097152 kB\nMemFree:  40 kB\nMemAvailable:     400 kB\nCommitted_AS:    4000 kB\n',
    );

    const figures = readMemoryFigures({ root, borrowedPages: 7 });

    assert.deepEqual(figures, { availablePages: 100, committedPages: 1000 + 7 + mib(360) });
  });

  it('use what is free where the kernel does not say what is available', () => {
    const root = withMeminfo('MemTotal:        2097152 kB\nMemFree:  40 kB\nCommitted_AS:    4000 kB\n');

    assert.equal(readMemoryFigures({ root }).availablePages, 10);
  });

  it('are refused where a figure is missing, by name and file', () => {
    const root = withMeminfo('MemTotal:        2097152 kB\nMemFree:  40 kB\n');

    assert.throws(() => readMemoryFigures({ root }), {
      code: 'ERR_VMBUS_SYSTEM',
      message: /Committed_AS/,
      path: path.join(root, 'proc/meminfo'),
    });
    assert.throws(() => readMemoryFigures({ root: '/nowhere' }), { code: 'ERR_VMBUS_SYSTEM', errnoName: 'ENOENT' });
  });

  it("of this machine agree with the kernel's own file", () => {
    const total = Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 4;
    const figures = readMemoryFigures();

    assert.ok(figures.availablePages > 0 && figures.availablePages <= total);
    assert.ok(figures.committedPages >= committedFloorPages(total));
  });
});
