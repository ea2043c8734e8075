// SPDX-License-Identifier: MIT
//
// Nanoseconds per packet and round trips per second, on this machine, now, next to two rings in C and to what was promised.
//   node bench/main.mjs [--only PART,PART] [--rounds N] [--quick] [--fetch-anchors]
//     [--json] [--compare FILE] [--svg FILE] [--markdown FILE]
// Receive: the ring is filled outside the timed part and drained in it. Send: the mirror. Medians of interleaved rounds.
// docs/performance.md tells what each row is. --fetch-anchors fetches the rings in C into the cache; nothing is installed.
// --compare FILE shows the change against what --json wrote earlier.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { budget, printBudget } from './budget.mjs';
import { printChart } from './chart.mjs';
import { printComparison } from './compare.mjs';
import { judge } from './goals.mjs';
import { markdownOf } from './markdown.mjs';
import { parts } from './parts.mjs';
import { svgOf } from './svg.mjs';
import { printTable } from './table.mjs';

const sizes = [16, 64, 256, 1024, 4096, 16384];
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '11' },
    quick: { type: 'boolean', default: false },
    'fetch-anchors': { type: 'boolean', default: false },
    compare: { type: 'string' },
    svg: { type: 'string' },
    markdown: { type: 'string' },
  },
});

/** Parts that were asked for, or all. */
function chosenParts() {
  const names = values.only?.split(',') ?? Object.keys(parts);
  const unknown = names.find((name) => !(name in parts));
  if (unknown === undefined) return names;
  console.error(`no such part: ${unknown}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

/** An earlier result. Read before anything is measured. */
function earlierResult() {
  if (!values.compare) return null;
  try {
    return JSON.parse(readFileSync(values.compare, 'utf8'));
  } catch (error) {
    console.error(`--compare takes a file that --json wrote: ${error.message}`);
    process.exit(2);
  }
}

const names = chosenParts();
const earlier = earlierResult();
const rounds = values.quick ? 3 : Math.max(1, Number(values.rounds) || 11);
const options = { sizes, rounds, quick: values.quick, fetch: values['fetch-anchors'] };
const machine = {
  ...{ node: process.version, arch: process.arch, cpus: availableParallelism(), model: cpus()[0]?.model ?? '' },
  date: new Date().toISOString(),
};
const rows = [];
for (const name of names) {
  if (!values.json) process.stderr.write(`${name} …\n`);
  rows.push(...(await (await parts[name].load())(options)));
}
const result = { schema: 'vmbus.bench/1', machine, rounds, rows, goals: judge(rows), budget: budget(rows) };
if (values.json) console.log(JSON.stringify(result));
else {
  printTable(result);
  printBudget(result.budget);
  printChart(result);
}
if (earlier) printComparison(earlier, result, values.json ? console.error : console.log);
if (values.svg) writeFileSync(values.svg, svgOf(result));
if (values.markdown) writeFileSync(values.markdown, markdownOf(result));
