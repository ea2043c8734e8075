// SPDX-License-Identifier: MIT
//
// A network card that its host withdraws: when the guest may hear of it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RndisIndication } from '../../dist/protocol/rndis.js';
import { ScriptedNetGuest, success, testFrame } from './net-guest.js';

describe('frames of a card', () => {
  it('end when the card is withdrawn: it waits for what the guest has, and completes what the guest sends', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    guest.holds = true;
    port.frames.write(testFrame(1));
    await guest.frame();

    let isDrained = false;
    const drained = guest.primary.drain().then(() => {
      isDrained = true;
    });
    port.frames.write(testFrame(2));
    const sent = guest.sendFrame(testFrame(3));
    assert.deepEqual(await guest.completed(sent), success);
    assert.deepEqual([isDrained, guest.frames.length], [false, 0]);
    guest.completeHeld();
    await drained;
    assert.deepEqual([guest.nic.statistics.held, guest.nic.statistics.refused], [0, 1]);
  });

  it('end with the cable taken out: a driver that still sent when it heard of the withdrawal waited for ever', async () => {
    const guest = await ScriptedNetGuest.up();
    let isDrained = false;
    const drained = guest.primary.drain().then(() => {
      isDrained = true;
    });
    await guest.until(() => guest.indications.length > 0);
    assert.deepEqual(
      guest.indications.map((news) => (news.kind === 'indicateStatus' ? news.status : news.kind)),
      [RndisIndication.mediaDisconnect],
    );
    // Its last frame, and the answer, which it has to read before it may hear of the withdrawal.
    assert.deepEqual(await guest.completed(guest.sendFrame(testFrame(1))), success);
    assert.equal(isDrained, false);
    await drained;
  });

  it('end at once when the guest closes the card itself', async () => {
    const guest = await ScriptedNetGuest.up();
    guest.holds = true;
    guest.nic.network.port().frames.write(testFrame(1));
    await guest.frame();
    const drained = guest.primary.drain();
    guest.primary.close();
    await drained;
  });
});
