// SPDX-License-Identifier: MIT
// Adds up what outcome-reporter.ts wrote in the guest. A run that broke off or left out a suite counts as failed.
// Called by suite-runner.ts.
import path from 'node:path';

export interface OutcomeLine {
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly name: string;
  readonly file: string;
}

/** A suite came to its end, whatever became of its tests. */
export interface EndLine {
  readonly outcome: 'end';
  readonly file: string;
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts, and what is wrong with the run besides failed tests. */
export interface Tally extends Counts {
  readonly complaints: readonly string[];
}

export const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

export const sum = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** A guest that dies may leave half a line. */
function parsed(line: string): (OutcomeLine | EndLine)[] {
  try {
    return [JSON.parse(line) as OutcomeLine | EndLine];
  } catch {
    return [];
  }
}

/**
 * @param report what the reporter wrote
 * @param suites names of suites that must have had at least one test
 * @param status 0 when every suite's node ended with 0
 */
export function tallyOf(report: string, suites: readonly string[], status: number): Tally {
  const lines = report.split('\n').flatMap(parsed);
  const tests = lines.filter((line): line is OutcomeLine => line.outcome !== 'end');
  const count = (outcome: OutcomeLine['outcome']): number => tests.filter((test) => test.outcome === outcome).length;
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  const namesIn = (some: readonly { readonly file: string }[]): Set<string> =>
    new Set(some.map(({ file }) => path.basename(file, '.test.js')));
  const seen = namesIn(tests);
  const ended = namesIn(lines.filter((line) => line.outcome === 'end'));
  const complaints = suites.flatMap((name) => {
    if (!seen.has(name)) return [`${name} ran no test`];
    return ended.has(name) ? [] : [`${name} broke off`];
  });
  if (status !== 0 && counts.failed === 0 && complaints.length === 0)
    complaints.push(`a suite's node ended with ${status}, though no test failed`);
  return { ...counts, failed: counts.failed + complaints.length, complaints };
}
