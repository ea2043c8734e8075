// SPDX-License-Identifier: MIT
//
// The synthetic keyboard against a scripted guest: handshake, keys, lights, and guests that break the rules.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type KeyboardEvent, type KeyboardProvider, type KeyName, keyboard } from '../../dist/host/index.js';
import { decodeKeyboardHostMessage } from '../../dist/protocol/synth-keyboard.js';
import { ScriptedChannel } from './support/scripted-channel.js';

const request = '0100000000000100';
const accepted = '0200000001000000';

/** A keyboard that a guest has opened, and its handshake done unless told otherwise. */
function opened(messages: readonly string[] = [request]) {
  const keys = keyboard();
  const events: KeyboardEvent[] = [];
  keys.subscribe((event) => events.push(event));
  const channel = ScriptedChannel.open(keys);
  for (const message of messages) say(channel, message);
  if (messages.length > 0) channel.take();
  return { keys, events, channel };
}

function say(channel: ScriptedChannel, hex: string): void {
  channel.say({ payload: Buffer.from(hex.replaceAll(' ', ''), 'hex') });
}

function taken(channel: ScriptedChannel): string[] {
  return channel.take().map(({ payload }) => Buffer.from(payload).toString('hex'));
}

/** Keystrokes as scan codes: `1e`, with its prefix `e04b`, released `-1e`. */
function strokes(channel: ScriptedChannel): string {
  const codes = channel.take().map(({ payload }) => {
    const message = decodeKeyboardHostMessage(payload);
    if (message.kind !== 'keystroke') return message.kind;
    return `${message.isRelease ? '-' : ''}${message.prefix ?? ''}${message.code.toString(16).padStart(2, '0')}`;
  });
  return codes.join(' ');
}

describe('the keyboard', () => {
  it('is offered as on every Hyper-V host', () => {
    const keys = keyboard({ name: 'desk' });

    assert.deepEqual(
      [keys.name, keys.classGuid, keys.instanceGuid, keys.offer],
      ['desk', 'f912ad6d-2b17-48ea-bd65-f927a61c7684', 'd34b2567-b9b6-42b9-8778-0a4ec0b955bf', undefined],
    );
    assert.throws(() => keyboard({ nam: 'x' } as never), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('accepts version 1.0 and then types, byte by byte as documented', async () => {
    const { keys, events, channel } = opened([]);

    say(channel, request);
    assert.deepEqual(taken(channel), [accepted]);
    assert.equal(keys.isReady, true);
    await keys.tap('KeyA');
    await keys.press('ArrowLeft');
    assert.deepEqual(taken(channel), [
      '030000001e00000000000000',
      '030000001e00000002000000',
      '030000004b00000004000000',
    ]);
    assert.deepEqual(events, [{ kind: 'ready', version: 0x1_0000 }]);
  });

  it('refuses other versions and waits for another request', () => {
    const { keys, channel } = opened([]);

    say(channel, '01000000 00000200');
    assert.deepEqual(taken(channel), ['0200000000000000']);
    assert.equal(keys.isReady, false);
    say(channel, request);
    assert.deepEqual(taken(channel), [accepted]);
  });

  it('presses chords in order and releases them backwards', async () => {
    const { keys, channel } = opened();

    await keys.tap('ControlLeft', 'AltLeft', 'Delete');
    assert.equal(strokes(channel), '1d 38 e053 -e053 -38 -1d');
    await keys.press('ShiftRight', 'ControlRight');
    await keys.release('ControlRight');
    assert.equal(strokes(channel), '36 e01d -e01d');
    await keys.tap('Pause');
    assert.equal(strokes(channel), 'e11d 45 -e11d -45');
  });

  it('types on a US layout', async () => {
    const { keys, channel } = opened();

    await keys.type('aZ9@\r\n\t');
    assert.equal(strokes(channel), '1e -1e 2a 2c -2c -2a 0a -0a 2a 03 -03 -2a 1c -1c 0f -0f');
    const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
    await keys.type(printable);
    assert.equal(new Set(strokes(channel).split(' ')).size, 2 * 49);
  });

  it('refuses characters and keys that it does not have, and sends nothing of them', async () => {
    const { keys, channel } = opened();

    await assert.rejects(keys.type('für'), { code: 'ERR_INVALID_ARG_VALUE', message: /'ü'/ });
    await assert.rejects(keys.type(5 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(keys.tap('KeyA', 'Entr' as KeyName), { code: 'ERR_INVALID_ARG_VALUE', message: /Enter/ });
    await assert.rejects(keys.press(65 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.deepEqual(taken(channel), []);
  });

  it('tells the lights', () => {
    const { keys, events, channel } = opened();

    say(channel, '04000000 0400 0000');
    assert.deepEqual(keys.leds, { scrollLock: false, numLock: false, capsLock: true });
    assert.deepEqual(events.at(-1), { kind: 'leds', leds: keys.leds });
    channel.close();
    assert.equal(keys.leds, null);
  });

  it('waits for room in the ring, in order', async () => {
    const { keys, channel } = opened();
    channel.room = 1;

    const typed = Promise.all([keys.tap('KeyA'), keys.tap('KeyB'), keys.press('KeyC')]);
    assert.equal(strokes(channel), '1e');
    channel.free(2);
    assert.equal(strokes(channel), '-1e 30');
    channel.free();
    await typed;
    assert.equal(strokes(channel), '-30 2e');
  });

  it('does not listen to a guest that asks and never reads', () => {
    const { channel } = opened([]);
    channel.room = 1;

    for (let i = 0; i < 5; i += 1) say(channel, '01000000 00000200');
    assert.equal(channel.isPaused, true);
    assert.equal(channel.take().length, 1);
    channel.free(1);
    assert.deepEqual([channel.isPaused, channel.take().length], [false, 1]);
  });
});

describe('a keyboard that nobody has open', () => {
  it('refuses keys, also between opening and handshake', async () => {
    const refused = { code: 'ERR_VMBUS_CLOSED', hint: 'await keyboard.ready()' };
    await assert.rejects(keyboard().tap('KeyA'), refused);
    const { keys, channel } = opened([]);
    await assert.rejects(keys.type('x'), refused);
    assert.deepEqual(taken(channel), []);
  });

  it('rejects what waits when the guest closes it, and begins anew', async () => {
    const { keys, events, channel } = opened();
    channel.room = 0;
    const waiting = assert.rejects(keys.type('text'), { code: 'ERR_VMBUS_CLOSED' });

    channel.close();
    await waiting;
    assert.deepEqual([keys.isReady, events.at(-1)], [false, { kind: 'closed' }]);
    const again = ScriptedChannel.open(keys);
    say(again, request);
    assert.equal(keys.isReady, true);
  });

  it('can be waited for, for so long, or until aborted', async () => {
    const keys: KeyboardProvider = keyboard();
    const stop = new AbortController();
    const aborted = assert.rejects(keys.ready({ signal: stop.signal }), /enough/);
    const ready = keys.ready({ timeoutMs: 60_000 });

    await assert.rejects(keys.ready({ timeoutMs: 1 }), { code: 'ERR_VMBUS_TIMEOUT' });
    stop.abort(new Error('enough'));
    await aborted;
    await assert.rejects(keys.ready({ signal: stop.signal }), /enough/);
    await assert.rejects(keys.ready({ timeout: 5 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    say(ScriptedChannel.open(keys), request);
    await ready;
    await keys.ready();
  });

  it('tells an iteration, until it is aborted', async () => {
    const keys = keyboard();
    const stop = new AbortController();
    const kinds: string[] = [];
    const reading = (async () => {
      for await (const { kind } of keys.events({ signal: stop.signal })) {
        kinds.push(kind);
        if (kind === 'closed') stop.abort();
      }
    })();
    const channel = ScriptedChannel.open(keys);
    say(channel, request);
    channel.close();

    await reading;
    assert.deepEqual(kinds, ['ready', 'closed']);
  });
});

describe('a guest that breaks the rules of the keyboard', () => {
  const violations: [string, readonly string[]][] = [
    ['asks twice', [request, request]],
    ['sets lights before the handshake', ['04000000 04000000']],
    ['sends a message of the host', [request, accepted]],
    ['sends half a message', ['0100']],
    ['sends nothing', ['']],
  ];
  for (const [what, messages] of violations)
    it(`and ${what} loses its channel`, () => {
      const { keys, channel } = opened(messages);

      assert.equal((channel.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
      assert.equal(keys.isReady, false);
    });

  it('and sends a packet of another type loses its channel', () => {
    const { channel } = opened();
    channel.say({ type: 7, payload: Buffer.from(request, 'hex') });

    assert.equal((channel.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
  });

  it('never does more harm than that, whatever it sends', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom(request, '0400000004000000', '0100000000000200').map((hex) => Buffer.from(hex, 'hex')),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 10 }), (messages) => {
        const { keys, channel } = opened([]);
        for (const payload of messages) channel.say({ payload });

        if (channel.isOpen) return;
        assert.equal((channel.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
        assert.equal(keys.isReady, false);
      }),
      { numRuns: 500 },
    );
  });
});
