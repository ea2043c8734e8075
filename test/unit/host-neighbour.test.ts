// SPDX-License-Identifier: MIT
//
// The neighbour on a simulated network: ARP, pings, UDP echo, and addresses by DHCP.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NetworkPeer, NetworkSwitch, networkPeer } from '../../dist/host/index.js';
import { broadcastMac, formatIpv4, parseIpv4, parseMac } from '../../dist/protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../dist/protocol/ethernet/arp.js';
import {
  addressBytes,
  addressOption,
  type DhcpMessage,
  DhcpOp,
  DhcpOption,
  DhcpType,
  decodeDhcp,
  encodeDhcp,
} from '../../dist/protocol/ethernet/dhcp.js';
import { decodeFrame, EtherType, encodeFrame } from '../../dist/protocol/ethernet/frame.js';
import { decodeIcmpEcho, encodeIcmpEcho, IcmpType } from '../../dist/protocol/ethernet/icmp.js';
import { decodeIpv4, encodeIpv4, IpProtocol } from '../../dist/protocol/ethernet/ipv4.js';
import { decodeUdp, encodeUdp } from '../../dist/protocol/ethernet/udp.js';

const guestMac = parseMac('02:00:00:00:00:0a');
const b = parseMac('02:00:00:00:00:0b');
const c = parseMac('02:00:00:00:00:0c');
const peerMac = parseMac('00:15:5d:ff:09:01');
const guestAddress = parseIpv4('10.9.9.2');
const peerAddress = parseIpv4('10.9.9.1');

/** A peer and a script that talks to it. */
function neighbours(options: Partial<Parameters<typeof networkPeer>[0]> = {}) {
  const lan = new NetworkSwitch();
  const peer: NetworkPeer = networkPeer({ address: '10.9.9.1', ...options });
  lan.connect(peer);
  const port = lan.port();
  const say = (
    type: number,
    payload: Uint8Array,
    destination: Uint8Array = peerMac,
  ): ReturnType<typeof decodeFrame> => {
    port.frames.write(encodeFrame({ destination, source: guestMac, type, payload }));
    const frame = port.frames.read() as Uint8Array | null;
    return frame && decodeFrame(frame);
  };
  const ip = (protocol: number, payload: Uint8Array, to = peerAddress, from = guestAddress) => {
    const answer = say(EtherType.ipv4, encodeIpv4({ source: from, destination: to, protocol, payload }));
    return answer && { ...decodeIpv4(answer.payload), mac: answer.destination };
  };
  return { peer, say, ip };
}

describe('a neighbour', () => {
  it('answers who has its address, and nobody else', () => {
    const { peer, say } = neighbours();
    const ask = (targetAddress: number, operation: number = ArpOperation.request) =>
      say(
        EtherType.arp,
        encodeArp({
          operation,
          senderMac: guestMac,
          senderAddress: guestAddress,
          targetMac: new Uint8Array(6),
          targetAddress,
        }),
        broadcastMac,
      );
    const reply = ask(peerAddress);
    assert.deepEqual([reply?.destination, reply?.source, reply?.type], [guestMac, peerMac, EtherType.arp]);
    assert.deepEqual(decodeArp(reply?.payload ?? new Uint8Array()), {
      operation: ArpOperation.reply,
      senderMac: peerMac,
      senderAddress: peerAddress,
      targetMac: guestMac,
      targetAddress: guestAddress,
    });
    assert.equal(ask(guestAddress), null);
    assert.equal(ask(peerAddress, ArpOperation.reply), null);
    assert.deepEqual([peer.statistics.arps, peer.mac, peer.address], [1, '00:15:5d:ff:09:01', '10.9.9.1']);
  });

  it('answers pings with what is in them', () => {
    const { peer, ip, say } = neighbours();
    const ping = encodeIcmpEcho({
      type: IcmpType.echoRequest,
      identifier: 7,
      sequence: 9,
      data: new Uint8Array(1400).fill(5),
    });
    const pong = ip(IpProtocol.icmp, ping);
    assert.deepEqual([pong?.source, pong?.destination, pong?.mac], [peerAddress, guestAddress, guestMac]);
    assert.deepEqual(decodeIcmpEcho(pong?.payload ?? new Uint8Array()), {
      type: IcmpType.echoReply,
      identifier: 7,
      sequence: 9,
      data: new Uint8Array(1400).fill(5),
    });
    assert.equal(ip(IpProtocol.icmp, ping, parseIpv4('10.9.9.3')), null, 'for another address');
    assert.equal(
      ip(
        IpProtocol.icmp,
        ping.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
      ),
      null,
      'broken',
    );
    const packet = encodeIpv4({ source: guestAddress, destination: peerAddress, protocol: 1, payload: ping });
    assert.equal(say(EtherType.ipv4, packet, c), null, 'for another card');
    assert.equal(peer.statistics.pings, 1);
  });

  it('sends UDP back on port 7', () => {
    const { ip } = neighbours();
    const addresses = { source: guestAddress, destination: peerAddress };
    const data = Uint8Array.of(1, 2, 3);
    const echo = ip(IpProtocol.udp, encodeUdp({ sourcePort: 4000, destinationPort: 7, data }, addresses));
    const back = { source: peerAddress, destination: guestAddress };
    const datagram = decodeUdp(echo?.payload ?? new Uint8Array(), back);
    assert.deepEqual(datagram, { sourcePort: 7, destinationPort: 4000, data });
    assert.equal(ip(IpProtocol.udp, encodeUdp({ sourcePort: 4000, destinationPort: 8, data }, addresses)), null);
  });

  it('is told apart by its options', () => {
    assert.equal(networkPeer({ address: '192.168.3.4' }).mac, '00:15:5d:ff:03:04');
    assert.equal(networkPeer({ address: '192.168.3.4', mac: '02:00:00:00:00:01' }).mac, '02:00:00:00:00:01');
    for (const wrong of [
      {},
      { address: 'x' },
      { address: '10.0.0.1', prefix: 31 },
      { address: '10.0.0.1', dhpc: true },
    ])
      assert.throws(() => networkPeer(wrong as never), /address|prefix|dhcp/);
  });
});

const dhcpBase: DhcpMessage = {
  op: DhcpOp.request,
  transactionId: 0x1234_5678,
  wantsBroadcast: false,
  clientAddress: 0,
  yourAddress: 0,
  serverAddress: 0,
  clientMac: guestMac,
  options: new Map(),
};

function dhcpClient(options: Parameters<typeof neighbours>[0] = {}) {
  const { peer, say } = neighbours(options);
  const ask = (
    type: number,
    more: Partial<DhcpMessage> = {},
    extra: readonly (readonly [number, Uint8Array])[] = [],
  ) => {
    const all = new Map<number, Uint8Array>([[DhcpOption.messageType, Uint8Array.of(type)], ...extra]);
    const data = encodeDhcp({ ...dhcpBase, ...more, options: all });
    const addresses = { source: more.clientAddress ?? 0, destination: 0xffff_ffff };
    const udp = encodeUdp({ sourcePort: 68, destinationPort: 67, data }, addresses);
    const payload = encodeIpv4({ ...addresses, protocol: IpProtocol.udp, payload: udp });
    const frame = say(EtherType.ipv4, payload, broadcastMac);
    if (!frame) return null;
    const packet = decodeIpv4(frame.payload);
    assert.ok(packet);
    const datagram = decodeUdp(packet.payload, packet);
    assert.deepEqual([datagram?.sourcePort, datagram?.destinationPort], [67, 68]);
    const reply = decodeDhcp(datagram?.data ?? new Uint8Array());
    assert.ok(reply);
    const replyType = reply.options.get(DhcpOption.messageType)?.[0];
    return {
      reply,
      type: replyType,
      mac: frame.destination,
      to: packet.destination,
      yours: formatIpv4(reply.yourAddress),
    };
  };
  const wish = (text: string) => [DhcpOption.requestedAddress, addressBytes(parseIpv4(text))] as const;
  const server = (text: string) => [DhcpOption.serverId, addressBytes(parseIpv4(text))] as const;
  return { peer, ask, wish, server };
}

describe('a neighbour that gives addresses away', () => {
  it('offers one, gives it, and names mask, router and time', () => {
    const { peer, ask, wish, server } = dhcpClient({ leaseSeconds: 600 });
    const offer = ask(DhcpType.discover);
    assert.deepEqual([offer?.type, offer?.yours, offer?.mac], [DhcpType.offer, '10.9.9.2', guestMac]);
    assert.equal(offer?.to, guestAddress);
    assert.deepEqual([offer?.reply.op, offer?.reply.transactionId], [DhcpOp.reply, 0x1234_5678]);

    const ack = ask(DhcpType.request, {}, [wish('10.9.9.2'), server('10.9.9.1')]);
    assert.deepEqual([ack?.type, ack?.yours], [DhcpType.ack, '10.9.9.2']);
    const option = (number: number): number | null => addressOption(ack?.reply.options ?? new Map(), number);
    assert.equal(option(DhcpOption.subnetMask), 0xffff_ff00);
    assert.equal(option(DhcpOption.router), peerAddress);
    assert.equal(option(DhcpOption.serverId), peerAddress);
    assert.equal(option(DhcpOption.leaseSeconds), 600);
    assert.deepEqual([...peer.leases], [['02:00:00:00:00:0a', '10.9.9.2']]);
    assert.equal(peer.statistics.dhcps, 2);
  });

  it('answers everybody where the client cannot be reached yet, and the client where it has its address', () => {
    const { ask, wish } = dhcpClient();
    const loud = ask(DhcpType.discover, { wantsBroadcast: true });
    assert.deepEqual([loud?.mac, loud?.to], [broadcastMac, 0xffff_ffff]);
    ask(DhcpType.request, {}, [wish('10.9.9.2')]);
    const renewal = ask(DhcpType.request, { clientAddress: guestAddress, wantsBroadcast: true });
    assert.deepEqual([renewal?.type, renewal?.mac, renewal?.to], [DhcpType.ack, guestMac, guestAddress]);
  });

  it('keeps the address of a client, gives each its own, and grants a wish that is free', () => {
    const { ask, wish } = dhcpClient();
    assert.equal(ask(DhcpType.discover)?.yours, '10.9.9.2');
    assert.equal(ask(DhcpType.discover)?.yours, '10.9.9.2');
    assert.equal(ask(DhcpType.discover, { clientMac: b })?.yours, '10.9.9.3');
    assert.equal(ask(DhcpType.discover, { clientMac: c }, [wish('10.9.9.77')])?.yours, '10.9.9.77');
    const taken = ask(DhcpType.discover, { clientMac: parseMac('02:00:00:00:00:0d') }, [wish('10.9.9.77')]);
    assert.equal(taken?.yours, '10.9.9.4');
  });

  it('says no to an address of another network, or of somebody else', () => {
    const { ask, wish } = dhcpClient();
    ask(DhcpType.discover, { clientMac: b });
    for (const text of ['192.168.0.5', '10.9.9.2', '10.9.9.1', '10.9.9.255', '10.9.9.0']) {
      const no = ask(DhcpType.request, { clientMac: c }, [wish(text)]);
      assert.deepEqual([no?.type, no?.yours, no?.mac], [DhcpType.nak, '0.0.0.0', broadcastMac], text);
    }
  });

  it('lets go of what is given back, and of what somebody else has', () => {
    const { peer, ask } = dhcpClient();
    ask(DhcpType.discover);
    assert.equal(ask(DhcpType.release), null);
    assert.equal(peer.leases.size, 0);
    assert.equal(ask(DhcpType.discover, { clientMac: b })?.yours, '10.9.9.2');
    assert.equal(ask(DhcpType.decline, { clientMac: b }), null);
    assert.equal(ask(DhcpType.discover)?.yours, '10.9.9.3');
  });

  it('has no more addresses than its network', () => {
    const { ask } = dhcpClient({ prefix: 30, address: '10.9.9.1' });
    assert.equal(ask(DhcpType.discover)?.yours, '10.9.9.2');
    assert.equal(ask(DhcpType.discover, { clientMac: b }), null);
  });

  it('is silent where the client chose another server, and where it shall give nothing away', () => {
    const { ask, wish, server } = dhcpClient();
    assert.equal(ask(DhcpType.request, {}, [wish('10.9.9.2'), server('10.9.9.99')]), null);
    assert.equal(ask(DhcpType.inform, { clientAddress: guestAddress })?.type, DhcpType.ack);
    assert.equal(dhcpClient({ dhcp: false }).ask(DhcpType.discover), null);
  });
});
