// SPDX-License-Identifier: MIT
//
// Captured frames as a pcapng file: a section header, one Ethernet interface, a block per frame with nanoseconds.
// Called by: dump.ts. Source: the draft "PCAP Next Generation (pcapng) Capture File Format" of the IETF opsawg.

const sectionHeader = 0x0a0d_0d0a;
const interfaceDescription = 1;
const enhancedPacket = 6;
const byteOrderMagic = 0x1a2b_3c4d;
const ethernet = 1;
/** Options. */
const end = 0;
const userApplication = 4;
const interfaceName = 2;
const timeResolution = 9;
/** Ten to the minus 9. */
const nanoseconds = 9;
/** Type, length, and the length again behind the body. */
const frameBytes = 12;

/** What every file begins with. */
export function fileHeader(application: string, card: string): Uint8Array {
  const version = new Uint8Array(16);
  const view = new DataView(version.buffer);
  view.setUint32(0, byteOrderMagic, true);
  view.setUint16(4, 1, true);
  view.setUint16(6, 0, true);
  // The section's length is not known beforehand.
  view.setBigInt64(8, -1n, true);
  const link = new Uint8Array(8);
  new DataView(link.buffer).setUint16(0, ethernet, true);
  return Buffer.concat([
    block(sectionHeader, [version, option(userApplication, Buffer.from(application)), option(end)]),
    block(interfaceDescription, [
      link,
      option(interfaceName, Buffer.from(card)),
      option(timeResolution, Uint8Array.of(nanoseconds)),
      option(end),
    ]),
  ]);
}

/** A frame and when it came, in nanoseconds since 1970. */
export function packetBlock(frame: Uint8Array, timeNs: bigint): Uint8Array {
  const head = new Uint8Array(20);
  const view = new DataView(head.buffer);
  view.setUint32(0, 0, true);
  view.setUint32(4, Number(timeNs >> 32n), true);
  view.setUint32(8, Number(timeNs & 0xffff_ffffn), true);
  view.setUint32(12, frame.length, true);
  view.setUint32(16, frame.length, true);
  return block(enhancedPacket, [head, padded(frame)]);
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  const bytes = new Uint8Array(frameBytes + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.length, true);
  bytes.set(body, 8);
  view.setUint32(bytes.length - 4, bytes.length, true);
  return bytes;
}

function option(code: number, value: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = new Uint8Array(4);
  const view = new DataView(head.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  return Buffer.concat([head, padded(value)]);
}

/** Everything begins at a multiple of 4. */
function padded(bytes: Uint8Array): Uint8Array {
  const left = -bytes.length & 3;
  return left === 0 ? bytes : Buffer.concat([bytes, new Uint8Array(left)]);
}
