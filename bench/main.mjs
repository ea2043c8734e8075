// SPDX-License-Identifier: MIT
//
// Nanoseconds per packet and round trips per second, on this machine, now.
//   node bench/main.mjs [--json] [--only core|receive|send|net|storage|roundtrip] [--rounds N] [--quick]
// Receive: the ring is filled outside the timed part and drained in it. Send: the mirror. Medians of interleaved rounds.
// Round trips go to the echo device of a simulated host in another process, one packet outstanding.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { coreRows } from './core.mjs';
import { netRows } from './net.mjs';
import { receiveRows } from './receive.mjs';
import { roundTripRows } from './roundtrip.mjs';
import { sendRows } from './send.mjs';
import { storageRows } from './storage.mjs';
import { printTable } from './table.mjs';

export const sizes = [16, 64, 256, 1024, 4096, 16384];

const parts = {
  core: coreRows,
  receive: receiveRows,
  send: sendRows,
  net: netRows,
  storage: storageRows,
  roundtrip: roundTripRows,
};
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    quick: { type: 'boolean', default: false },
  },
});
if (values.only && !(values.only in parts)) {
  console.error(`no such part: ${values.only}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

const options = { sizes, rounds: values.quick ? 3 : Math.max(1, Number(values.rounds) || 7) };
const machine = { node: process.version, arch: process.arch, cpus: (await import('node:os')).cpus().length };
const result = { schema: 'vmbus.bench/1', machine, rows: [] };
for (const [name, part] of Object.entries(parts)) {
  if (values.only && values.only !== name) continue;
  if (!values.json) process.stderr.write(`${name} …\n`);
  result.rows.push(...(await part(options)));
}
if (values.json) console.log(JSON.stringify(result));
else printTable(result);
