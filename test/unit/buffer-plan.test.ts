// SPDX-License-Identifier: MIT
//
// What the kernel says of a device's two buffers: each rule alone, at its edge.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { UioAttributes } from '../../dist/bus/index.js';
import { buffersOf } from '../../dist/channel/buffer-plan.js';

type Device = Parameters<typeof buffersOf>[0];
type Map = UioAttributes['maps'][number];

const id = '01234567-0123-0123-0123-0123456789ab';
const device = { id, path: `/sys/devices/vmbus/${id}`, class: { name: 'net' } } as unknown as Device;
const page = 4096;
const gibibyte = 2 ** 30;

/** The maps of a network card, some of them changed; null: there is none. */
function uioWith(changes: Readonly<Record<number, Partial<Map> | null>> = {}): UioAttributes {
  const maps = [
    { index: 0, name: 'txrx_rings', sizeBytes: 8 * page },
    { index: 1, name: 'int_page', sizeBytes: page },
    { index: 2, name: 'monitor_page', sizeBytes: page },
    { index: 3, name: 'recv:925200', sizeBytes: 31 * page },
    { index: 4, name: 'send:925201', sizeBytes: 16 * page },
  ].flatMap((map) => (changes[map.index] === null ? [] : [{ ...map, ...changes[map.index] }]));
  return { name: 'uio7', maps } as unknown as UioAttributes;
}

describe('the buffers of a device', () => {
  it('are those of maps 3 and 4, in whatever order the maps are listed', () => {
    const uio = uioWith();
    const expected = {
      receiveBytes: 31 * page,
      receiveGpadl: 925_200,
      sendBytes: 16 * page,
      sendGpadl: 925_201,
    };

    assert.deepEqual(buffersOf(device, uio), expected);
    assert.deepEqual(buffersOf(device, { ...uio, maps: uio.maps.toReversed() }), expected);
  });

  it('may be one page or a GiB, and have any handle of 32 bits', () => {
    const { receiveBytes, receiveGpadl, sendBytes, sendGpadl } = buffersOf(
      device,
      uioWith({ 3: { name: 'recv:4294967295', sizeBytes: gibibyte }, 4: { name: 'send:1', sizeBytes: page } }),
    );

    assert.deepEqual([receiveBytes, receiveGpadl, sendBytes, sendGpadl], [gibibyte, 2 ** 32 - 1, page, 1]);
  });

  for (const index of [3, 4] as const) {
    it(`are missing without map ${index}: says which, and what there is`, () => {
      assert.throws(() => buffersOf(device, uioWith({ [index]: null })), {
        code: 'ERR_VMBUS_UNSUPPORTED',
        device: id,
        path: `/sys/devices/vmbus/${id}/uio/uio7/maps/map${index}`,
        message: new RegExp(`\\(net\\).*uio7 has no map ${index}$`),
        facts: {
          feature: 'device buffers',
          maps: ['txrx_rings', 'int_page', 'monitor_page', index === 3 ? 'send:925201' : 'recv:925200'],
        },
        hint: /bind the device again/,
      });
    });

    const [own, other] = index === 3 ? ['recv', 'send'] : ['send', 'recv'];
    const nonsense: readonly (readonly [string, Partial<Map>])[] = [
      ['the name of the other', { name: `${other}:1` }],
      ['no name', { name: null }],
      ['an empty name', { name: '' }],
      ['no handle', { name: `${own}:` }],
      ['a handle that is no number', { name: `${own}:0x10` }],
      ['a handle below 0', { name: `${own}:-1` }],
      ['something before the name', { name: `x${own}:1` }],
      ['something behind the handle', { name: `${own}:1 ` }],
      ['a handle of 33 bits', { name: `${own}:4294967296` }],
      ['a handle of eleven digits', { name: `${own}:00000000001` }],
      ['no size', { sizeBytes: null }],
      ['a size of 0', { sizeBytes: 0 }],
      ['a size below 0', { sizeBytes: -page }],
      ['a byte too many', { sizeBytes: page + 1 }],
      ['a byte too few', { sizeBytes: page - 1 }],
      ['a page and a half', { sizeBytes: 1.5 * page }],
      ['more than a GiB', { sizeBytes: gibibyte + page }],
    ];
    for (const [what, change] of nonsense) {
      it(`are not taken where map ${index} has ${what}`, () => {
        const { name, sizeBytes } = { ...uioWith().maps[index], ...change } as Map;
        assert.throws(() => buffersOf(device, uioWith({ [index]: change })), {
          code: 'ERR_VMBUS_CORRUPT',
          device: id,
          path: `/sys/devices/vmbus/${id}/uio/uio7/maps/map${index}`,
          message: `Map ${index} of uio7 is no buffer`,
          facts: { name, sizeBytes },
          hint: new RegExp(`^cat .*/map${index}/name .*/map${index}/size`),
        });
      });
    }
  }
});
