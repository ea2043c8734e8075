// SPDX-License-Identifier: MIT
//
// The synthetic mouse against a scripted guest: handshake, reports, and guests that break the rules.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type MouseEvent, mouse } from '../../dist/host/index.js';
import { mouseReportDescriptor } from '../../dist/protocol/mouse-report.js';
import { ScriptedChannel } from './support/scripted-channel.js';

// As Linux sends them: completion wanted, padded to 8 bytes.
const request = '01000000 0c000000 00000000 04000000 00000200 00000000';
const ack = '01000000 09000000 03000000 01000000 0000000000000000';

function opened(messages: readonly string[] = [request, ack]) {
  const pointer = mouse();
  const events: MouseEvent[] = [];
  pointer.subscribe((event) => events.push(event));
  const channel = ScriptedChannel.open(pointer);
  for (const message of messages) say(channel, message);
  if (messages.length > 0) channel.take();
  return { pointer, events, channel };
}

function say(channel: ScriptedChannel, hex: string): void {
  channel.say({ flags: 1, transactionId: 7n, payload: Buffer.from(hex.replaceAll(' ', ''), 'hex') });
}

function taken(channel: ScriptedChannel): string[] {
  return channel.take().map(({ payload }) => Buffer.from(payload).toString('hex'));
}

/** Reports without their headers. */
function reports(channel: ScriptedChannel): string[] {
  return taken(channel).map((hex) => {
    assert.equal(hex.slice(0, 32), '010000000f0000000400000007000000');
    return hex.slice(32);
  });
}

describe('the mouse', () => {
  it('is offered as on every Hyper-V host, in pipe mode', () => {
    const { classGuid, instanceGuid, offer } = mouse();

    assert.deepEqual(
      [classGuid, instanceGuid],
      ['cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a', '58f75a6d-d949-4320-99e1-a2a2576d581c'],
    );
    assert.deepEqual(offer, { flags: 0x10, userData: Uint8Array.of(4, 0, 0, 0) });
  });

  it('answers a request with an approval and its description, and completes nothing', () => {
    const { pointer, events, channel } = opened([]);

    say(channel, request);
    const [approval, description] = channel.take();
    assert.equal(Buffer.from(approval?.payload ?? []).toString('hex'), '010000000d00000001000000050000000000020001');
    assert.deepEqual([approval?.type, approval?.transactionId], [6, 0n]);
    const descriptor = Buffer.from(mouseReportDescriptor).toString('hex');
    assert.ok(
      Buffer.from(description?.payload ?? [])
        .toString('hex')
        .includes(`09210101000122${'4300'}${descriptor}`),
    );
    assert.equal(pointer.isReady, false);
    say(channel, ack);
    assert.deepEqual([pointer.isReady, events, taken(channel)], [true, [{ kind: 'ready', version: 0x2_0000 }], []]);
  });

  it('refuses other versions and waits for another request', () => {
    const { channel } = opened([]);

    say(channel, '01000000 0c000000 00000000 04000000 00000300 00000000');
    assert.deepEqual(taken(channel), ['010000000d00000001000000050000000000030000']);
    say(channel, request);
    assert.equal(channel.take().length, 2);
  });

  it('moves, clicks and turns, byte by byte as documented', async () => {
    const { pointer, channel } = opened();

    await pointer.press('left');
    assert.deepEqual(reports(channel), ['01ff3fff3f0000']);
    await pointer.move(1, 0);
    await pointer.press('right', 'middle');
    await pointer.release('left');
    assert.deepEqual(reports(channel), ['01ff7f00000000', '07ff7f00000000', '06ff7f00000000']);
    assert.deepEqual([pointer.buttons, pointer.position], [['right', 'middle'], { x: 1, y: 0 }]);
    await pointer.wheel(-1);
    await pointer.click();
    assert.deepEqual(reports(channel), ['06ff7f0000ffff', '07ff7f00000000', '06ff7f00000000']);
  });

  it('sends only the last of moves that wait for room', async () => {
    const { pointer, channel } = opened();
    channel.room = 0;

    const moves = [
      pointer.move(0, 0),
      pointer.move(0.5, 0.5),
      pointer.press('left'),
      pointer.move(1, 1),
      pointer.move(0, 1),
    ];
    channel.free();
    await Promise.all(moves);
    assert.deepEqual(reports(channel), ['00ff3fff3f0000', '01ff3fff3f0000', '010000ff7f0000']);
  });

  it('refuses places, buttons and notches that do not exist', async () => {
    const { pointer, channel } = opened();

    await assert.rejects(pointer.move(1.1, 0), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(pointer.move(0, Number.NaN), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(pointer.move('0' as never, 0), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(pointer.press('top' as never), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(pointer.click(1 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(pointer.wheel(0.5), { code: 'ERR_OUT_OF_RANGE' });
    assert.deepEqual([pointer.position, taken(channel)], [{ x: 0.5, y: 0.5 }, []]);
  });

  it('refuses reports while nobody has it open, and lets go of its buttons', async () => {
    const { pointer, events, channel } = opened();
    await pointer.press('left');
    channel.close();

    assert.deepEqual([pointer.buttons, events.at(-1)], [[], { kind: 'closed' }]);
    for (const call of [pointer.move(0, 0), pointer.press('left'), pointer.click(), pointer.wheel(1)])
      await assert.rejects(call, { code: 'ERR_VMBUS_CLOSED' });
  });
});

describe('a guest that breaks the rules of the mouse', () => {
  const violations: [string, readonly string[]][] = [
    ['asks twice', [request, request]],
    ['acknowledges what it was not told', [ack]],
    ['acknowledges twice', [request, ack, ack]],
    ['announces more than it sends', ['01000000 19000000 00000000 04000000 00000200 00000000']],
    ['sends half a header', ['01000000']],
    ['sends reports', [request, ack, '01000000 0f000000 04000000 07000000 00000000000000 00']],
  ];
  for (const [what, messages] of violations)
    it(`and ${what} loses its channel`, () => {
      const { pointer, channel } = opened(messages);

      assert.equal((channel.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
      assert.equal(pointer.isReady, false);
    });

  it('never does more harm than that, whatever it sends', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom(request, ack).map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex')),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
        const { channel } = opened([]);
        for (const payload of messages) channel.say({ payload });

        if (!channel.isOpen) assert.equal((channel.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
      }),
      { numRuns: 500 },
    );
  });
});
