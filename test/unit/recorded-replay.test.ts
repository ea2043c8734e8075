// SPDX-License-Identifier: MIT
//
// Our providers of today over what a 6.12 kernel said to those of then: each says the same again, byte by byte.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  dynamicMemory,
  heartbeat,
  ide,
  keyboard,
  kvp,
  memoryDisk,
  mouse,
  NetworkSwitch,
  netvsp,
  shutdown,
  vss,
} from '../../dist/host/index.js';
import { assertReplays, readReplay } from './support/wire-replays.js';

describe('a provider that meets a recorded kernel again', () => {
  it('beats as often as its heart beat then', async () => {
    await assertReplays(readReplay('heartbeat'), heartbeat({ intervalMs: 100 }));
  });

  it('sets, lists and deletes key-value pairs, and hears what the kernel tells of itself', async () => {
    const pairs = kvp();
    await assertReplays(readReplay('kvp'), pairs, async () => {
      await pairs.set('color', 'blue');
      await pairs.set('größe', 'ünïcödé');
      const colors = (await pairs.enumerate('external')).map(({ key, value }) => [key, value]);
      assert.deepEqual(colors, [
        ['color', 'blue'],
        ['größe', 'ünïcödé'],
      ]);
      await pairs.delete('color');
      await pairs.delete('größe');
      assert.deepEqual(await pairs.enumerate('external'), []);
      const release = (await pairs.enumerate('auto')).find(({ key }) => key === 'OSBuildNumber');
      assert.equal(release?.value, '6.12.117+deb13-cloud-amd64');
    });
  });

  it('freezes and thaws', async () => {
    const backup = vss();
    await assertReplays(readReplay('vss'), backup, async () => {
      const frozen = await backup.freeze();
      await frozen.thaw();
    });
  });

  it('switches off', async () => {
    const power = shutdown();
    await assertReplays(readReplay('shutdown'), power, async () => {
      await power.ready();
      assert.equal(await power.shutdown(), 0);
    });
  });

  it('types', async () => {
    const keys = keyboard();
    await assertReplays(readReplay('keyboard'), keys, async () => {
      await keys.ready();
      await keys.type('aB');
    });
  });

  it('moves, clicks and turns the wheel', async () => {
    const pointer = mouse();
    await assertReplays(readReplay('mouse'), pointer, async () => {
      await pointer.ready();
      await pointer.move(0.25, 0.75);
      await pointer.click('left');
      await pointer.wheel(-1);
    });
  });

  it('takes memory and gives it back', async () => {
    const [ramPages, givenPages] = [0x2_0000, 0x4000];
    const memory = dynamicMemory({ ramPages });
    await assertReplays(readReplay('dynamic-memory'), memory, async () => {
      memory.balloon(ramPages - givenPages);
      for await (const { kind } of memory.events()) {
        if (kind === 'ballooned') memory.balloon(ramPages);
        if (kind === 'unballooned' && memory.balloonedPages === 0) break;
      }
    });
  });

  it('brings a network card up', async () => {
    const card = netvsp({ switch: new NetworkSwitch(), name: 'left', queues: 2, mac: '00:15:5d:00:00:01' });
    await assertReplays(readReplay('net'), card);
  });

  it('comes to terms about a disk, and tells what the disk is', async () => {
    const channel = readReplay('ide');
    // The answer to INQUIRY of the page with the serial number: a header of 4 bytes, then the text.
    const page = channel.events.flatMap((event) =>
      event.what === 'memory-written' && event.bytes.startsWith('00800020') ? [event.bytes] : [],
    );
    const serial = Buffer.from(page.at(-1) ?? '', 'hex').toString('latin1', 4);
    const disk = memoryDisk({ sizeBytes: 96 * 1024 * 1024 });
    await assertReplays(channel, ide({ disk, serial }));
  });
});
