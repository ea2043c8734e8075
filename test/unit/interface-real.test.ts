// SPDX-License-Identifier: MIT
// Proves with the real `ip` and the kernel behind it that an interface which went and came back bare is what it was.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Why it can't be tried here; null where it can. */
function obstacle(): string | null {
  if (process.geteuid?.() !== 0) return 'only root makes network namespaces';
  if (spawnSync('ip', ['-N', '-json', 'link', 'show']).status !== 0)
    return 'there is no ip (iproute2) that speaks JSON';
  const kinds = 'ip link add name v0 type veth peer name v1 && ip link add name b0 type bridge';
  const tried = spawnSync('unshare', ['-n', 'sh', '-c', kinds], { encoding: 'utf8' });
  return tried.status === 0 ? null : `no network namespace with veth and bridge: ${tried.stderr ?? tried.error}`;
}

interface Report {
  readonly before: unknown;
  readonly gone: readonly string[];
  readonly after: unknown;
  readonly missing: readonly string[];
  readonly afterSync: unknown;
  readonly missingSync: readonly string[];
}

test('an interface of the kernel is the same before and after, awaiting and at once', { timeout: 120_000 }, (t) => {
  const why = obstacle();
  if (why !== null) return t.skip(why);
  const child = fileURLToPath(new URL('./interface-real-child.js', import.meta.url));
  const text = execFileSync('unshare', ['-n', process.execPath, child], { encoding: 'utf8', timeout: 100_000 });
  const report = JSON.parse(text) as Report;

  assert.equal(report.gone.includes('lan0'), false);
  assert.deepEqual(report.after, report.before);
  assert.deepEqual(report.afterSync, report.before);
  for (const missing of [report.missing, report.missingSync]) {
    assert.equal(missing.length, 1, missing.join('\n'));
    assert.match(String(missing[0]), /^10\.2\.0\.9\/24 of lan0 came from a DHCP client/);
  }
  return undefined;
});
