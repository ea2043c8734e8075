// SPDX-License-Identifier: MIT
//
// Messages that real kernels and our host exchanged, and the tests that every codec has to pass on them.
// What a vector is, and where they come from: test/fixtures/wire/README.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

/** One message. */
export interface WireVector {
  readonly from: 'guest' | 'host';
  readonly kind: string;
  /** Sender, kind, and what else tells its shape from others: `host keystroke release`. */
  readonly name: string;
  /** Packet type and flags; 0 where the message was no packet. */
  readonly type: number;
  readonly flags: number;
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
  /** Releases of the kernels that sent exactly this, or got it. */
  readonly kernels: readonly string[];
}

/** Bytes that a codec does not keep, and why not. */
export interface Unkept {
  readonly at: number;
  readonly bytes: number;
  readonly why: string;
}

/** A direction of a protocol. Without an encoder every shape needs its literal fields. */
export interface RecordedCodec {
  decode(vector: WireVector): unknown;
  encode?(message: never, vector: WireVector): Uint8Array;
}

/** What a protocol's vectors are tested with. */
export interface RecordedProtocol {
  readonly guest?: RecordedCodec;
  readonly host?: RecordedCodec;
  /** Fields by vector name, written by hand from the protocol's reference. Each kind has at least one. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where there is no decoder: what the encoder makes of literal fields, by vector name. Every shape needs it. */
  readonly made?: Readonly<Record<string, Uint8Array>>;
  /** What encoding cannot give back. */
  readonly unkept?: (vector: WireVector) => readonly Unkept[];
}

/** Bytes of hexadecimal digits with blanks, in which `00*12` are twelve zeros. */
export function wireBytes(text: string): Uint8Array {
  const pieces = text.split(' ').map((piece) => {
    const [digits = '', count = '1'] = piece.split('*');
    return digits.repeat(Number(count));
  });
  return Uint8Array.from(Buffer.from(pieces.join(''), 'hex'));
}

/** All vectors of a protocol, from `test/fixtures/wire`. */
export function readVectors(protocol: string): WireVector[] {
  const file = new URL(`../../../test/fixtures/wire/${protocol}.jsonl`, import.meta.url);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { detail = '', type = 0, flags = 0, header = '', payload, ...rest } = JSON.parse(line);
      const name = `${rest.from} ${rest.kind} ${detail}`.trim();
      return { ...rest, name, type, flags, header: wireBytes(header), payload: wireBytes(payload) };
    });
}

/** The codec of headers, whose vectors have no payload. */
export function headerOnly<T>(
  decode: (header: Uint8Array) => T,
  encode: (message: never) => Uint8Array,
): RecordedCodec {
  return {
    decode: ({ header }) => decode(header),
    // Nothing pads a header: it is compared here, and there is no payload.
    encode(message, { name, header }) {
      assert.equal(hex(encode(message)), hex(header), name);
      return new Uint8Array(0);
    },
  };
}

/** Declares the tests of a protocol's vectors. */
export function describeRecorded(
  protocol: string,
  { fields, made = {}, unkept = () => [], ...codecs }: RecordedProtocol,
): void {
  const vectors = readVectors(protocol);
  const codecOf = ({ from, name }: WireVector): RecordedCodec => {
    const codec = codecs[from];
    assert.ok(codec, `${name} has no codec`);
    return codec;
  };

  describe(`${protocol} as real kernels speak it`, () => {
    for (const [name, expected] of Object.entries(fields)) {
      it(`says in "${name}" what its bytes say`, () => {
        const decoded = vectors.filter((vector) => vector.name === name).map((v) => codecOf(v).decode(v));
        assert.ok(decoded.length > 0, `no kernel has sent it: ${vectors.map((vector) => vector.name).join(', ')}`);
        if (!decoded.some((message) => isEqual(message, expected))) assert.deepEqual(decoded[0], expected);
      });
    }

    for (const [name, bytes] of Object.entries(made)) {
      it(`has "${name}" as we make it`, () => {
        const recorded = vectors.filter((vector) => vector.name === name).map(({ payload }) => hex(payload));
        assert.ok(recorded.includes(hex(bytes)), `${hex(bytes)} is none of ${recorded.join(', ')}`);
      });
    }

    it('has no message of a kind that nobody has looked at', () => {
      const known = Object.keys(fields);
      const isKnown = (v: WireVector): boolean =>
        v.name in made ||
        known.some((name) =>
          codecs[v.from]?.encode ? `${name} `.startsWith(`${v.from} ${v.kind} `) : name === v.name,
        );
      assert.deepEqual(
        vectors.filter((vector) => !isKnown(vector)).map(({ name }) => name),
        [],
      );
    });

    it('is decoded as the kind that it is, and encoded to the same bytes', () => {
      for (const vector of vectors.filter(({ name }) => !(name in made))) {
        const { decode, encode } = codecOf(vector);
        const message = decode(vector);
        if (hasKind(message)) assert.equal(message.kind, vector.kind, vector.name);
        if (encode) assertSameBytes(vector, encode(message as never, vector), unkept(vector));
      }
    });
  });
}

/** A ring pads payloads with up to seven zeros; besides, nothing may differ but what is known not to be kept. */
function assertSameBytes({ name, payload }: WireVector, encoded: Uint8Array, unkept: readonly Unkept[]): void {
  const expected = Uint8Array.from(payload);
  const padded = new Uint8Array(payload.length);
  assert.ok(encoded.length <= payload.length, `${name}: ${encoded.length} bytes of ${payload.length}`);
  assert.ok(payload.length - encoded.length < 8, `${name}: ${encoded.length} bytes of ${payload.length}`);
  padded.set(encoded);
  for (const { at, bytes } of unkept) {
    expected.fill(0, at, at + bytes);
    padded.fill(0, at, at + bytes);
  }
  assert.equal(hex(padded), hex(expected), name);
}

/** For comparing and for people: long runs of zeros are counted. */
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/(?:00){12,}/g, (zeros) => ` 00*${zeros.length / 2} `);
}

function hasKind(message: unknown): message is { readonly kind: string } {
  return typeof (message as { kind?: unknown } | null)?.kind === 'string';
}

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
