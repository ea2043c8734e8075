// SPDX-License-Identifier: MIT
//
// The beginning of a network card: version, configuration, buffers, RNDIS, what the card says of itself. Frames flow only
// when the filter is set, which is the caller's last step.
// Called by: nic.ts. Every number of the host is checked before it is used.
// Source of the order: drivers/net/hyperv/netvsc.c and rndis_filter.c of the Linux kernel.

import { VmbusError } from '../../errors.js';
import type { BufferPlan } from '../../native/binding.js';
import { formatMac, macBytes } from '../../protocol/ethernet/address.js';
import { protocolViolation } from '../../protocol/message-fields.js';
import { NdisCapability, NvspStatus, NvspVersion, receiveBufferId } from '../../protocol/nvsp.js';
import { Oid, RndisStatus } from '../../protocol/rndis.js';
import type { NicControl } from './control.js';

/** Newest first. Older hosts want a smaller receive buffer than the kernel's, which cannot be had here. */
const versions = [NvspVersion.v61, NvspVersion.v6, NvspVersion.v5, NvspVersion.v4] as const;
const ethernetHeaderBytes = 14;
const sendBufferId = 0;
/** The least that a piece or a section must hold: a header, and a little. */
const leastPieceBytes = 68;
const maxTransferBytes = 0x4000;
const connected = 0;
/** Speeds come in units of 100 bit/s. */
const unitsPerMbit = 10_000;

/** What was agreed on about the buffers. */
export interface BufferTerms {
  readonly pieceBytes: number;
  readonly pieces: number;
  readonly sectionBytes: number;
}

/** What the card says of itself. */
export interface NicFacts {
  readonly version: number;
  readonly mac: string;
  readonly permanentMac: string;
  readonly name: string | null;
  readonly mtu: number;
  readonly isUp: boolean;
  readonly speedMbps: number;
}

/** Version, configuration and buffers. @throws VmbusError ERR_VMBUS_UNSUPPORTED, ERR_VMBUS_PROTOCOL, ERR_VMBUS_REFUSED */
export async function agreeOnBuffers(control: NicControl, buffers: BufferPlan, mtu: number): Promise<BufferTerms> {
  control.version = await agreeOnVersion(control);
  const capabilities = NdisCapability.vlan | NdisCapability.teaming;
  await control.tell({ kind: 'ndisConfig', mtu: mtu + ethernetHeaderBytes, capabilities });
  await control.tell({ kind: 'ndisVersion', major: 6, minor: control.version >= NvspVersion.v5 ? 30 : 1 });
  const receive = await shareReceiveBuffer(control, buffers);
  return { ...receive, sectionBytes: await shareSendBuffer(control, buffers) };
}

async function agreeOnVersion(control: NicControl): Promise<number> {
  for (const version of versions) {
    const init = { kind: 'init', minVersion: version, maxVersion: version } as const;
    const { status } = await control.nvsp(init, 'initComplete');
    if (status === NvspStatus.success) return version;
  }
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', 'The host speaks no version of NVSP that this library does', {
    facts: { feature: 'NVSP 4.0 or later', versions: versions.map(versionName) },
    hint: 'leave the network card to the kernel on this host',
  });
}

async function shareReceiveBuffer(
  control: NicControl,
  { receiveGpadl, receiveBytes }: BufferPlan,
): Promise<Pick<BufferTerms, 'pieceBytes' | 'pieces'>> {
  const share = { kind: 'receiveBuffer', gpadl: receiveGpadl, bufferId: receiveBufferId } as const;
  const { status, sections } = await control.nvsp(share, 'receiveBufferComplete');
  if (status !== NvspStatus.success) throw refused('receive buffer', status);
  const [section] = sections;
  if (section === undefined || sections.length !== 1)
    throw protocolViolation('nvsp', `the host cut the receive buffer into ${sections.length} sections`);
  const { offset, sectionBytes, count } = section;
  const isSound = offset === 0 && sectionBytes >= leastPieceBytes && count > 0 && sectionBytes * count <= receiveBytes;
  if (!isSound)
    throw protocolViolation(
      'nvsp',
      `${count} pieces of ${sectionBytes} bytes at ${offset} in a buffer of ${receiveBytes}`,
    );
  return { pieceBytes: sectionBytes, pieces: count };
}

async function shareSendBuffer(control: NicControl, { sendGpadl, sendBytes }: BufferPlan): Promise<number> {
  const share = { kind: 'sendBuffer', gpadl: sendGpadl, bufferId: sendBufferId } as const;
  const { status, sectionBytes } = await control.nvsp(share, 'sendBufferComplete');
  if (status !== NvspStatus.success) throw refused('send buffer', status);
  const isSound = sectionBytes >= 2 * leastPieceBytes && sectionBytes % 4 === 0 && sectionBytes <= sendBytes;
  if (!isSound) throw protocolViolation('nvsp', `sections of ${sectionBytes} bytes in a send buffer of ${sendBytes}`);
  return sectionBytes;
}

/** RNDIS, and what the card says of itself. @throws VmbusError */
export async function learnFacts(control: NicControl, wantedMtu: number): Promise<NicFacts> {
  const start = { kind: 'initialize', major: 1, minor: 0, maxTransferBytes } as const;
  const { status } = await control.rndis(start, 'initializeComplete');
  if (status !== RndisStatus.success) throw refused('RNDIS session', status);
  const permanentMac = macOf(await control.query(Oid.permanentAddress));
  const mac = macOf(await control.query(Oid.currentAddress)) ?? permanentMac;
  if (mac === null) throw protocolViolation('rndis', 'the network card has no address');
  const maxFrame = await control.queryNumber(Oid.maxFrameSize);
  const media = await control.queryNumber(Oid.mediaConnectStatus);
  const speed = await control.queryNumber(Oid.linkSpeed);
  return {
    version: control.version,
    mac,
    permanentMac: permanentMac ?? mac,
    name: nameOf(await control.query(Oid.friendlyName)),
    mtu: maxFrame === null || maxFrame < leastPieceBytes ? wantedMtu : Math.min(maxFrame, wantedMtu),
    isUp: media === connected,
    speedMbps: megabits(speed ?? 0),
  };
}

/** Of units of 100 bit/s. */
export function megabits(units: number): number {
  return Math.floor(units / unitsPerMbit);
}

/** `6.1` */
export function versionName(version: number): string {
  return `${version >>> 16}.${version & 0xffff}`;
}

function macOf(info: Uint8Array | null): string | null {
  return info === null || info.length < macBytes ? null : formatMac(info);
}

function nameOf(info: Uint8Array | null): string | null {
  if (info === null || info.length === 0) return null;
  const text = Buffer.from(info.buffer, info.byteOffset, info.length & ~1).toString('utf16le');
  return text.replace(/\0.*$/s, '') || null;
}

function refused(what: string, status: number): VmbusError {
  return new VmbusError('ERR_VMBUS_REFUSED', `The host refused the ${what} of the network card: status ${status}`, {
    facts: { what, status },
    hint: 'close whoever else has the card, bind it again, then try again',
  });
}
