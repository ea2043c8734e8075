// SPDX-License-Identifier: MIT
//
// Synthetic video over real rings: the conversation of a guest on a served folder, and of a machine without QEMU, whose memory has
// the picture.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';

import {
  type HostTrouble,
  QemuHost,
  SimulatedHost,
  type VideoEvent,
  type VideoProvider,
  type VideoSituation,
  video,
} from '../../dist/host/index.js';
import {
  decodeVideoHostMessage,
  encodeVideoGuestMessage,
  type VideoGuestMessage,
  type VideoHostMessage,
} from '../../dist/protocol/synth-video.js';
import { FakeMachine, message } from './fake-machine.js';
import { RawGuest } from './host-raw-guest.js';

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const resolutions = [
  { width: 8, height: 4 },
  { width: 16, height: 8 },
];
const picture: VideoSituation = {
  ...{ isActive: true, vramOffset: 4096, depthBits: 32, width: 8, height: 4, pitchBytes: 32 },
};
const vramBytes = 2 ** 20;
const vramAddress = 8 * vramBytes;

/** The guest's end, whatever carries it. */
interface Guest {
  say(message: VideoGuestMessage): void;
  hear(): Promise<VideoHostMessage>;
  close(): void | Promise<void>;
  /** Puts bytes into the guest's memory; null where the host cannot reach any. */
  readonly put: ((address: number, bytes: Uint8Array) => void) | null;
}

interface World {
  readonly guest: Guest;
  readonly screen: VideoProvider;
  readonly events: VideoEvent[];
  readonly troubles: HostTrouble[];
}

type Start = (screen: VideoProvider, onTrouble: (trouble: HostTrouble) => void) => Promise<Guest>;

const ways: readonly (readonly [string, Start])[] = [
  ['on a served folder', onFolder],
  ['in a machine whose memory is mapped', (screen, onTrouble) => inMachine(screen, onTrouble, true)],
  [
    'in a machine whose memory is at the other end of the stream',
    (screen, onTrouble) => inMachine(screen, onTrouble, false),
  ],
];

async function onFolder(screen: VideoProvider, onTrouble: (trouble: HostTrouble) => void): Promise<Guest> {
  const host = await SimulatedHost.start({ devices: [screen], bound: true, onTrouble });
  cleanUps.push(() => host.close());
  const guest = await RawGuest.open(host.root);
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => (closed ??= guest.close());
  cleanUps.push(close);
  const channel = guest.primary();
  return {
    say: (message) => assert.equal(channel.trySend(Buffer.from(encodeVideoGuestMessage(message))), 0),
    hear: async () => decodeVideoHostMessage((await channel.receive()).payload),
    close,
    put: null,
  };
}

async function inMachine(
  screen: VideoProvider,
  onTrouble: (trouble: HostTrouble) => void,
  isMapped: boolean,
): Promise<Guest> {
  const machine = new FakeMachine();
  cleanUps.push(() => machine.close());
  const memory = isMapped ? { memoryFile: machine.memoryFile } : {};
  const host = await QemuHost.start({ devices: [screen], stream: machine.stream, onTrouble, ...memory });
  cleanUps.push(() => host.close());
  const [offer] = await machine.connect();
  assert.ok(offer);
  const channel = await machine.open(offer);
  return {
    say: (message) => assert.ok(channel.send(encodeVideoGuestMessage(message))),
    hear: async () => decodeVideoHostMessage((await channel.receive()).payload),
    close: () => machine.post(message(7, offer.relid)),
    put: (address, bytes) => machine.write(address, bytes),
  };
}

async function world(start: Start): Promise<World> {
  const screen = video({ vramMegabytes: vramBytes / 2 ** 20, resolutions });
  const events: VideoEvent[] = [];
  screen.subscribe((event) => events.push(event));
  const troubles: HostTrouble[] = [];
  const guest = await start(screen, (trouble) => troubles.push(trouble));
  return { guest, screen, events, troubles };
}

async function ask(guest: Guest, message: VideoGuestMessage): Promise<VideoHostMessage> {
  guest.say(message);
  return guest.hear();
}

/** What Linux says up to its first picture, and what it hears. */
async function show(guest: Guest): Promise<VideoHostMessage[]> {
  return [
    await ask(guest, { kind: 'versionRequest', version: 0x5_0003 }),
    await ask(guest, { kind: 'resolutionsRequest', most: 64 }),
    await ask(guest, { kind: 'vramLocation', context: 3n, address: BigInt(vramAddress) }),
    await ask(guest, { kind: 'situationUpdate', context: 4n, situation: picture }),
    await guest.hear(),
  ];
}

/** Acts, then waits for the event. */
async function event(
  screen: VideoProvider,
  kind: VideoEvent['kind'],
  act: () => void | Promise<void>,
): Promise<VideoEvent> {
  const told = new Promise<VideoEvent>((resolve) => {
    const stop = screen.subscribe((one) => {
      if (one.kind !== kind) return;
      stop();
      resolve(one);
    });
  });
  await act();
  return told;
}

const features = { dirt: true, pointerPosition: false, pointerShape: false, situation: true };
const whole = { left: 0, top: 0, right: picture.width, bottom: picture.height };

for (const [where, start] of ways) {
  describe(`a screen ${where}`, () => {
    it('agrees on a version and resolutions, and takes video memory and a picture', async () => {
      const { guest, events, troubles } = await world(start);
      assert.deepEqual(await show(guest), [
        { kind: 'versionResponse', version: 0x5_0003, accepted: 'again', outputs: 1 },
        { kind: 'resolutionsResponse', edid: new Uint8Array(128), resolutions, defaultIndex: 0, isStandard: false },
        { kind: 'vramLocationAck', context: 3n },
        { kind: 'situationAck', context: 4n },
        { kind: 'featureChange', features },
      ]);
      assert.deepEqual(events, [
        { kind: 'ready', version: 0x5_0003 },
        { kind: 'vram', address: BigInt(vramAddress) },
        { kind: 'situation', situation: picture },
      ]);
      assert.deepEqual(troubles, []);
    });

    it('tells what was drawn, and of another picture and place', async () => {
      const { guest, screen } = await world(start);
      await show(guest);
      const drawn = { kind: 'dirt', output: 0, rectangles: [{ ...whole, bottom: 99 }] } as const;
      assert.deepEqual(await event(screen, 'dirt', () => guest.say(drawn)), { kind: 'dirt', rectangles: [whole] });

      const wide = { ...picture, vramOffset: 0, width: 16, height: 8, pitchBytes: 64 };
      await ask(guest, { kind: 'situationUpdate', context: 5n, situation: wide });
      assert.deepEqual(screen.situation, wide);
      assert.deepEqual(await ask(guest, { kind: 'vramLocation', context: 6n, address: null }), {
        kind: 'vramLocationAck',
        context: 6n,
      });
      assert.equal(screen.vramAddress, null);
    });

    it('asks for what is wanted from now on', async () => {
      const { guest, screen } = await world(start);
      await show(guest);
      await screen.want({ dirt: false, pointerShape: true });
      assert.deepEqual(await guest.hear(), {
        kind: 'featureChange',
        features: { ...features, dirt: false, pointerShape: true },
      });
    });

    it('reads the picture where the guest has memory that the host can reach', async () => {
      const { guest, screen } = await world(start);
      await show(guest);
      if (!guest.put) {
        await assert.rejects(screen.read(), { code: 'ERR_VMBUS_CORRUPT' });
        return;
      }
      const pixels = Uint8Array.from({ length: picture.height * picture.pitchBytes }, (_, i) => i);
      guest.put(vramAddress + picture.vramOffset, pixels);
      const frame = await screen.read();
      assert.deepEqual([frame.situation, Uint8Array.from(frame.pixels)], [picture, pixels]);
    });

    it('ends the channel of a guest that shows a picture beyond its memory', async () => {
      const { guest, screen, troubles } = await world(start);
      await show(guest);
      const beyond = { ...picture, vramOffset: vramBytes - 1 };
      await event(screen, 'closed', () => guest.say({ kind: 'situationUpdate', context: 7n, situation: beyond }));
      assert.equal(screen.situation, null);
      assert.deepEqual(
        troubles.map(({ error }) => (error as { code?: unknown }).code),
        ['ERR_VMBUS_PROTOCOL'],
      );
    });

    it('forgets everything when the guest closes', async () => {
      const { guest, screen } = await world(start);
      await show(guest);
      await event(screen, 'closed', () => guest.close());
      assert.deepEqual([screen.vramAddress, screen.situation, screen.isReady], [null, null, false]);
    });
  });
}
