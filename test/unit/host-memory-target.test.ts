// SPDX-License-Identifier: MIT
//
// The dynamic memory device: targets, and answers that no sane guest gives.

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ScriptedMemoryGuest } from './host-memory-guest.js';

let guest: ScriptedMemoryGuest;

beforeEach(() => ScriptedMemoryGuest.reset());

describe('a target below what the guest has', () => {
  it('asks for pages and keeps book of those given', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();

    guest.memory.balloon(0x10_0000 - 0x200);
    assert.deepEqual(guest.heard(), ['06001000000000000002000000000000']);
    guest.say('0700 1800 04000000 00000000 02000000 0008000000000200');

    assert.equal(guest.memory.balloonedPages, 0x200);
    assert.equal(guest.memory.currentPages, 0x10_0000 - 0x200);
    assert.deepEqual(guest.memory.balloonedRanges, [{ firstPage: 0x800n, pageCount: 0x200 }]);
    assert.equal(guest.memory.state, 'idle');
    assert.deepEqual(guest.heard(), []);
  });

  it('takes an answer in several messages, and asks again when it fell short', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 - 300);
    guest.heard();

    guest.balloon([[0x100, 100]], { more: 1 });
    assert.equal(guest.memory.state, 'balloon');
    guest.balloon([[0x200, 100]]);

    assert.equal(guest.memory.balloonedPages, 200);
    assert.deepEqual(guest.heard(), ['06001000010000006400000000000000']);
  });

  it('asks for at most 2288 MiB at once', () => {
    guest = new ScriptedMemoryGuest({ ramPages: 0x100_0000 });
    guest.handshake();

    guest.memory.balloon(0);

    assert.equal(guest.heard()[0]?.slice(16, 24), Buffer.from(Uint32Array.of(585_728).buffer).toString('hex'));
  });

  it('is dropped when the guest has nothing to give', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0);
    guest.heard();

    guest.balloon([]);

    assert.equal(guest.memory.state, 'idle');
    assert.deepEqual(guest.heard(), []);
  });

  it('is dropped when the guest cannot balloon', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake('0300 2000 02000000 1e00000000000000 0000000000000000 ffffffffffffffff');

    guest.memory.balloon(0);

    assert.deepEqual(guest.heard(), []);
    assert.deepEqual(guest.warnings, ['the guest cannot balloon']);
  });

  it('changed while the guest still answers is picked up afterwards', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 - 100);
    guest.heard();

    guest.memory.balloon(0x10_0000);
    assert.deepEqual(guest.heard(), []);
    guest.balloon([[0x100, 100]]);

    assert.deepEqual(guest.heard(), ['080018000100000000000000010000000001000000640000']);
  });
});

describe('a hostile balloon response', () => {
  beforeEach(() => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 - 1000);
    guest.heard();
  });

  it('whose count is larger than the message is ignored, and waited for', () => {
    guest.balloon([[0x100, 1]], { count: 0x7fff_ffff });

    assert.equal(guest.memory.balloonedPages, 0);
    assert.equal(guest.memory.state, 'balloon');
    assert.equal(guest.warnings.length, 1);
  });

  it('that names pages twice, none at all, or beyond memory has only the rest counted', () => {
    guest.balloon([
      [0x100, 16],
      [0x108, 16],
      [0x500, 0],
      [0xf_ffff, 2],
      [0xff_ffff_fff, 0xff_ffff],
      [0x200, 16],
    ]);

    assert.deepEqual(guest.memory.balloonedRanges, [
      { firstPage: 0x100n, pageCount: 16 },
      { firstPage: 0x200n, pageCount: 16 },
    ]);
    assert.equal(guest.warnings.length, 4);
  });

  it('that gives more than asked for is taken with a warning, and the rest given back', () => {
    guest.balloon([[0x100, 1001]]);

    assert.deepEqual(guest.heard(), ['080018000100000000000000010000000001000000010000']);
    assert.equal(guest.memory.balloonedPages, 1000);
    assert.match(guest.warnings[0] ?? '', /1001 pages given where 1000/);
  });

  it('that nobody asked for is ignored', () => {
    guest.balloon([[0x100, 1000]]);
    guest.balloon([[0x4000, 1000]]);

    assert.equal(guest.memory.balloonedPages, 1000);
    assert.deepEqual(guest.warnings, ['unexpected balloon response in state idle']);
  });

  it('that is cut short, of unknown type, or empty is ignored', () => {
    guest.say('0700 1000 04000000');
    guest.say('ff00 0800 04000000');
    guest.say('');

    assert.equal(guest.memory.state, 'balloon');
    assert.equal(guest.warnings.length, 3);
  });
});

describe('a target above what the guest has', () => {
  it('gives ballooned pages back, one range a message, and waits for the answer', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 - 300);
    guest.balloon([
      [0x1000, 100],
      [0x2000, 200],
    ]);
    guest.heard();

    guest.memory.balloon(0x10_0000 - 50);
    assert.deepEqual(guest.heard(), [
      '080018000100000001000000010000000010000000640000',
      '080018000100000000000000010000000020000000960000',
    ]);
    guest.memory.balloon(0x10_0000);
    assert.deepEqual(guest.heard(), []);
    guest.say('0900 0800 05000000');

    assert.deepEqual(guest.heard(), ['080018000200000000000000010000009620000000320000']);
    guest.say('0900 0800 06000000');
    assert.equal(guest.memory.balloonedPages, 0);
    assert.equal(guest.memory.state, 'idle');
  });

  it('goes on giving back when the ring has space again', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 - 200);
    guest.balloon([
      [0x1000, 100],
      [0x2000, 100],
    ]);
    guest.heard();

    guest.hasSpace = false;
    guest.memory.balloon(0x10_0000);
    assert.deepEqual(guest.heard(), []);
    guest.hasSpace = true;
    guest.session.onSpace?.();

    assert.equal(guest.heard().length, 2);
    guest.say('0900 0800 05000000');
    assert.equal(guest.memory.state, 'idle');
  });

  it('adds memory when nothing is ballooned: aligned, region and range the same', () => {
    guest = new ScriptedMemoryGuest({ hotAddBase: 0x20_0001 });
    guest.handshake();

    guest.memory.balloon(0x10_0000 + 40_000);
    assert.deepEqual(guest.heard(), ['0a001800000000000080200000008000' + '0080200000008000']);
    guest.hotAdd(0x8000);

    assert.equal(guest.memory.hotAddedPages, 0x8000);
    assert.match(guest.warnings[0] ?? '', /units of 32768 pages/);
  });

  it('never adds memory again after the guest took less than offered', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 + 0x1_0000);
    guest.heard();

    guest.hotAdd(0x4000);
    guest.memory.balloon(0x10_0000 + 0x2_0000);

    assert.deepEqual(guest.heard(), []);
    assert.equal(guest.memory.hotAddedPages, 0x4000);
    assert.deepEqual(guest.warnings, ['the guest cannot add memory', 'the guest cannot add memory']);
  });

  it('clamps an answer that claims more than offered', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 + 0x8000);

    guest.hotAdd(0xffff_ffff);

    assert.equal(guest.memory.hotAddedPages, 0x8000);
    assert.equal(guest.warnings.length, 1);
  });

  it('takes pages of added memory into the balloon', () => {
    guest = new ScriptedMemoryGuest();
    guest.handshake();
    guest.memory.balloon(0x10_0000 + 0x8000);
    guest.hotAdd(0x8000);
    guest.memory.balloon(0x10_0000);

    guest.balloon([[0x20_0000, 0x8000]]);

    assert.equal(guest.memory.balloonedPages, 0x8000);
    assert.deepEqual(guest.warnings, []);
  });
});
