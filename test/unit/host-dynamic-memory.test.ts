// SPDX-License-Identifier: MIT
//
// The dynamic memory device against the bytes that QEMU and Linux exchange, and against answers that no sane guest gives.

import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import {
  type DynamicMemoryEvent,
  type DynamicMemoryProvider,
  dynamicMemory,
  type HostChannel,
  type ProviderSession,
} from '../../dist/host/index.js';

const sent: string[] = [];
let fits = true;
let memory: DynamicMemoryProvider;
let session: ProviderSession;
let events: DynamicMemoryEvent[];

/** The parts of a host channel that the device uses. */
const channel = {
  send(payload: Uint8Array): boolean {
    if (fits) sent.push(Buffer.from(payload).toString('hex'));
    return fits;
  },
} as unknown as HostChannel;

function open(options: Parameters<typeof dynamicMemory>[0] = {}): void {
  memory = dynamicMemory({ ramPages: 0x10_0000, hotAddBase: 0x20_0000, ...options });
  memory.subscribe((event) => events.push(event));
  session = memory.onOpen(channel);
}

/** A message of the guest, as hexadecimal digits with blanks. */
function guest(hex: string): void {
  const payload = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  session.onPacket({ type: 6, flags: 0, transactionId: 0n, header: new Uint8Array(), payload });
}

function said(): string[] {
  return sent.splice(0);
}

function warnings(): string[] {
  return events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
}

const versionRequest = '0100 1000 01000000 00000200 00000000';
const capabilities = '0300 2000 02000000 1f00000000000000 0000000000000000 ffffffffffffffff';

function handshake(caps = capabilities): void {
  guest(versionRequest);
  guest(caps);
  mock.timers.tick(0);
  said();
}

/** A balloon response of ranges, each first page and page count. */
function ballooned(ranges: readonly (readonly [number, number])[], { more = 0, count = ranges.length } = {}): void {
  const bytes = Buffer.alloc(16 + ranges.length * 8);
  bytes.writeUInt16LE(7, 0);
  bytes.writeUInt16LE(bytes.length, 2);
  bytes.writeUInt32LE(((count << 1) | more) >>> 0, 12);
  for (const [i, [first, pages]] of ranges.entries())
    bytes.writeBigUInt64LE(BigInt(first) | (BigInt(pages) << 40n), 16 + i * 8);
  guest(bytes.toString('hex'));
}

function hotAdded(pages: number, result = 1): void {
  const bytes = Buffer.from('0b00100006000000' + '0000000000000000', 'hex');
  bytes.writeUInt32LE(pages, 8);
  bytes.writeUInt32LE(result, 12);
  guest(bytes.toString('hex'));
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
  sent.length = 0;
  fits = true;
  events = [];
});

describe('the handshake', () => {
  it('is, byte by byte, that of QEMU', () => {
    open({ wantsReports: false });

    guest(versionRequest);
    assert.deepEqual(said(), ['02001000010000000100000000000000']);
    guest(capabilities);
    assert.deepEqual(said(), ['04001000020000000700000000000000']);
    assert.equal(memory.state, 'post-init-wait');
    assert.deepEqual(memory.capabilities, { balloon: true, hotAdd: true, hotAddAlignment: 7, hotRemove: false });
  });

  it('leaves reports unsuppressed where they are wanted', () => {
    open();

    guest(versionRequest);
    guest(capabilities);

    assert.equal(said()[1], '04001000020000000300000000000000');
  });

  it('refuses versions it does not know and waits for another request', () => {
    open({ newestVersion: 0x1_0000 });

    guest(versionRequest);
    guest('0100 1000 02000000 02000000 00000000');
    guest('0100 1000 03000000 00000100 00000000');

    assert.deepEqual(said(), [
      '02001000010000000000000000000000',
      '02001000020000000000000000000000',
      '02001000030000000100000000000000',
    ]);
    assert.equal(memory.state, 'capabilities');
  });

  it('ignores messages out of order, and says so', () => {
    open();

    guest(capabilities);
    guest(versionRequest);
    said();
    guest(versionRequest);

    assert.deepEqual(said(), []);
    assert.deepEqual(warnings(), [
      'unexpected capabilities report in state version',
      'unexpected version request in state capabilities',
    ]);
  });

  it('holds targets back for the time given', () => {
    open({ postInitDelayMs: 50_000 });
    memory.balloon(0x10_0000 - 512);
    guest(versionRequest);
    guest(capabilities);
    said();

    mock.timers.tick(49_999);
    assert.deepEqual(said(), []);
    mock.timers.tick(1);

    assert.deepEqual(said(), ['06001000000000000002000000000000']);
  });
});

describe('a target below what the guest has', () => {
  it('asks for pages and keeps book of those given', () => {
    open();
    handshake();

    memory.balloon(0x10_0000 - 0x200);
    assert.deepEqual(said(), ['06001000000000000002000000000000']);
    guest('0700 1800 04000000 00000000 02000000 0008000000000200');

    assert.equal(memory.balloonedPages, 0x200);
    assert.equal(memory.currentPages, 0x10_0000 - 0x200);
    assert.deepEqual(memory.balloonedRanges, [{ firstPage: 0x800n, pageCount: 0x200 }]);
    assert.equal(memory.state, 'idle');
    assert.deepEqual(said(), []);
  });

  it('takes an answer in several messages, and asks again when it fell short', () => {
    open();
    handshake();
    memory.balloon(0x10_0000 - 300);
    said();

    ballooned([[0x100, 100]], { more: 1 });
    assert.equal(memory.state, 'balloon');
    ballooned([[0x200, 100]]);

    assert.equal(memory.balloonedPages, 200);
    assert.deepEqual(said(), ['06001000010000006400000000000000']);
  });

  it('asks for at most 2288 MiB at once', () => {
    open({ ramPages: 0x100_0000 });
    handshake();

    memory.balloon(0);

    assert.equal(said()[0]?.slice(16, 24), Buffer.from(Uint32Array.of(585_728).buffer).toString('hex'));
  });

  it('is dropped when the guest has nothing to give', () => {
    open();
    handshake();
    memory.balloon(0);
    said();

    ballooned([]);

    assert.equal(memory.state, 'idle');
    assert.deepEqual(said(), []);
  });

  it('is dropped when the guest cannot balloon', () => {
    open();
    handshake('0300 2000 02000000 1e00000000000000 0000000000000000 ffffffffffffffff');

    memory.balloon(0);

    assert.deepEqual(said(), []);
    assert.deepEqual(warnings(), ['the guest cannot balloon']);
  });

  it('changed while the guest still answers is picked up afterwards', () => {
    open();
    handshake();
    memory.balloon(0x10_0000 - 100);
    said();

    memory.balloon(0x10_0000);
    assert.deepEqual(said(), []);
    ballooned([[0x100, 100]]);

    assert.deepEqual(said(), ['080018000100000000000000010000000001000000640000']);
  });
});

describe('a hostile balloon response', () => {
  beforeEach(() => {
    open();
    handshake();
    memory.balloon(0x10_0000 - 1000);
    said();
  });

  it('whose count is larger than the message is ignored, and waited for', () => {
    ballooned([[0x100, 1]], { count: 0x7fff_ffff });

    assert.equal(memory.balloonedPages, 0);
    assert.equal(memory.state, 'balloon');
    assert.equal(warnings().length, 1);
  });

  it('that names pages twice, none at all, or beyond memory has only the rest counted', () => {
    ballooned([
      [0x100, 16],
      [0x108, 16],
      [0x500, 0],
      [0xf_ffff, 2],
      [0xff_ffff_fff, 0xff_ffff],
      [0x200, 16],
    ]);

    assert.deepEqual(memory.balloonedRanges, [
      { firstPage: 0x100n, pageCount: 16 },
      { firstPage: 0x200n, pageCount: 16 },
    ]);
    assert.equal(warnings().length, 4);
  });

  it('that gives more than asked for is taken with a warning, and the rest given back', () => {
    ballooned([[0x100, 1001]]);

    assert.deepEqual(said(), ['080018000100000000000000010000000001000000010000']);
    assert.equal(memory.balloonedPages, 1000);
    assert.match(warnings()[0] ?? '', /1001 pages given where 1000/);
  });

  it('that nobody asked for is ignored', () => {
    ballooned([[0x100, 1000]]);
    ballooned([[0x4000, 1000]]);

    assert.equal(memory.balloonedPages, 1000);
    assert.deepEqual(warnings(), ['unexpected balloon response in state idle']);
  });

  it('that is cut short, of unknown type, or empty is ignored', () => {
    guest('0700 1000 04000000');
    guest('ff00 0800 04000000');
    guest('');

    assert.equal(memory.state, 'balloon');
    assert.equal(warnings().length, 3);
  });
});

describe('a target above what the guest has', () => {
  it('gives ballooned pages back, one range a message, and waits for the answer', () => {
    open();
    handshake();
    memory.balloon(0x10_0000 - 300);
    ballooned([
      [0x1000, 100],
      [0x2000, 200],
    ]);
    said();

    memory.balloon(0x10_0000 - 50);
    assert.deepEqual(said(), [
      '080018000100000001000000010000000010000000640000',
      '080018000100000000000000010000000020000000960000',
    ]);
    memory.balloon(0x10_0000);
    assert.deepEqual(said(), []);
    guest('0900 0800 05000000');

    assert.deepEqual(said(), ['080018000200000000000000010000009620000000320000']);
    guest('0900 0800 06000000');
    assert.equal(memory.balloonedPages, 0);
    assert.equal(memory.state, 'idle');
  });

  it('goes on giving back when the ring has space again', () => {
    open();
    handshake();
    memory.balloon(0x10_0000 - 200);
    ballooned([
      [0x1000, 100],
      [0x2000, 100],
    ]);
    said();

    fits = false;
    memory.balloon(0x10_0000);
    assert.deepEqual(said(), []);
    fits = true;
    session.onSpace?.();

    assert.equal(said().length, 2);
    guest('0900 0800 05000000');
    assert.equal(memory.state, 'idle');
  });

  it('adds memory when nothing is ballooned: aligned, region and range the same', () => {
    open({ hotAddBase: 0x20_0001 });
    handshake();

    memory.balloon(0x10_0000 + 40_000);
    assert.deepEqual(said(), ['0a001800000000000080200000008000' + '0080200000008000']);
    hotAdded(0x8000);

    assert.equal(memory.hotAddedPages, 0x8000);
    assert.match(warnings()[0] ?? '', /units of 32768 pages/);
  });

  it('never adds memory again after the guest took less than offered', () => {
    open();
    handshake();
    memory.balloon(0x10_0000 + 0x1_0000);
    said();

    hotAdded(0x4000);
    memory.balloon(0x10_0000 + 0x2_0000);

    assert.deepEqual(said(), []);
    assert.equal(memory.hotAddedPages, 0x4000);
    assert.deepEqual(warnings(), ['the guest cannot add memory', 'the guest cannot add memory']);
  });

  it('clamps an answer that claims more than offered', () => {
    open();
    handshake();
    memory.balloon(0x10_0000 + 0x8000);

    hotAdded(0xffff_ffff);

    assert.equal(memory.hotAddedPages, 0x8000);
    assert.equal(warnings().length, 1);
  });

  it('takes pages of added memory into the balloon', () => {
    open();
    handshake();
    memory.balloon(0x10_0000 + 0x8000);
    hotAdded(0x8000);
    memory.balloon(0x10_0000);

    ballooned([[0x20_0000, 0x8000]]);

    assert.equal(memory.balloonedPages, 0x8000);
    assert.deepEqual(warnings(), []);
  });
});

describe('status reports', () => {
  const report =
    '0500 3000 03000000 e803000000000000 d007000000000000 0000000000000000 0000000000000000 00000000 00000000';

  it('are kept and told, in any state', () => {
    open();

    guest(report);

    assert.equal(memory.lastReport?.availablePages, 1000n);
    assert.equal(memory.lastReport?.committedPages, 2000n);
    assert.deepEqual(
      events.map((event) => event.kind),
      ['report'],
    );
  });

  it('are ignored where they are not wanted, and when too short', () => {
    open({ wantsReports: false });
    guest(report);
    assert.equal(memory.lastReport, null);

    open();
    guest('0500 2000 03000000 e803000000000000 d007000000000000 0000000000000000');
    assert.equal(memory.lastReport, null);
  });

  it('can be iterated until aborted', async () => {
    open();
    const stop = new AbortController();
    const pages: bigint[] = [];
    const reading = (async () => {
      for await (const event of memory.events({ signal: stop.signal })) {
        if (event.kind === 'report') pages.push(event.report.availablePages);
        if (pages.length === 2) stop.abort();
      }
    })();
    await Promise.resolve();

    guest(report);
    guest(report);

    await reading;
    assert.deepEqual(pages, [1000n, 1000n]);
  });
});

describe('closing', () => {
  it('forgets the balloon and the report, keeps added memory, and cancels the delay', () => {
    open({ postInitDelayMs: 1000 });
    guest(versionRequest);
    guest(capabilities);
    said();
    session.onClose?.();
    mock.timers.tick(5000);
    assert.equal(memory.state, 'closed');

    session = memory.onOpen(channel);
    guest(versionRequest);
    guest(capabilities);
    mock.timers.tick(1000);
    memory.balloon(0x10_0000 + 0x8000);
    hotAdded(0x8000);
    memory.balloon(0x10_0000);
    ballooned([[0x100, 0x8000]]);
    session.onClose?.();

    assert.equal(memory.balloonedPages, 0);
    assert.equal(memory.lastReport, null);
    assert.equal(memory.hotAddedPages, 0x8000);
  });
});
