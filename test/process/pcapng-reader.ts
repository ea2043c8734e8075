// SPDX-License-Identifier: MIT
//
// Reads capture files as the draft "PCAP Next Generation (pcapng) Capture File Format" describes them, and complains about
// everything that it does not allow. Written from the draft, not from our writer.

import assert from 'node:assert/strict';

export interface Capture {
  readonly application: string;
  readonly interfaces: { readonly linkType: number; readonly name: string; readonly resolution: number }[];
  readonly packets: { readonly bytes: Uint8Array; readonly time: bigint }[];
}

export function readPcapng(file: Buffer): Capture {
  const capture: Capture & { application: string } = { application: '', interfaces: [], packets: [] };
  let at = 0;
  while (at < file.length) {
    const type = file.readUInt32LE(at);
    const length = file.readUInt32LE(at + 4);
    assert.equal(length % 4, 0, 'blocks are padded to 32 bits');
    assert.equal(file.readUInt32LE(at + length - 4), length, 'the length stands at both ends');
    const body = file.subarray(at + 8, at + length - 4);
    assert.ok(at > 0 || type === 0x0a0d0d0a, 'a section header comes first');
    if (type === 0x0a0d0d0a) {
      assert.equal(body.readUInt32LE(0), 0x1a2b3c4d, 'byte order');
      assert.deepEqual([body.readUInt16LE(4), body.readUInt16LE(6)], [1, 0], 'version');
      capture.application = options(body.subarray(16)).get(4)?.toString() ?? '';
    } else if (type === 1) {
      const found = options(body.subarray(8));
      assert.equal(body.readUInt16LE(2), 0, 'reserved');
      capture.interfaces.push({
        linkType: body.readUInt16LE(0),
        name: found.get(2)?.toString() ?? '',
        resolution: found.get(9)?.[0] ?? 6,
      });
    } else if (type === 6) {
      assert.ok(body.readUInt32LE(0) < capture.interfaces.length, 'a known interface');
      const captured = body.readUInt32LE(12);
      assert.ok(captured <= body.readUInt32LE(16), 'no more captured than there was');
      assert.equal(body.length, 20 + Math.ceil(captured / 4) * 4, 'padding');
      const time = (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8));
      capture.packets.push({ bytes: body.subarray(20, 20 + captured), time });
    } else assert.fail(`a block of type ${type}`);
    at += length;
  }
  return capture;
}

function options(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const code = bytes.readUInt16LE(at);
    const length = bytes.readUInt16LE(at + 2);
    if (code === 0) {
      assert.deepEqual([length, at + 4], [0, bytes.length], 'the end of the options');
      return found;
    }
    found.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  assert.fail('options without an end');
}
