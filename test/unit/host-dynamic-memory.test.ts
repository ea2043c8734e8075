// SPDX-License-Identifier: MIT
//
// The dynamic memory device: handshake and reports, byte by byte as QEMU and Linux exchange them, and closing.

import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import { capabilities, ScriptedMemoryGuest, versionRequest } from './host-memory-guest.js';

let guest: ScriptedMemoryGuest;

beforeEach(() => ScriptedMemoryGuest.reset());

describe('the handshake', () => {
  it('is, byte by byte, that of QEMU', () => {
    guest = new ScriptedMemoryGuest({ wantsReports: false });

    guest.say(versionRequest);
    assert.deepEqual(guest.heard(), ['02001000010000000100000000000000']);
    guest.say(capabilities);
    assert.deepEqual(guest.heard(), ['04001000020000000700000000000000']);
    assert.equal(guest.memory.state, 'post-init-wait');
    assert.deepEqual(guest.memory.capabilities, { balloon: true, hotAdd: true, hotAddAlignment: 7, hotRemove: false });
  });

  it('leaves reports unsuppressed where they are wanted', () => {
    guest = new ScriptedMemoryGuest();

    guest.say(versionRequest);
    guest.say(capabilities);

    assert.equal(guest.heard()[1], '04001000020000000300000000000000');
  });

  it('refuses versions it does not know and waits for another request', () => {
    guest = new ScriptedMemoryGuest({ newestVersion: 0x1_0000 });

    guest.say(versionRequest);
    guest.say('0100 1000 02000000 02000000 00000000');
    guest.say('0100 1000 03000000 00000100 00000000');

    assert.deepEqual(guest.heard(), [
      '02001000010000000000000000000000',
      '02001000020000000000000000000000',
      '02001000030000000100000000000000',
    ]);
    assert.equal(guest.memory.state, 'capabilities');
  });

  it('ignores messages out of order, and says so', () => {
    guest = new ScriptedMemoryGuest();

    guest.say(capabilities);
    guest.say(versionRequest);
    guest.heard();
    guest.say(versionRequest);

    assert.deepEqual(guest.heard(), []);
    assert.deepEqual(guest.warnings, [
      'unexpected capabilities report in state version',
      'unexpected version request in state capabilities',
    ]);
  });

  it('holds targets back for the time given', () => {
    guest = new ScriptedMemoryGuest({ postInitDelayMs: 50_000 });
    guest.memory.balloon(0x10_0000 - 512);
    guest.say(versionRequest);
    guest.say(capabilities);
    guest.heard();

    mock.timers.tick(49_999);
    assert.deepEqual(guest.heard(), []);
    mock.timers.tick(1);

    assert.deepEqual(guest.heard(), ['06001000000000000002000000000000']);
  });
});

describe('status reports', () => {
  const report =
    '0500 3000 03000000 e803000000000000 d007000000000000 0000000000000000 0000000000000000 00000000 00000000';

  it('are kept and told, in any state', () => {
    guest = new ScriptedMemoryGuest();

    guest.say(report);

    assert.equal(guest.memory.lastReport?.availablePages, 1000n);
    assert.equal(guest.memory.lastReport?.committedPages, 2000n);
    assert.deepEqual(
      guest.events.map((event) => event.kind),
      ['report'],
    );
  });

  it('are ignored where they are not wanted, and when too short', () => {
    guest = new ScriptedMemoryGuest({ wantsReports: false });
    guest.say(report);
    assert.equal(guest.memory.lastReport, null);

    guest = new ScriptedMemoryGuest();
    guest.say('0500 2000 03000000 e803000000000000 d007000000000000 0000000000000000');
    assert.equal(guest.memory.lastReport, null);
  });

  it('can be iterated until aborted', async () => {
    guest = new ScriptedMemoryGuest();
    const stop = new AbortController();
    const pages: bigint[] = [];
    const reading = (async () => {
      for await (const event of guest.memory.events({ signal: stop.signal })) {
        if (event.kind === 'report') pages.push(event.report.availablePages);
        if (pages.length === 2) stop.abort();
      }
    })();
    await Promise.resolve();

    guest.say(report);
    guest.say(report);

    await reading;
    assert.deepEqual(pages, [1000n, 1000n]);
  });
});

describe('closing', () => {
  it('forgets the balloon and the report, keeps added memory, and cancels the delay', () => {
    guest = new ScriptedMemoryGuest({ postInitDelayMs: 1000 });
    guest.say(versionRequest);
    guest.say(capabilities);
    guest.heard();
    guest.session.onClose?.();
    mock.timers.tick(5000);
    assert.equal(guest.memory.state, 'closed');

    guest.open();
    guest.say(versionRequest);
    guest.say(capabilities);
    mock.timers.tick(1000);
    guest.memory.balloon(0x10_0000 + 0x8000);
    guest.hotAdd(0x8000);
    guest.memory.balloon(0x10_0000);
    guest.balloon([[0x100, 0x8000]]);
    guest.session.onClose?.();

    assert.equal(guest.memory.balloonedPages, 0);
    assert.equal(guest.memory.lastReport, null);
    assert.equal(guest.memory.hotAddedPages, 0x8000);
  });
});
