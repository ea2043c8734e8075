// SPDX-License-Identifier: MIT
//
// How a guest and a host of dynamic memory begin, and every way in which they do not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MemoryOptions } from '../../dist/devices/memory.js';
import type { MemoryHostMessage } from '../../dist/protocol/dynamic-memory.js';
import { decodeGuestMessage, MemoryVersion } from '../../dist/protocol/dynamic-memory.js';
import { Host, keepAlive, open } from './memory-scripted-host.js';

keepAlive();

describe('greeting of dynamic memory', () => {
  it('offers 2.0, and says that it can neither give nor take memory when the script cannot', async () => {
    const { host, memory } = await open();

    assert.deepEqual(host.said, [
      { kind: 'versionRequest', transactionId: 1, version: MemoryVersion.win10, isLastAttempt: false },
      {
        kind: 'capabilitiesReport',
        transactionId: 2,
        capabilities: { balloon: false, hotAdd: false, hotAddAlignment: 0, hotRemove: false },
        minPageCount: 0n,
        maxPageNumber: 0xffff_ffff_ffff_ffffn,
      },
    ]);
    assert.deepEqual(memory.inspect().host, { hotRemove: true, suppressReports: true });
    assert.equal(memory.inspect().version, '2.0');
    await memory.close();
  });

  it('says that it has a balloon only with a handler for it, and hot add likewise', async () => {
    const { host, memory } = await open({ onBalloon: () => [], onHotAdd: () => 'never' });

    assert.deepEqual(host.all('capabilitiesReport')[0]?.capabilities, {
      balloon: true,
      hotAdd: true,
      hotAddAlignment: 7,
      hotRemove: false,
    });
    await memory.close();
  });

  it('goes down to 1.0 and then to 0.3, the last one marked as such', async () => {
    const host = new Host();
    host.accepts = (version) => version === MemoryVersion.win8;

    const { memory } = await open({}, host);

    assert.deepEqual(
      host.all('versionRequest').map(({ version, isLastAttempt }) => [version, isLastAttempt]),
      [
        [0x2_0000, false],
        [0x1_0000, false],
        [0x3, true],
      ],
    );
    assert.equal(memory.inspect().version, '0.3');
    await memory.close();
  });

  it('gives up when no version is accepted, and closes the channel', async () => {
    const host = new Host();
    host.accepts = () => false;

    await assert.rejects(open({}, host), {
      code: 'ERR_VMBUS_UNSUPPORTED',
      message: /none of the versions 2\.0, 1\.0 and 0\.3/,
    });
    assert.equal(host.isOpen, false);
  });

  it('gives up when the capabilities are refused', async () => {
    const host = new Host();
    host.acceptsCapabilities = false;

    await assert.rejects(open({}, host), { code: 'ERR_VMBUS_UNSUPPORTED', message: /capabilities/ });
    assert.equal(host.isOpen, false);
  });

  it('gives a silent host its time and no more', async () => {
    const host = new Host();
    host.silent = true;

    await assert.rejects(open({ handshakeTimeoutMs: 20 }, host), { code: 'ERR_VMBUS_TIMEOUT', message: /version/ });
    assert.equal(host.isOpen, false);
  });

  it("ends with the signal's own reason", async () => {
    const host = new Host();
    host.silent = true;
    const abort = new AbortController();
    const reason = new Error('enough');

    const opening = open({ signal: abort.signal }, host);
    abort.abort(reason);

    await assert.rejects(opening, (error) => error === reason);
    assert.equal(host.isOpen, false);
  });

  it('ends with the rescind when the device goes meanwhile', async () => {
    const host = new Host();
    host.silent = true;

    const opening = open({}, host);
    host.rescind();

    await assert.rejects(opening, { code: 'ERR_VMBUS_RESCINDED' });
  });

  it('ignores answers that are not due and requests that come too early', async () => {
    const host = new Host();
    const stale: MemoryHostMessage = {
      kind: 'capabilitiesResponse',
      transactionId: 0,
      isAccepted: false,
      hotRemove: false,
      suppressReports: false,
    };
    host.say(stale);
    host.say({ kind: 'balloonRequest', transactionId: 0, pageCount: 5 });

    const { memory } = await open({ onBalloon: () => assert.fail('not ready yet') }, host);
    host.say(stale);
    host.say({ kind: 'versionResponse', transactionId: 0, isAccepted: false });
    await host.balloon(0);

    assert.equal(memory.stats().ignoredMessages, 4);
    assert.equal(host.all('versionRequest').length, 1, 'a refusal of capabilities is none of the version');
    assert.equal(memory.isOpen, true);
    await memory.close();
  });

  it('takes a request that stands right behind the last answer', async () => {
    const host = new Host();
    const response = host.next('balloonResponse');
    host.accepts = (version) => {
      assert.equal(version, MemoryVersion.win10);
      return true;
    };
    const answer = host.onSend;
    host.onSend = (payload) => {
      answer(payload);
      if (decodeGuestMessage(payload).kind === 'capabilitiesReport')
        host.say({ kind: 'balloonRequest', transactionId: 0, pageCount: 4 });
    };

    const { memory } = await open({ onBalloon: () => [{ firstPage: 9n, pageCount: 4 }] }, host);

    assert.deepEqual((await response).ranges, [{ firstPage: 9n, pageCount: 4 }]);
    await memory.close();
  });

  for (const [what, options, code] of [
    ['an option that does not exist', { reportInterval: 5 }, 'ERR_INVALID_ARG_VALUE'],
    ['a handler that is no function', { onBalloon: [] }, 'ERR_INVALID_ARG_TYPE'],
    ['a negative interval', { reportIntervalMs: -1 }, 'ERR_OUT_OF_RANGE'],
    ['an alignment beyond its four bits', { hotAddAlignment: 16 }, 'ERR_OUT_OF_RANGE'],
  ] as const) {
    it(`refuses ${what} before it touches the channel`, async () => {
      const host = new Host();
      await assert.rejects(open(options as unknown as MemoryOptions, host), { code });
      assert.deepEqual([host.isOpen, host.said], [true, []]);
    });
  }
});
