// SPDX-License-Identifier: MIT
// A reporter of node:test that writes one JSON line per finished test, so that counts are exact even if the run breaks.
// Loaded in the guest by each suite's node; read back on this machine by outcomes.ts.
import process from 'node:process';
import type { TestEvent } from 'node:test/reporters';
import type { EndLine, OutcomeLine } from './outcomes.js';

function lineOf(event: TestEvent): OutcomeLine | undefined {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return undefined;
  const { name, file = '', details, skip, todo } = event.data;
  if (details.type === 'suite' && skip === undefined) return undefined; // only groups tests
  if (event.type === 'test:pass' && name === file) return undefined; // stands for a file without any test
  const isSkipped = skip !== undefined || todo !== undefined;
  const ran = event.type === 'test:pass' ? 'passed' : 'failed';
  return { outcome: isSkipped ? 'skipped' : ran, name, file };
}

export default async function* outcomes(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const line = lineOf(event);
    if (line) yield `${JSON.stringify(line)}\n`;
  }
  const end: EndLine = { outcome: 'end', file: process.argv[1] ?? '' };
  yield `${JSON.stringify(end)}\n`;
}
