// SPDX-License-Identifier: MIT
//
// A station on a simulated card's network: what it takes from its options.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { joinNetwork } from '../../dist/index.js';
import { NicScene } from './nic-scene.js';

describe('a station', () => {
  it('with a router and an address by DHCP went to the router that DHCP named', async () => {
    await using scene = await NicScene.open({ peer: '10.9.9.1/24' });
    await using station = await joinNetwork(scene.nic, { router: '10.9.9.77' });

    assert.match(station.address, /^10\.9\.9\.\d+$/);
    assert.equal(station.router, '10.9.9.77');
  });

  it('refuses a router that is no address before it asks for its own', async () => {
    await using scene = await NicScene.open();
    await assert.rejects(joinNetwork(scene.nic, { router: 'nowhere' }), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});
