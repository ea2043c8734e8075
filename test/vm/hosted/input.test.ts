// SPDX-License-Identifier: MIT
//
// The kernel's own hyperv_keyboard and hid_hyperv on our host: what is pressed and moved there arrives at /dev/input here.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { keyboard, mouse } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld } from './host-world.js';

const patient = { timeoutMs: 120_000 };
const EV_KEY = 1;
const EV_REL = 2;
const EV_ABS = 3;

const keys = keyboard();
const pointer = mouse();

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [keys, pointer],
  });
  // Modules on some kernels, built in on others.
  for (const name of ['atkbd', 'hid-generic', 'evdev', 'hyperv-keyboard', 'hid-hyperv'])
    await world.machine.run(`modprobe ${name}`);
  await Promise.all([keys.ready(patient), pointer.ready(patient)]);
});
after(async () => endWorld(world));

/** Where the events of an input device come out, waited for. */
const nodeOf = async (name: string): Promise<string> =>
  `/dev/input/${await world.machine.must(
    `until grep -l '${name}' /sys/class/input/event*/device/name 2> /dev/null; do sleep 0.1; done | head -1 | cut -d/ -f5`,
  )}`;

interface InputEvent {
  readonly type: number;
  readonly code: number;
  readonly value: number;
}

/**
 * What an input device tells while the host acts: so many events of the wanted types, struct input_event of 24 bytes each.
 * Nothing before the reader is there would be seen, so it says when it is: its node is open.
 */
async function events(node: string, types: readonly number[], count: number, act: () => Promise<void>) {
  const each = `dd bs=24 count=1 <&3 2> /dev/null | hexdump -v -e '24/1 "%02x" "\\n"'`; // a longer pipe would wait for more
  const reader = world.machine.start(`exec 3< ${node}; echo open; while :; do ${each}; done`);
  const seen: InputEvent[] = [];
  let isOpen = false;
  let rest = '';
  for await (const chunk of reader.stdout) {
    rest += String(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'open' && !isOpen) {
        isOpen = true;
        await act();
        continue;
      }
      const bytes = Buffer.from(line, 'hex');
      const event = { type: bytes.readUInt16LE(16), code: bytes.readUInt16LE(18), value: bytes.readInt32LE(20) };
      if (types.includes(event.type)) seen.push(event);
    }
    if (seen.length >= count) break;
  }
  reader.kill('SIGKILL');
  await reader.ended;
  return seen;
}

describe('hyperv_keyboard', () => {
  it('types what the host types', async () => {
    const node = await nodeOf('AT Translated Set 2 keyboard');
    const seen = await events(node, [EV_KEY], 6, () => keys.type('aB'));
    // include/uapi/linux/input-event-codes.h: KEY_A 30, KEY_LEFTSHIFT 42, KEY_B 48.
    assert.deepEqual(
      seen.map(({ code, value }) => [code, value]),
      [
        [30, 1],
        [30, 0],
        [42, 1],
        [48, 1],
        [48, 0],
        [42, 0],
      ],
    );
  });
});

describe('hid_hyperv', () => {
  it('moves, clicks and turns the wheel as the host does', async () => {
    const node = await nodeOf('Microsoft Vmbus HID-compliant Mouse');
    const seen = await events(node, [EV_KEY, EV_REL, EV_ABS], 6, async () => {
      await pointer.move(0.25, 0.75);
      await pointer.click('left');
      await pointer.wheel(-1);
    });
    assert.deepEqual(
      seen.slice(0, 2).map(({ type, code }) => [type, code]),
      [
        [EV_ABS, 0],
        [EV_ABS, 1],
      ],
    );
    const [x, y] = seen;
    assert.ok(x && y && Math.abs(y.value / x.value - 3) < 0.01, JSON.stringify([x, y]));
    assert.deepEqual(
      seen.filter(({ type }) => type === EV_KEY).map(({ code, value }) => [code, value]),
      [
        [0x110, 1],
        [0x110, 0],
      ],
    );
    assert.ok(
      seen.some(({ type, code, value }) => type === EV_REL && code === 8 && value === -1),
      'the wheel',
    );
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
