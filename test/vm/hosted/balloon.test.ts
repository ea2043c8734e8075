// SPDX-License-Identifier: MIT
//
// The kernel's own hv_balloon on our host: memory goes out and comes back, and both sides' books agree.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { dynamicMemory } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld } from './host-world.js';

const mebibyte = 1024 * 1024;
const pageBytes = 4096;
const guestMebibytes = 512;
const ramPages = (guestMebibytes * mebibyte) / pageBytes;
const givenPages = (64 * mebibyte) / pageBytes;

const memory = dynamicMemory({ ramPages });

let world: HostWorld;
before(async () => {
  world = await bootWorld({ devices: [memory], modules: ['hv_balloon'], memoryMiB: guestMebibytes, hibernates: false });
});
after(async () => endWorld(world));

/** Memory that the kernel counts as its own, in pages. */
const totalPages = async (): Promise<number> =>
  Number(await world.machine.must("awk '/^MemTotal:/ { print $2 }' /proc/meminfo")) / 4;

/** Resolves when the guest has given or taken so many pages, whatever the steps. */
async function until(kind: 'ballooned' | 'unballooned', done: () => boolean): Promise<void> {
  const events = memory.events({ signal: AbortSignal.timeout(120_000) });
  if (done()) return;
  for await (const event of events) if (event.kind === kind && done()) return;
  throw new Error(`the guest has ${memory.balloonedPages} pages out, and nothing more came`);
}

describe('hv_balloon', () => {
  it('gives 64 MiB away and takes them back', async () => {
    const before = await totalPages();

    const out = until('ballooned', () => memory.balloonedPages === givenPages);
    memory.balloon(ramPages - givenPages);
    await out;
    assert.equal(before - (await totalPages()), givenPages);
    assert.equal(memory.currentPages, ramPages - givenPages);
    assert.equal(
      memory.balloonedRanges.reduce((sum, { pageCount }) => sum + pageCount, 0),
      givenPages,
    );

    const back = until('unballooned', () => memory.balloonedPages === 0);
    memory.balloon(ramPages);
    await back;
    assert.equal(await totalPages(), before);
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
