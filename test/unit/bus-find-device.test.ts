// SPDX-License-Identifier: MIT
// Proves that a device is found by every name that people have for it, and what is said where none or several have it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { VmbusError } from '../../dist/errors.js';
import { BusTree, balloonId, kvpId, netId, scsiId } from './bus-tree.js';

describe('bus.device(name)', () => {
  const full = (): BusTree => {
    const tree = new BusTree();
    tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'uio_hv_generic' });
    tree.uio(balloonId, 'uio3');
    tree.device({ id: netId, className: 'net', relid: 2, driver: 'hv_netvsc' });
    tree.net(netId, 'eth0');
    tree.device({ id: scsiId, className: 'scsi', relid: 14, driver: 'hv_storvsc' });
    tree.disk(scsiId, 'sda', '8');
    return tree;
  };
  const names: readonly (readonly [name: string, id: string])[] = [
    [netId, netId],
    [`{${netId.toUpperCase()}}`, netId],
    ['eth0', netId],
    ['sda', scsiId],
    ['/dev/sda', scsiId],
    ['uio3', balloonId],
    ['/dev/uio3', balloonId],
    ['14', scsiId],
    ['balloon', balloonId],
    ['NET', netId],
    ['f8615163-df3e-46c5-913f-f2d2f965ed0e', netId],
  ];
  for (const [name, id] of names) {
    test(`finds ${name}`, () => {
      using tree = full();
      assert.equal(openBus({ root: tree.root }).device(name).id, id);
    });
  }

  test('names what is there, the nearest first, and guesses what was meant', () => {
    using tree = full();
    assert.throws(
      () => openBus({ root: tree.root }).device('etho'),
      (error: unknown) => {
        assert.ok(VmbusError.is(error));
        assert.equal(error.code, 'ERR_VMBUS_NO_DEVICE');
        assert.equal(error.facts.didYouMean, 'eth0');
        assert.equal(error.message, 'there is no device "etho"; there are eth0, balloon, sda');
        assert.match(error.hint ?? '', /did you mean "eth0"\? `hv ls`/);
        return true;
      },
    );
  });

  test('of a guest with many devices does not fill the screen with GUIDs when there is none of the name, or several', () => {
    using tree = full();
    for (let i = 0; i < 40; i++)
      tree.device({ id: `52510a2d-0000-4000-9000-0000000000${10 + i}`, className: 'scsi', relid: 100 + i });
    for (let i = 0; i < 9; i++) tree.net(netId, `lan${i}`);
    const failure = (name: string): VmbusError => {
      try {
        openBus({ root: tree.root }).device(name);
      } catch (error) {
        assert.ok(VmbusError.is(error));
        return error;
      }
      return assert.fail('there is one');
    };

    assert.equal(failure('nope').message, 'there is no device "nope"; there are balloon, eth0, sda, scsi');
    assert.equal(
      failure('lanx').message,
      'there is no device "lanx"; there are lan0, lan1, lan2, lan3, lan4 and 3 more',
    );
    assert.match(failure('scsi').message, /^"scsi" names 41 devices: scsi [^;]*(; scsi [^;]*){4} and 36 more$/);
    assert.equal((failure('nope').facts.available as string[]).length, 43, 'a program gets them all');
  });

  test('does not choose between two of a class', () => {
    using tree = full();
    tree.device({ id: kvpId, className: 'net', relid: 30 });
    assert.throws(() => openBus({ root: tree.root }).device('net'), {
      code: 'ERR_VMBUS_NO_DEVICE',
      message: /names 2 devices/,
    });
  });
});
