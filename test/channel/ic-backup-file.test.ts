// SPDX-License-Identifier: MIT
//
// Backup and file copy over a real ring, with a guest that answers as Linux does; and the last word of a host that goes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fcopy, vss } from '../../dist/host/index.js';
import { ServedGuest } from './ic-guest.js';

const [freeze, thaw] = [5, 6];

describe('a backup device', () => {
  it('freezes and thaws a guest', async () => {
    const backup = vss();
    await using guest = await ServedGuest.serve(backup, ['5.0']);
    await using frozen = await backup.freeze();
    await frozen.thaw();

    assert.deepEqual(
      guest.bodies.map((body) => [body[0], body.length]),
      [
        [freeze, 12],
        [thaw, 12],
      ],
    );
  });

  for (const [how, go] of [
    ['closes', (guest: ServedGuest) => guest.host.close()],
    ['withdraws the device', (guest: ServedGuest) => guest.host.rescind('vss')],
  ] as const) {
    it(`leaves no frozen guest behind when its host ${how}`, async () => {
      const backup = vss();
      await using guest = await ServedGuest.serve(backup, ['5.0']);
      const frozen = await backup.freeze();

      await go(guest);
      await guest.ended();

      assert.deepEqual(
        guest.bodies.map((body) => body[0]),
        [freeze, thaw],
      );
      assert.equal(frozen.isFrozen, false);
      await assert.rejects(backup.thaw(), { code: 'ERR_VMBUS_RESCINDED' });
    });
  }
});

describe('a file copy device', () => {
  it('sends a file through the small ring of the class', async () => {
    const files = fcopy();
    await using guest = await ServedGuest.serve(files, ['1.1']);
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 13);
    const pieces: Buffer[] = [];
    guest.answer = (packet) => {
      if (packet.readUInt32LE(28) === 1) pieces.push(Buffer.from(packet.subarray(80, 80 + packet.readUInt32LE(76))));
      return 0;
    };

    await files.send(bytes, { path: '/var/tmp', name: 'größe.bin' });

    assert.equal(Buffer.compare(Buffer.concat(pieces), bytes), 0);
    assert.equal(guest.bodies[0]?.subarray(36, 54).toString('utf16le'), 'größe.bin');
    assert.equal(guest.host.channels('fcopy')[0]?.faults.ringDataBytes, 16_384);
  });
});
