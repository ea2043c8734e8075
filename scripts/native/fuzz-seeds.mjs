// SPDX-License-Identifier: MIT
//
// First inputs for the fuzz targets of native/fuzz: a few bytes each that already reach the interesting states. What the
// fuzzer finds beyond them stays in build-sanitize/corpus and is its start the next time.
// Called by: test-sanitize.mjs. The layouts are those of the targets' Input::Take and Input::Below calls.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const u16 = (...values) => Buffer.from(Uint16Array.from(values).buffer);
const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
const bytes = (...values) => Buffer.from(values);

const descriptor = u16(6, 2, 3, 1);
const packet = Buffer.concat([descriptor, Buffer.alloc(8, 0x11), Buffer.from('hello\0\0\0'), Buffer.alloc(8)]);
const completion = Buffer.concat([u16(0xb, 2, 2, 0), Buffer.alloc(16)]);
const transferPages = Buffer.concat([u16(7, 4, 5, 1), Buffer.alloc(32, 0x22), Buffer.alloc(8)]);

const word = (...values) => Buffer.from(Uint32Array.from(values).buffer);
// A message of 104 bytes with a frame of 60, one with an element before it, and a header that names both.
const frame = Buffer.concat([word(1, 104, 36, 60, 0, 0, 0, 0, 0, 0, 0), Buffer.alloc(60, 0x33)]);
const tagged = Buffer.concat([word(1, 104, 52, 44, 0, 0, 0, 36, 16, 0, 0, 16, 6, 12, 0x70), Buffer.alloc(44, 0x44)]);
const pieces = Buffer.concat([word(0xcafe, 2, 104, 0, 104, 104)]);

const seeds = {
  // header bytes, piece bytes, messages, rows at once; then the header and the buffer.
  frame_fuzz: [
    Buffer.concat([u16(pieces.length, 208, 0, 3), pieces, frame, tagged]),
    Buffer.concat([u16(16, 208, 7, 0), word(0xcafe, 1, 208, 0), frame, tagged]),
  ],
  // data size, start, first index; then steps: 5 = sound packets, 8 = drain, 6 = publish, 7 = arm, 1 = write index.
  reader_fuzz: [
    Buffer.concat([u16(20, 0, 3, 1), ...Array(6).fill(u16(5, 40, 0, 3, 8, 79, 11, 15, 6, 7))]),
    Buffer.concat([u16(20, 0, 3, 1), u16(5, 40, 0, 3, 0, 16, 7), packet, u16(8, 79, 11, 15, 1, 2, 9, 8, 79, 11, 15)]),
  ],
  // data size, sound, start; then steps: 8 = write, 6 = publish, 4 = receive, 7 = wait for space, 0 = read index.
  writer_fuzz: [
    Buffer.concat([u16(20, 1, 4), ...Array(8).fill(Buffer.concat([u16(8, 1, 40), bytes(1, 2, 3, 4), u16(0, 6, 4)]))]),
    Buffer.concat([
      u16(4, 1, 0),
      ...Array(9).fill(u16(8, 1, 60, 0, 0, 0, 0, 0, 0, 0, 6)),
      u16(7),
      u32(60),
      u16(1, 4, 8),
    ]),
  ],
  // descriptor, used; data size, read index, write index, ring bytes.
  packet_fuzz: [packet, completion, transferPages].map((first) =>
    Buffer.concat([descriptor, u32(32), u16(10, 3, 3 + first.length / 8 + 3), first, completion]),
  ),
};

/** Writes the seeds of a target into a folder. */
export function writeSeeds(target, folder) {
  mkdirSync(folder, { recursive: true });
  for (const [i, seed] of seeds[target].entries()) writeFileSync(path.join(folder, `seed-${i}`), seed);
}
