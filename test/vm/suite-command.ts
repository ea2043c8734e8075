// SPDX-License-Identifier: MIT
// The command of a boot: its suites in the table's order, each in a node of its own, and none beyond its time.
// Not `node --test`, which sorts files and is one more node to start. Called by suite-runner.ts.
import { type Boot, suiteSeconds } from './plan.js';

/** Where the reporter writes: the guest's port to the lab. */
const REPORT = '/dev/virtio-ports/lab.report';
const SCRIPT = `status=0
for suite; do timeout -s KILL "\${suite%:*}" node $REPORTERS "\${suite#*:}" || status=1; done
exit $status`;

/** @param root the project's place in the guest */
export function suiteCommand({ suites }: Boot, size: 'quick' | 'full', root: string): string[] {
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${root}/dist-test/vm/outcome-reporter.js`,
    `--test-reporter-destination=${REPORT}`,
  ].join(' ');
  const limited = suites.map(
    (suite) => `${suiteSeconds(suite, size)}:${root}/dist-test/vm/suites/${suite.name}.test.js`,
  );
  return ['sh', '-c', SCRIPT.replace('$REPORTERS', reporters), 'suites', ...limited];
}
