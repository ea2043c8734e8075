// SPDX-License-Identifier: MIT
//
// Key-value pairs over a real ring, with a guest that answers as Linux and its daemon do.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { kvp } from '../../dist/host/index.js';
import { status } from '../unit/support/linux-ic-guest.js';
import { closeAll, next, type ServedGuest, serve } from './ic-guest.js';

afterEach(closeAll);

describe('a key-value device', () => {
  /** The pools of a daemon, over the wire of Linux: every answer is a text. */
  function daemon(guest: ServedGuest): Map<string, string>[] {
    const pools = Array.from({ length: 5 }, () => new Map<string, string>());
    const text = (packet: Buffer, at: number, bytes: number): string =>
      packet
        .subarray(at, at + bytes)
        .toString('utf16le')
        .replace(/\0.*$/s, '');
    const put = (packet: Buffer, at: number, value: string): number => {
      packet.write(`${value}\0`, at, 'utf16le');
      return 2 * (value.length + 1);
    };
    guest.answer = (packet) => {
      const pool = pools[packet.readUInt8(29)];
      if (!pool) return status.failed;
      const operation = packet.readUInt8(28);
      if (operation === 1) {
        const isNumber = packet.readUInt32LE(32) === 4;
        const value = isNumber ? String(packet.readUInt32LE(556)) : text(packet, 556, packet.readUInt32LE(40));
        pool.set(text(packet, 44, packet.readUInt32LE(36)), value);
        return status.done;
      }
      if (operation === 2)
        return pool.delete(text(packet, 36, packet.readUInt32LE(32))) ? status.done : status.noMoreItems;
      if (operation === 0) {
        const key = text(packet, 44, packet.readUInt32LE(36));
        if (!pool.has(key)) return status.noMoreItems;
        packet.writeUInt32LE(1, 32);
        packet.writeUInt32LE(put(packet, 44, key), 36);
        packet.writeUInt32LE(put(packet, 556, ''), 40);
        return status.done;
      }
      if (operation !== 3) return status.failed;
      const item = [...pool][packet.readUInt32LE(32)];
      if (!item) return status.noMoreItems;
      packet.writeUInt32LE(1, 36);
      packet.writeUInt32LE(put(packet, 48, item[0]), 40);
      packet.writeUInt32LE(put(packet, 560, item[1]), 44);
      return status.done;
    };
    return pools;
  }

  it('sets, deletes and enumerates; a value that is asked for comes back empty, as from Linux', async () => {
    const pairs = kvp();
    const guest = await serve(pairs, '4.0 3.0 1.0');
    daemon(guest)[2]?.set('OSName', 'Debian').set('OSVersion', '13');

    await pairs.set('greeting', 'hällo');
    await pairs.set('answer', 42);

    assert.deepEqual(await pairs.enumerate('external'), [
      { key: 'greeting', type: 'string', value: 'hällo' },
      { key: 'answer', type: 'string', value: '42' },
    ]);
    assert.deepEqual(await pairs.get('greeting'), '');
    assert.equal(await pairs.get('nothing'), null);
    assert.deepEqual([await pairs.delete('answer'), await pairs.delete('answer')], [true, false]);
    assert.deepEqual(
      (await pairs.enumerate('auto')).map(({ key, value }) => [key, value]),
      [
        ['OSName', 'Debian'],
        ['OSVersion', '13'],
      ],
    );
    assert.ok(guest.bodies.every((body) => body.length === 2580));
  });

  it('sets what it was told to in every opening', async () => {
    const pairs = kvp({ values: { HostName: 'laptop', Year: 2024 } });
    const told = next(pairs, 'set');
    const guest = await serve(pairs, '4.0');
    const pools = daemon(guest);
    await told;
    await guest.close();
    const again = next(pairs, 'set');
    pools[0]?.clear();
    await guest.open();
    await again;

    assert.deepEqual(
      [...(pools[0] ?? [])],
      [
        ['HostName', 'laptop'],
        ['Year', '2024'],
      ],
    );
    assert.throws(() => kvp({ values: { k: true as never } }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => kvp({ values: { k: 2 ** 32 } }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('tells a failure from an end', async () => {
    const pairs = kvp();
    const guest = await serve(pairs, '4.0');
    guest.answer = () => status.failed;

    const refused = { code: 'ERR_VMBUS_REFUSED', facts: { service: 'kvp', operation: 'enumerate' } };
    await assert.rejects(pairs.enumerate('guest'), ({ code, facts }: typeof refused) => {
      assert.deepEqual([code, facts.operation], ['ERR_VMBUS_REFUSED', 'enumerate']);
      return true;
    });
    await assert.rejects(pairs.set('k', 'v'), { code: 'ERR_VMBUS_REFUSED', message: /set with failed/ });
    await assert.rejects(pairs.get('k'), { code: 'ERR_VMBUS_REFUSED' });
    await assert.rejects(pairs.delete('k'), { code: 'ERR_VMBUS_REFUSED' });
    await assert.rejects(pairs.enumerate('pool' as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('gives up on a pool without an end', async () => {
    const pairs = kvp();
    const guest = await serve(pairs, '4.0');
    guest.answer = (packet) => {
      guest.requests.length = 0;
      packet.writeUInt32LE(1, 36);
      return status.done;
    };

    await assert.rejects(pairs.enumerate('guest'), { code: 'ERR_VMBUS_PROTOCOL', message: /does not end/ });
  });

  for (const version of ['4.0', '5.0']) {
    it(`reads and writes addresses in the layout of ${version}`, async () => {
      const pairs = kvp();
      const guest = await serve(pairs, version);
      const info = {
        adapterId: '{00000000-1111-2222-3333-444444444444}',
        family: 'ipv4',
        isDhcp: false,
        addresses: ['192.0.2.7'],
        subnets: ['255.255.255.0'],
        gateways: ['192.0.2.1'],
        dnsServers: ['192.0.2.53', '192.0.2.54'],
        origins: [],
      } as const;
      await pairs.setIpInfo(info);
      const set = guest.requests[0];
      guest.answer = (packet) => {
        set?.copy(packet, 30, 30, 28 + 7428);
        return status.done;
      };

      const got = await pairs.getIpInfo('00:15:5D:00:00:01', { family: 'ipv4' });

      assert.deepEqual(got, { ...info, origins: version === '5.0' ? ['unknown'] : [] });
      assert.equal(guest.requests[1]?.readUInt16LE(18), 7428);
    });
  }
});
