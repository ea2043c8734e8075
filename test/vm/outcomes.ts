// SPDX-License-Identifier: MIT
// Adds up what outcome-reporter.ts wrote in the guest. A run that broke off or left out a suite counts as failed.
// Called by suite-runner.ts.
import path from 'node:path';

export interface OutcomeLine {
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly name: string;
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
function parsed(line: string): (OutcomeLine | { readonly outcome: 'end' })[] {
  try {
    return [JSON.parse(line) as OutcomeLine | { readonly outcome: 'end' }];
  } catch {
    return [];
  }
}

/**
 * @param report what the reporter wrote
 * @param suites names of suites that must have had at least one test
 * @param status exit status of `node --test`
 */
export function tallyOf(report: string, suites: readonly string[], status: number): Tally {
  const lines = report.split('\n').flatMap(parsed);
  const tests = lines.filter((line): line is OutcomeLine => line.outcome !== 'end');
  const count = (outcome: OutcomeLine['outcome']): number => tests.filter((test) => test.outcome === outcome).length;
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  const seen = new Set(tests.map(({ file }) => path.basename(file, '.test.js')));
  const complaints = suites.filter((name) => !seen.has(name)).map((name) => `${name} ran no test`);
  if (tests.length === lines.length) complaints.push('the run broke off');
  if (status !== 0 && counts.failed === 0 && complaints.length === 0)
    complaints.push(`node ended with ${status}, though no test failed`);
  return { ...counts, failed: counts.failed + complaints.length, complaints };
}
