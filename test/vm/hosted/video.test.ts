// SPDX-License-Identifier: MIT
//
// The kernel's own hyperv_drm on our host: where its video memory is, its picture and its drawing, which we then read in that
// memory; and a screen for which the bus's window has no room.
// The lab makes the window (lab/hosted/memory-window.ts), for QEMU's machine has none.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Recorder, readRecording, type VideoEvent, video } from '../../../dist/host/index.js';
import { decodeVideoGuestMessage, decodeVideoHostMessage } from '../../../dist/protocol/synth-video.js';
import { assertContent, bootWorld, endWorld, type HostWorld } from './host-world.js';

const patient = { timeout: 240_000 };
const MEMORY_MIB = 512;
const WINDOW_MIB = 64;
const VRAM_MIB = 8;
const windowStart = BigInt((MEMORY_MIB - WINDOW_MIB) * 2 ** 20);

const small = { width: 640, height: 480 };
const large = { width: 800, height: 600 };
const situationOf = ({ width, height }: typeof small) => ({
  ...{ isActive: true, vramOffset: 0, depthBits: 32, width, height, pitchBytes: 4 * width },
});
/** Lines in the middle of the small picture. */
const lines = { first: 100, count: 10, bytes: 4 * small.width };

const screen = video({ vramMegabytes: VRAM_MIB, resolutions: [small, large] });
const tooBig = video({
  name: 'too-big',
  instanceGuid: '5620e0c7-8062-4dce-aeb7-520c7ef76172',
  vramMegabytes: 2 * WINDOW_MIB,
});
const seen: VideoEvent[] = [];
screen.subscribe((event) => seen.push(event));

const folder = mkdtempSync(join(tmpdir(), 'vmbus-video-'));
const recorder = new Recorder(join(folder, 'said.jsonl'));
let world: HostWorld;
let card = '';

before(async () => {
  world = await bootWorld({
    devices: [recorder.of(screen), recorder.of(tooBig)],
    flavour: 'generic', // the cloud flavour has no hyperv_drm
    memoryMiB: MEMORY_MIB,
    windowMiB: WINDOW_MIB,
    packages: ['libdrm-tests'],
  });
  await world.machine.must('modprobe hyperv_drm');
  const failed = `probe failed for device ${screen.instanceGuid}`;
  await world.machine.must(
    `until test -e /dev/fb0; do if dmesg | grep '${failed}'; then exit 1; else sleep 0.1; fi; done`,
  );
  card = await world.machine.must('modetest -M hyperv_drm -c');
  await world.machine.must('echo 0 > /sys/class/graphics/fbcon/cursor_blink');
});
after(async () => {
  await endWorld(world);
  rmSync(folder, { recursive: true });
});

/** The first event from the `since`th on that is accepted, waited for. */
function happens(since: number, accepts: (event: VideoEvent) => boolean): Promise<VideoEvent> {
  const known = seen.slice(since).find(accepts);
  if (known) return Promise.resolve(known);
  return new Promise((resolve) => {
    const stop = screen.subscribe((event) => {
      if (!accepts(event)) return;
      stop();
      resolve(event);
    });
  });
}

const isSituation = (width: number) => (event: VideoEvent) =>
  event.kind === 'situation' && event.situation.width === width;

/** Draws lines through the kernel's frame buffer, at one stroke: 6.12 tells nothing of a line that is written alone. */
async function draw(pixels: Uint8Array): Promise<void> {
  await world.machine.must('cat > /tmp/lines', { input: pixels });
  const seek = lines.first / lines.count;
  await world.machine.must(`dd if=/tmp/lines of=/dev/fb0 bs=${pixels.length} seek=${seek} count=1 2> /dev/null`);
}

/** The same lines as they are in video memory. */
async function drawn(): Promise<Buffer> {
  const { pixels } = await screen.read();
  return Buffer.from(pixels).subarray(lines.first * lines.bytes, (lines.first + lines.count) * lines.bytes);
}

/** A pixel as blue, green, red. */
async function pixel(x: number, y: number): Promise<number[]> {
  const { pixels, situation } = await screen.read();
  const at = y * situation.pitchBytes + 4 * x;
  return [...pixels.subarray(at, at + 3)];
}

/** What was said on a device's first channel, either way. */
async function said(device: string): Promise<string[]> {
  const channels = await readRecording(recorder.path);
  const events = channels.find((channel) => channel.device === device)?.events ?? [];
  return events.flatMap((event) => {
    if (event.what === 'from-guest') return [decodeVideoGuestMessage(Buffer.from(event.payload, 'hex')).kind];
    if (event.what === 'to-guest') return [decodeVideoHostMessage(Buffer.from(event.payload, 'hex')).kind];
    return event.what === 'close' ? ['close'] : [];
  });
}

describe('hyperv_drm', patient, () => {
  it('takes video memory from the window and shows the first resolution', async () => {
    await happens(0, isSituation(small.width));
    const told = seen.filter(({ kind }) => kind === 'ready' || kind === 'vram' || kind === 'situation');
    assert.deepEqual(told.slice(0, 3), [
      { kind: 'ready', version: 0x5_0003 },
      { kind: 'vram', address: windowStart },
      { kind: 'situation', situation: situationOf(small) },
    ]);
    const last = windowStart + BigInt(VRAM_MIB * 2 ** 20) - 1n;
    const range = `${windowStart.toString(16)}-${last.toString(16)} : ${screen.instanceGuid}`;
    assert.equal((await world.machine.must(`grep ${screen.instanceGuid} /proc/iomem`)).trim(), range);
  });

  it('hides the pointer that the host would draw', async () => {
    assert.deepEqual(await happens(0, ({ kind }) => kind === 'pointer'), {
      ...{ kind: 'pointer', isVisible: true, x: 0, y: 0 },
    });
    const shape = { isArgb: true, width: 1, height: 1, hotX: 0, hotY: 0, pixels: Uint8Array.of(0, 1, 1, 1) };
    assert.deepEqual(await happens(0, ({ kind }) => kind === 'pointer-shape'), { kind: 'pointer-shape', shape });
  });

  it('offers the resolutions that the host lists, the first as the preferred one', () => {
    const modes = [...card.matchAll(/^ +#\d+ (\d+x\d+) .*type: (\S*?),? ?driver$/gm)];
    assert.deepEqual([...new Set(modes.map(([, size]) => size))], ['640x480', '800x600']);
    assert.deepEqual(
      modes.filter(([, , type]) => type === 'preferred').map(([, size]) => size),
      ['640x480'],
    );
  });

  it('tells what was drawn, which then stands in video memory', async () => {
    const pixels = randomBytes(lines.count * lines.bytes);
    const since = seen.length;
    await draw(pixels);
    const isOurs = (event: VideoEvent) =>
      event.kind === 'dirt' && event.rectangles.some(({ top }) => top === lines.first); // not the console's cursor
    assert.deepEqual(await happens(since, isOurs), {
      kind: 'dirt',
      rectangles: [{ left: 0, top: lines.first, right: small.width, bottom: lines.first + lines.count }],
    });
    assert.ok(pixels.equals(await drawn()), 'what was drawn is in video memory');
  });

  it('changes the picture for a program, and back', async () => {
    const before = await drawn();
    const connector = /^(\d+)\t\d+\tconnected/m.exec(card)?.[1];
    let since = seen.length;
    const program = world.machine.start(`modetest -M hyperv_drm -s ${connector}:800x600`); // until its input ends
    const event = await happens(since, isSituation(large.width));
    assert.deepEqual(event, { kind: 'situation', situation: situationOf(large) });
    // Colours of SMPTE's bars: grey at the left, blue at the right.
    assert.deepEqual(await pixel(0, 0), [192, 192, 192]);
    assert.deepEqual(await pixel(large.width - 1, 0), [192, 0, 0]);
    since = seen.length;
    program.write();
    await happens(since, isSituation(small.width));
    assert.equal(await program.ended, 0);
    assert.ok(before.equals(await drawn()), 'the console is back');
  });

  it('falls silent when nobody wants to know what was drawn', async () => {
    let told: VideoEvent[];
    do {
      // How soon the kernel takes notice cannot be seen, so this goes on until it has.
      await screen.want({ dirt: false });
      const since = seen.length;
      const pixels = randomBytes(lines.count * lines.bytes);
      await draw(pixels);
      while (!pixels.equals(await drawn())) await pause(20);
      await screen.want({ dirt: true });
      await happens(since, ({ kind }) => kind === 'pointer-shape');
      told = seen.slice(since).filter(({ kind }) => kind === 'dirt');
    } while (told.length > 0);
  });

  it('closes when it lets go of the device, and begins anew', async () => {
    const driver = '/sys/bus/vmbus/drivers/hyperv_drm';
    let since = seen.length;
    await world.machine.must(`echo ${screen.instanceGuid} > ${driver}/unbind`);
    await happens(since, ({ kind }) => kind === 'closed');
    assert.deepEqual([screen.vramAddress, screen.situation], [null, null]);
    assert.notEqual((await world.machine.run(`grep ${screen.instanceGuid} /proc/iomem`)).status, 0);

    since = seen.length;
    await world.machine.must(`echo ${screen.instanceGuid} > ${driver}/bind`);
    // What the console draws before the kernel knows that somebody wants to hear of it is not told.
    await happens(since, ({ kind }) => kind === 'pointer-shape');
    await draw(randomBytes(lines.count * lines.bytes));
    await happens(since, ({ kind }) => kind === 'dirt');
    assert.deepEqual([screen.vramAddress, screen.situation], [windowStart, situationOf(small)]);
  });
});

describe('hyperv_drm without room in the window', patient, () => {
  it('gives the device up with ENOMEM', async () => {
    const failed = `probe failed for device ${tooBig.instanceGuid}`;
    await world.machine.must(`until dmesg | grep -q '${failed}'; do sleep 0.1; done`);
    const log = await world.machine.must('dmesg');
    assert.match(log, new RegExp(`${tooBig.instanceGuid}: \\[drm\\] \\*ERROR\\* Failed to allocate mmio`));
    assert.match(log, new RegExp(`${failed} \\(-12\\)`));
  });
});

describe('the whole machine', () => {
  it('has said what SynthVid says, in its order', async () => {
    await recorder.close();
    const agreement = ['versionRequest', 'versionResponse', 'resolutionsRequest', 'resolutionsResponse'];
    assert.deepEqual(await said('too-big'), [...agreement, 'close']);
    assert.deepEqual((await said('video')).slice(0, 11), [
      ...agreement,
      ...['vramLocation', 'vramLocationAck', 'pointerPosition', 'pointerShape'],
      ...['situationUpdate', 'situationAck', 'featureChange'],
    ]);
  });

  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
