// SPDX-License-Identifier: MIT
//
// Subchannels that a host was asked for: which of those that are there are meant, and how long they are waited for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { waitForOffers } from '../../dist/channel/subchannel-offers.js';

const open = { checkOpen: () => undefined };

/** A device whose channels have these indexes by their relids. The relids can be added to. */
function placeOf(indexes: Map<number, number | null>): Parameters<typeof waitForOffers>[1] {
  return { relids: () => [...indexes.keys()], subchannelIndex: (relid) => indexes.get(relid) ?? null };
}

describe('offered subchannels', () => {
  it('are told apart by their index, so that no other channel of the device is taken for one', async () => {
    // The primary one, one of another session, one that is not complete yet.
    const place = placeOf(
      new Map([
        [40, 7],
        [12, 0],
        [31, 2],
        [33, null],
        [30, 1],
      ]),
    );

    const relids = await waitForOffers(open, place, 2, { timeoutMs: 10_000 });

    assert.deepEqual([...relids].sort(), [
      [1, 30],
      [2, 31],
    ]);
  });

  it('are waited for', async () => {
    const indexes = new Map([[12, 0]]);
    let looks = 0;
    const place = placeOf(indexes);
    const late = {
      ...place,
      relids: () => {
        looks += 1;
        if (looks === 3) indexes.set(30, 1);
        return place.relids();
      },
    };

    assert.deepEqual([...(await waitForOffers(open, late, 1, { timeoutMs: 600_000 }))], [[1, 30]]);
  });

  it('are those that came, when the time is over', async () => {
    const place = placeOf(new Map([[30, 2]]));
    assert.deepEqual([...(await waitForOffers(open, place, 3, { timeoutMs: 5 }))], [[2, 30]]);
  });

  it('are waited for no longer than the signal lets, and not after the end of the channel', async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const waiting = waitForOffers(open, placeOf(new Map()), 1, { timeoutMs: 600_000, signal: stop.signal });
    stop.abort(reason);
    await assert.rejects(waiting, reason);
    const there = placeOf(new Map([[30, 1]]));
    await assert.rejects(waitForOffers(open, there, 1, { timeoutMs: 1, signal: stop.signal }), reason);

    const gone = {
      checkOpen: () => {
        throw reason;
      },
    };
    await assert.rejects(waitForOffers(gone, placeOf(new Map()), 1, { timeoutMs: 600_000 }), reason);
  });
});
