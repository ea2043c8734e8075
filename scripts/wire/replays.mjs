// SPDX-License-Identifier: MIT
//
// Whole channels for replaying: the first opening of each class in a recording, cut where it begins to repeat itself.
import { createReadStream, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pack } from './hex.mjs';

/** Lines to keep, by class: bringing the device up, and what the suites do with it; of the card, what comes before its subchannels. */
const wanted = {
  '57164f39-9115-4e78-ab55-382f3bd5422d': { name: 'heartbeat', events: 9 },
  '0e0b6031-5213-4934-818b-38d90ced39db': { name: 'shutdown', events: 6 },
  'a9a0f4e7-5a45-4d96-b827-8a841e8c03e6': { name: 'kvp', events: 60 },
  '35fa2e29-ea23-4236-96ae-3a6ebacba440': { name: 'vss', events: 8 },
  'f912ad6d-2b17-48ea-bd65-f927a61c7684': { name: 'keyboard', events: 20 },
  'cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a': { name: 'mouse', events: 20 },
  '525074dc-8985-46e2-8057-a307dc18a502': { name: 'dynamic-memory', events: 60 },
  'f8615163-df3e-46c5-913f-f2d2f965ed0e': { name: 'net', events: 68 },
  '32412632-86cb-44a2-9b5c-50d1417354f5': { name: 'ide', events: 69 },
};

/** Writes those channels of a recording that are not there yet. @returns their names */
export async function saveReplays(file, release, folder) {
  const channels = new Map();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { ms: _, channel, device, ...event } = JSON.parse(line);
    if (channel === undefined) continue;
    const plan = event.what === 'open' ? wanted[event.class] : undefined;
    if (plan && ![...channels.values()].some(({ name }) => name === plan.name))
      channels.set(channel, { ...plan, device, lines: [] });
    const kept = channels.get(channel);
    if (kept && kept.lines.length < kept.events) kept.lines.push(JSON.stringify(packed(event)));
  }
  mkdirSync(folder, { recursive: true });
  return [...channels.values()].flatMap(({ name, device, lines }) => {
    const to = path.join(folder, `${name}.jsonl`);
    if (existsSync(to)) return [];
    writeFileSync(to, `${[JSON.stringify({ kernel: release, device }), ...lines].join('\n')}\n`);
    return [name];
  });
}

/** The event with its long fields in the short form; see hex.mjs. */
function packed(event) {
  const short = { ...event };
  for (const field of ['data', 'header', 'payload', 'bytes'])
    if (typeof event[field] === 'string') short[field] = pack(Buffer.from(event[field], 'hex'));
  return short;
}
