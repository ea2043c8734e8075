// SPDX-License-Identifier: MIT
//
// Asks a network for an address: DISCOVER, OFFER, REQUEST, ACK.
// Called by: station.ts. Source: RFC 2131. The lease is not renewed: a station lives for minutes.

import { randomInt } from 'node:crypto';
import { VmbusError } from '../../errors.js';
import type { Patience } from '../../limit.js';
import { broadcastMac, isStationIpv4, macNumber, prefixOf } from '../../protocol/ethernet/address.js';
import {
  addressBytes,
  addressOption,
  type DhcpMessage,
  DhcpOp,
  DhcpOption,
  DhcpType,
  decodeDhcp,
  dhcpClientPort,
  dhcpServerPort,
  encodeDhcp,
} from '../../protocol/ethernet/dhcp.js';
import { EtherType, encodeFrame } from '../../protocol/ethernet/frame.js';
import { encodeIpv4, IpProtocol, type Ipv4Packet } from '../../protocol/ethernet/ipv4.js';
import { decodeUdp, encodeUdp } from '../../protocol/ethernet/udp.js';
import type { StationAddress } from './station.js';
import type { Waits } from './waits.js';

const everybody = 0xffff_ffff;
const usualMask = 0xffff_ff00;

/** What asking takes. */
export interface DhcpClient {
  readonly mac: Uint8Array;
  readonly waits: Waits;
  readonly patience: Patience;
  send(frame: Uint8Array): Promise<void>;
}

/** @throws VmbusError ERR_VMBUS_TIMEOUT, ERR_VMBUS_REFUSED */
export async function askForAddress(client: DhcpClient): Promise<StationAddress> {
  const transactionId = randomInt(2 ** 32);
  const offer = await exchange(client, transactionId, DhcpType.discover, new Map());
  const server = addressOption(offer.options, DhcpOption.serverId) ?? offer.serverAddress;
  const ack = await exchange(
    client,
    transactionId,
    DhcpType.request,
    new Map([
      [DhcpOption.requestedAddress, addressBytes(offer.yourAddress)],
      [DhcpOption.serverId, addressBytes(server)],
    ]),
  );
  if (typeOf(ack) !== DhcpType.ack) throw refusedError();
  return { address: ack.yourAddress, prefix: prefixIn(ack), router: routerOf(ack) };
}

/** 0 where the mask is none; the usual one where the network names none. */
function prefixIn({ options }: DhcpMessage): number {
  return prefixOf(addressOption(options, DhcpOption.subnetMask) ?? usualMask);
}

/** Whether an offer, or what holds one good, can be lived with. */
function isUsable(message: DhcpMessage): boolean {
  return typeOf(message) === DhcpType.nak || (isStationIpv4(message.yourAddress) && prefixIn(message) > 0);
}

async function exchange(
  client: DhcpClient,
  transactionId: number,
  type: number,
  options: ReadonlyMap<number, Uint8Array>,
): Promise<DhcpMessage> {
  const expected: readonly number[] = type === DhcpType.discover ? [DhcpType.offer] : [DhcpType.ack, DhcpType.nak];
  const answer = client.waits.pick('udp', client.patience, lateError, (packet: Ipv4Packet) => {
    const message = messageIn(packet);
    const isForUs =
      message?.op === DhcpOp.reply &&
      message.transactionId === transactionId &&
      macNumber(message.clientMac) === macNumber(client.mac) &&
      expected.includes(typeOf(message)) &&
      isUsable(message);
    return isForUs ? copyOf(message) : null;
  });
  await client.send(
    frameOf(client.mac, transactionId, new Map([[DhcpOption.messageType, Uint8Array.of(type)], ...options])),
  );
  return answer;
}

function messageIn(packet: Ipv4Packet): DhcpMessage | null {
  const { source, destination } = packet;
  const datagram = decodeUdp(packet.payload, { source, destination });
  return datagram?.destinationPort === dhcpClientPort ? decodeDhcp(datagram.data) : null;
}

/** Its parts are views on a batch that is used again. */
function copyOf(message: DhcpMessage): DhcpMessage {
  const options = new Map([...message.options].map(([option, value]) => [option, value.slice()]));
  return { ...message, clientMac: message.clientMac.slice(), options };
}

function frameOf(mac: Uint8Array, transactionId: number, options: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const data = encodeDhcp({
    op: DhcpOp.request,
    transactionId,
    wantsBroadcast: true,
    clientAddress: 0,
    yourAddress: 0,
    serverAddress: 0,
    clientMac: mac,
    options,
  });
  const [source, destination] = [0, everybody];
  const payload = encodeUdp(
    { sourcePort: dhcpClientPort, destinationPort: dhcpServerPort, data },
    { source, destination },
  );
  const packet = encodeIpv4({ source, destination, protocol: IpProtocol.udp, payload });
  return encodeFrame({ destination: broadcastMac, source: mac, type: EtherType.ipv4, payload: packet });
}

function typeOf(message: DhcpMessage): number {
  return message.options.get(DhcpOption.messageType)?.[0] ?? 0;
}

function routerOf(message: DhcpMessage): number {
  const routers = message.options.get(DhcpOption.router);
  if (routers === undefined || routers.length < 4) return 0;
  return new DataView(routers.buffer, routers.byteOffset).getUint32(0);
}

function lateError(): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', 'Nobody on the network gives addresses away (DHCP)', {
    hint: 'name an address: hv net ping --from 10.9.9.2/24 …, or { address }',
  });
}

function refusedError(): VmbusError {
  return new VmbusError('ERR_VMBUS_REFUSED', 'The network took back the address that it had offered (DHCP)', {
    hint: 'try again, or name an address: { address }',
  });
}
