// SPDX-License-Identifier: MIT
//
// Where the time of a packet goes: what each step adds, as differences between rows of one run, round by round.
import { ownCore, sendAgain } from './promises.mjs';
import { spread } from './statistics.mjs';

/** `over` is the row without the step; null: the row is the first step itself. */
export const steps = [
  { step: 'receive: checks and copy in C++', row: `receive: ${ownCore}`, over: null },
  {
    step: 'receive: rows, arena and visitor in JavaScript',
    row: 'receive: drain(visitor)',
    over: `receive: ${ownCore}`,
  },
  {
    step: 'receive: an awaited batch in place of a visitor',
    row: 'receive: batches()',
    over: 'receive: drain(visitor)',
  },
  { step: 'receive: a view for each packet', row: 'receive: batches(), a view each', over: 'receive: batches()' },
  {
    step: 'receive: an object, a copy and a promise for each',
    row: 'receive: for await (packet)',
    over: 'receive: batches()',
  },
  { step: 'send: frame and copy in C++', row: `send: ${ownCore}`, over: null },
  { step: 'send: a call for a batch that lies in the arena', row: sendAgain, over: `send: ${ownCore}` },
  { step: 'send: a row for each packet', row: 'send: trySendArena', over: sendAgain },
  { step: 'send: payloads into the arena', row: 'send: trySendMany', over: 'send: trySendArena' },
  { step: 'send: a call and a publish for each packet', row: 'send: trySend, one a call', over: 'send: trySendMany' },
  { step: 'send: a promise for each', row: 'send: await send()', over: 'send: trySend, one a call' },
];

const sizes = [64, 4096];

/** @returns {{ step: string, bySize: Record<string, { median: number, low: number, high: number }> }[]} steps whose rows were measured */
export function budget(rows, { of = steps } = {}) {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return of.flatMap(({ step, row: name, over }) => {
    const row = byName.get(name);
    const base = over === null ? null : byName.get(over);
    if (!row?.rounds || (over !== null && !base?.rounds)) return [];
    const bySize = sizes
      .filter((size) => row.rounds[size] && (base === null || base.rounds[size]))
      .map((size) => [size, spread(row.rounds[size].map((ns, i) => ns - (base?.rounds[size][i] ?? 0)))]);
    return bySize.length === 0 ? [] : [{ step, bySize: Object.fromEntries(bySize) }];
  });
}

/** A line for each step. */
export function printBudget(lines) {
  if (lines.length === 0) return;
  const width = Math.max(...lines.map(({ step }) => step.length)) + 2;
  console.log(
    `\n${'where the time goes: ns a step adds'.padEnd(width)}${sizes.map((size) => `${size} B`.padStart(10)).join('')}`,
  );
  for (const { step, bySize } of lines) {
    const cells = sizes.map((size) => (bySize[size]?.median.toFixed(1) ?? '–').padStart(10));
    console.log(step.padEnd(width) + cells.join(''));
  }
}
