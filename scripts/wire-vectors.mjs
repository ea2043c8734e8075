// SPDX-License-Identifier: MIT
//
// Distils recordings of real kernels into small fixtures: of each protocol each kind of message, once in each shape.
//   node scripts/wire-vectors.mjs [--fresh] RECORDING...     recordings: npm run test:vm -- --record FOLDER
// Vectors that test/fixtures/wire has already stay; --fresh begins anew. What a vector is: test/fixtures/wire/README.md.
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { messagesOf } from './wire/recording.mjs';
import { saveReplays } from './wire/replays.mjs';
import { VectorSet } from './wire/vector-set.mjs';

const folder = path.resolve(import.meta.dirname, '..', 'test', 'fixtures', 'wire');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fresh: { type: 'boolean', default: false } },
});
if (positionals.length === 0) {
  console.error('which recordings? see the head of scripts/wire-vectors.mjs');
  process.exit(2);
}

const vectors = new VectorSet();
if (!values.fresh) vectors.load(folder);
// The order decides whose bytes stand for a shape, so it must not be the caller's.
for (const file of positionals.toSorted()) {
  const [, release] = /^(.+)\.[\w-]+\.jsonl$/.exec(path.basename(file)) ?? [];
  if (release === undefined) throw new Error(`${file} is not named RELEASE.SUITE.jsonl`);
  const before = vectors.size;
  for await (const message of messagesOf(file)) vectors.add(message, release);
  vectors.endRecording();
  const replays = await saveReplays(file, release, path.join(folder, 'replay'));
  console.log(`${path.basename(file)}: ${[`${vectors.size - before} new`, ...replays].join(', ')}`);
}
for (const line of vectors.save(folder)) console.log(line);
