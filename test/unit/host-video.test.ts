// SPDX-License-Identifier: MIT
//
// Synthetic video against a scripted guest: the conversation of a Linux driver, pictures, and guests that break the rules.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type VideoEvent, type VideoOptions, type VideoSituation, video } from '../../dist/host/index.js';
import { encodeVideoGuestMessage, type VideoGuestMessage } from '../../dist/protocol/synth-video.js';
import { ScriptedChannel } from './support/scripted-channel.js';
import { ScriptedMemory } from './support/scripted-memory.js';

const version: VideoGuestMessage = { kind: 'versionRequest', version: 0x5_0003 };
const vram: VideoGuestMessage = { kind: 'vramLocation', context: 7n, address: 0x1000n };
const small: VideoSituation = { isActive: true, vramOffset: 0, depthBits: 32, width: 4, height: 2, pitchBytes: 16 };

function situation(change: Partial<VideoSituation> = {}): VideoGuestMessage {
  return { kind: 'situationUpdate', context: 0n, situation: { ...small, ...change } };
}

function opened(messages: readonly VideoGuestMessage[], options: VideoOptions = {}) {
  const screen = video(options);
  const events: VideoEvent[] = [];
  screen.subscribe((event) => events.push(event));
  const memory = new ScriptedMemory();
  const channel = ScriptedChannel.open(screen, { memory });
  say(channel, ...messages);
  return { screen, events, memory, channel };
}

function say(channel: ScriptedChannel, ...messages: readonly VideoGuestMessage[]): void {
  channel.say(...messages.map((message) => ({ payload: encodeVideoGuestMessage(message) })));
}

function taken(channel: ScriptedChannel): string[] {
  return channel.take().map(({ payload }) => Buffer.from(payload).toString('hex'));
}

const code = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

describe('video', () => {
  it('is offered as on every Hyper-V host, with the window that its memory needs', () => {
    const { classGuid, instanceGuid, offer } = video({ vramMegabytes: 16 });

    assert.deepEqual(
      [classGuid, instanceGuid],
      ['da0a7802-e377-4aac-8e77-0558eb1073f8', '5620e0c7-8062-4dce-aeb7-520c7ef76171'],
    );
    assert.deepEqual(offer, { flags: 0x10, mmioMegabytes: 16, userData: Uint8Array.of(4, 0, 0, 0) });
  });

  it('answers a Linux driver byte by byte as documented', () => {
    const { screen, channel } = opened([version]);

    assert.deepEqual(taken(channel), ['010000000e0000000200000006000000030005000201']);
    say(channel, { kind: 'resolutionsRequest', most: 64 });
    assert.deepEqual(taken(channel), [
      `01000000930000000e0000008b000000${'00'.repeat(128)}0200000004000300050004`.replaceAll(' ', ''),
    ]);
    say(channel, { kind: 'vramLocation', context: 0xf800_0000n, address: 0xf800_0000n });
    assert.deepEqual(taken(channel), ['01000000100000000400000008000000000000f800000000']);
    say(channel, situation({ width: 1024, height: 768, pitchBytes: 4096 }));
    assert.deepEqual(taken(channel), [
      '010000001000000006000000080000000000000000000000',
      '010000000c000000090000000400000001000001',
    ]);
    assert.deepEqual([screen.vramAddress, screen.situation?.height], [0xf800_0000n, 768]);
  });

  it('accepts every version 3, refuses others and waits for another request', () => {
    const { screen, channel } = opened([{ kind: 'versionRequest', version: 0x5_0004 }]);

    assert.deepEqual(taken(channel), ['010000000e0000000200000006000000040005000000']);
    assert.equal(screen.isReady, false);
    say(channel, { kind: 'versionRequest', version: 0x2_0003 });
    assert.deepEqual([screen.isReady, channel.take().length], [true, 1]);
  });

  it('answers what firmware asks for', () => {
    const { channel } = opened([version, { kind: 'biosInfoRequest' }, { kind: 'capabilityRequest' }]);

    assert.deepEqual(taken(channel).slice(1), [
      `01000000180000000c00000010000000${'00'.repeat(16)}`,
      `01000000480000001000000040000000${'00'.repeat(64)}`,
    ]);
  });

  it('lists no more resolutions than asked for', () => {
    const { channel } = opened([
      version,
      { kind: 'resolutionsRequest', most: 1 },
      { kind: 'resolutionsRequest', most: 0 },
    ]);

    const counts = channel.take().map(({ payload }) => payload[16 + 128]);
    assert.deepEqual(counts.slice(1), [1, 0]);
  });

  it('reads the picture where the guest has it', async () => {
    const { screen, memory, channel } = opened([version, vram, situation({ vramOffset: 64 })]);
    memory.bytes.set([1, 2, 3, 4], 0x1040);

    const { pixels, situation: picture } = await screen.read();
    assert.deepEqual([pixels.length, [...pixels.subarray(0, 4)], picture.width], [32, [1, 2, 3, 4], 4]);
    say(channel, { kind: 'vramLocation', context: 0n, address: 0xffff_ffff_ffff_f000n });
    await assert.rejects(screen.read(), { code: 'ERR_VMBUS_CORRUPT' });
    say(channel, { kind: 'vramLocation', context: 0n, address: null });
    await assert.rejects(screen.read(), { code: 'ERR_VMBUS_CLOSED' });
    await assert.rejects(video().read(), { code: 'ERR_VMBUS_CLOSED' });
  });

  it('tells what changed, clipped to the picture, and nothing while there is none', () => {
    const { events, channel } = opened([version, vram]);
    const dirt: VideoGuestMessage = {
      kind: 'dirt',
      output: 0,
      rectangles: [
        { left: -5, top: 1, right: 2 ** 31 - 1, bottom: 9 },
        { left: 4, top: 0, right: 9, bottom: 2 },
        { left: 3, top: 1, right: 2, bottom: 2 },
      ],
    };
    say(channel, dirt, situation(), dirt, situation({ isActive: false, width: 0 }), dirt);

    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['ready', 'vram', 'situation', 'dirt', 'situation'],
    );
    assert.deepEqual(events[3], { kind: 'dirt', rectangles: [{ left: 0, top: 1, right: 4, bottom: 2 }] });
  });

  it('tells the pointer, put together from its parts', () => {
    const { events, channel } = opened([version]);
    const shape = { kind: 'pointerShape', isArgb: true, width: 2, height: 2, hotX: 1, hotY: 0 } as const;
    const half = (first: number): Uint8Array => Uint8Array.from({ length: 8 }, (_, i) => first + i);
    say(channel, { kind: 'pointerPosition', isVisible: true, output: 0, x: -1, y: 2 });
    say(channel, { ...shape, part: 0, pixels: half(0) }, { ...shape, part: 0xff, pixels: half(8) });
    say(channel, { ...shape, part: 0xff, pixels: new Uint8Array(16) });

    assert.deepEqual(events[1], { kind: 'pointer', isVisible: true, x: -1, y: 2 });
    const { part: _, kind: __, ...rest } = { ...shape, part: 0 };
    assert.deepEqual(events.slice(2), [
      { kind: 'pointer-shape', shape: { ...rest, pixels: Uint8Array.from({ length: 16 }, (_, i) => i) } },
      { kind: 'pointer-shape', shape: { ...rest, pixels: new Uint8Array(16) } },
    ]);
  });

  it('asks for what a script wants, once there is a picture', async () => {
    const { screen, channel } = opened([version], { wants: { situation: false } });
    await screen.want({ pointerShape: true });
    assert.equal(taken(channel).length, 1);

    say(channel, situation({ isActive: false }), situation(), situation());
    assert.deepEqual(
      taken(channel).filter((hex) => hex.includes('09000000')),
      ['010000000c000000090000000400000001000100'],
    );
    await screen.want({ dirt: false });
    assert.deepEqual(taken(channel), ['010000000c000000090000000400000000000100']);
    await assert.rejects(screen.want({ drit: true } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(screen.want({ dirt: 1 } as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('forgets everything when the guest closes it or starts over', () => {
    const { screen, events, channel } = opened([version, vram, situation()]);
    say(channel, version);
    assert.deepEqual([screen.vramAddress, screen.situation, screen.isReady], [null, null, true]);

    channel.take();
    say(channel, vram, situation());
    assert.equal(taken(channel).at(-1), '010000000c000000090000000400000001000001');
    channel.close();
    assert.deepEqual([screen.vramAddress, screen.situation, events.at(-1)], [null, null, { kind: 'closed' }]);
    const again = ScriptedChannel.open(screen);
    say(again, version, situation());
    assert.equal(again.take().length, 3);
  });

  it('refuses options that make no sense', () => {
    const wrong: [VideoOptions, string][] = [
      [{ vramMegabytes: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ resolutions: [] }, 'ERR_OUT_OF_RANGE'],
      [{ resolutions: 'all' as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ resolutions: [null as never] }, 'ERR_INVALID_ARG_TYPE'],
      [{ resolutions: [{ width: 4096, height: 2160 }] }, 'ERR_INVALID_ARG_VALUE'],
      [{ resolutions: [{ width: 0, height: 1 }] }, 'ERR_OUT_OF_RANGE'],
      [{ edid: new Uint8Array(127) }, 'ERR_OUT_OF_RANGE'],
      [{ edid: 'edid' as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ wants: { dirt: 'yes' as never } }, 'ERR_INVALID_ARG_TYPE'],
      [{ vram: 8 } as never, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [options, expected] of wrong) assert.throws(() => video(options), { code: expected });
  });
});

describe('a guest that breaks the rules of video', () => {
  const part = { kind: 'pointerShape', isArgb: true, width: 96, height: 96, hotX: 0, hotY: 0 } as const;
  const violations: [string, readonly VideoGuestMessage[]][] = [
    ['skips the version', [vram]],
    ['skips an accepted version', [{ kind: 'versionRequest', version: 4 }, vram]],
    ['shows a picture beyond its memory', [version, situation({ vramOffset: 8 * 2 ** 20 - 31 })]],
    ['shows a picture whose size overflows', [version, situation({ height: 2 ** 31, pitchBytes: 2 ** 31 })]],
    ['shows lines longer than their pitch', [version, situation({ pitchBytes: 15 })]],
    ['shows an empty picture', [version, situation({ width: 0 })]],
    ['shows 16 bits a pixel', [version, situation({ depthBits: 16 })]],
    ['skips a part of a pointer', [version, { ...part, part: 1, pixels: new Uint8Array(4) }]],
    ['sends half a pointer', [version, { ...part, part: 0xff, pixels: new Uint8Array(4) }]],
    [
      'sends parts of a pointer without end',
      [version, ...Array.from({ length: 5 }, (_, i) => ({ ...part, part: i, pixels: new Uint8Array(8192) }))],
    ],
  ];
  for (const [what, messages] of violations)
    it(`and ${what} loses its channel`, () => {
      const { screen, channel } = opened(messages);

      assert.equal(code(channel.failure), 'ERR_VMBUS_PROTOCOL');
      assert.equal(screen.isReady, false);
    });

  it('never does more harm than that, whatever it sends', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .constantFrom<VideoGuestMessage>(version, vram, situation(), situation({ height: 7 }))
        .map(encodeVideoGuestMessage),
      fc
        .tuple(
          fc.integer({ min: 8, max: 60 }),
          fc.integer({ min: 1, max: 16 }),
          fc.uint8Array({ minLength: 52, maxLength: 52 }),
        )
        .map(([size, type, rest]) => Uint8Array.of(1, 0, 0, 0, size, 0, 0, 0, type, 0, 0, 0, 0, 0, 0, 0, ...rest)),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 10 }), (messages) => {
        const { channel } = opened([version]);
        for (const payload of messages) channel.say({ payload });

        if (!channel.isOpen) assert.equal(code(channel.failure), 'ERR_VMBUS_PROTOCOL');
      }),
      { numRuns: 500 },
    );
  });
});
