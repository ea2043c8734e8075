// SPDX-License-Identifier: MIT
//
// A station on a simulated card's network: what it takes from its options.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { joinNetwork } from '../../dist/index.js';
import { broadcastMac, parseIpv4, parseMac } from '../../dist/protocol/ethernet/address.js';
import {
  addressBytes,
  DhcpOp,
  DhcpOption,
  DhcpType,
  decodeDhcp,
  encodeDhcp,
} from '../../dist/protocol/ethernet/dhcp.js';
import { EtherType, encodeFrame } from '../../dist/protocol/ethernet/frame.js';
import { encodeIpv4, IpProtocol } from '../../dist/protocol/ethernet/ipv4.js';
import { encodeUdp } from '../../dist/protocol/ethernet/udp.js';
import { NicScene, take } from './nic-scene.js';

const dhcpOffset = 14 + 20 + 8;
const server = parseIpv4('10.9.9.1');

/** An answer to a DHCP request in a frame. */
function dhcpAnswer(request: Uint8Array, address: string, mask: string): Uint8Array {
  const message = decodeDhcp(request.subarray(dhcpOffset));
  assert.ok(message);
  const asked = message.options.get(DhcpOption.messageType)?.[0];
  const type = asked === DhcpType.discover ? DhcpType.offer : DhcpType.ack;
  const options = new Map([
    [DhcpOption.messageType, Uint8Array.of(type)],
    [DhcpOption.serverId, addressBytes(server)],
    [DhcpOption.subnetMask, addressBytes(parseIpv4(mask))],
  ]);
  const data = encodeDhcp({ ...message, op: DhcpOp.reply, yourAddress: parseIpv4(address), options });
  const [source, destination] = [server, 0xffff_ffff];
  const payload = encodeUdp({ sourcePort: 67, destinationPort: 68, data }, { source, destination });
  const packet = encodeIpv4({ source, destination, protocol: IpProtocol.udp, payload });
  const from = parseMac('02:00:00:00:00:01');
  return encodeFrame({ destination: broadcastMac, source: from, type: EtherType.ipv4, payload: packet });
}

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

  it('took what DHCP gave for an address, and a mask with gaps for a mask', async () => {
    await using scene = await NicScene.open();
    const port = scene.card.network.port();
    const joining = joinNetwork(scene.nic);
    for (let i = 0; i < 2; i += 1) {
      const [request] = await take(port.frames, 1);
      assert.ok(request);
      for (const [address, mask] of [
        ['0.0.0.0', '255.255.255.0'],
        ['0.0.0.9', '255.255.255.0'],
        ['127.0.0.1', '255.0.0.0'],
        ['224.0.0.1', '255.255.255.0'],
        ['255.255.255.255', '255.255.255.0'],
        ['10.9.9.8', '255.0.255.0'],
        ['10.9.9.8', '0.0.0.0'],
        ['10.9.9.9', '255.255.254.0'],
      ] as const)
        port.frames.write(dhcpAnswer(request, address, mask));
    }
    await using station = await joining;
    assert.deepEqual([station.address, station.prefix], ['10.9.9.9', 23]);
  });

  it('took the beginning of an address with two prefixes', async () => {
    await using scene = await NicScene.open();
    await assert.rejects(joinNetwork(scene.nic, { address: '10.9.9.2/24/7' }), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});
