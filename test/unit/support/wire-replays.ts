// SPDX-License-Identifier: MIT
//
// Whole channels of real kernels, played to a provider of today: it has to say what it said to them, and to write into their
// memory what it wrote. Where they come from: test/fixtures/wire/README.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { type Provider, type RecordedChannel, replay } from '../../../dist/host/index.js';
import { wireBytes } from './wire-vectors.js';

const packed = ['data', 'header', 'payload', 'bytes'];

/** A recorded channel, from `test/fixtures/wire/replay`. */
export function readReplay(name: string): RecordedChannel {
  const file = new URL(`../../../test/fixtures/wire/replay/${name}.jsonl`, import.meta.url);
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const unpack = (key: string, value: unknown): unknown =>
    packed.includes(key) && typeof value === 'string' ? Buffer.from(wireBytes(value)).toString('hex') : value;
  const events = lines.map((line) => JSON.parse(line, unpack) as RecordedChannel['events'][number]);
  return { device: (JSON.parse(head ?? '{}') as { device: string }).device, events };
}

/** Plays a channel to a provider while a script does what it did then. */
export async function assertReplays(
  channel: RecordedChannel,
  provider: Provider,
  script: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const [{ sent, recorded, written, recordedWritten }] = await Promise.all([replay(channel, provider), script()]);
  assert.ok(recorded.length > 0);
  assert.deepEqual(sent.map(packetOf), recorded.map(packetOf));
  assert.deepEqual(written.map(placeOf), recordedWritten.map(placeOf));
}

const packetOf = ({ type, flags, id, header = '', payload }: Awaited<ReturnType<typeof replay>>['sent'][number]) =>
  `type ${type} flags ${flags} id ${id}: ${header} ${payload}`;

const placeOf = ({ gpadl, at, bytes }: Awaited<ReturnType<typeof replay>>['written'][number]) =>
  `${gpadl ?? 'pages'} at ${JSON.stringify(at)}: ${bytes}`;
