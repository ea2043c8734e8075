// SPDX-License-Identifier: MIT
//
// Processes of kvp-writers.test.ts that write a pool and may be killed at it.
//   kvp-writer-child count ROOT NAME COUNT      counts up the keys NAME and "shared", and lets a third one come and go
//   kvp-writer-child die ROOT STEP              ends by SIGKILL before this step of a large rewrite
//   kvp-writer-child churn ROOT                 rewrites without end, until it is killed

import { openKvpPool } from '../../dist/services/kvp/open-pool.js';
import { Pool } from '../../dist/services/kvp/pool.js';

const [what, root = '', name = '', count = '0'] = process.argv.slice(2);

/** N:ddd…, as foreign-writer.c makes it. */
const value = (n: number): string => `${n}:${String(n % 10).repeat((n * 37) % 900)}`;

if (what === 'count') {
  await using pool = await openKvpPool('guest', { root, timeoutMs: 120_000 });
  for (let i = 0; i < Number(count); i++) {
    await pool.transaction((tx) => {
      for (const key of [name, 'shared']) tx.set(key, value(Number.parseInt(tx.get(key) ?? '0', 10) + 1));
      if (i % 2 === 0) tx.set(`${name}-now-and-then`, value(i));
      else tx.delete(`${name}-now-and-then`);
    });
  }
}

if (what === 'die') {
  const plan = { root, name: 'guest', create: false, fsync: false, timeoutMs: 5000, signal: undefined } as const;
  const beforeStep = (_step: unknown, index: number): void => {
    if (index === Number(name)) process.kill(process.pid, 'SIGKILL');
  };
  await using pool = new Pool({ ...plan, readOnly: undefined, beforeStep });
  await pool.transaction((tx) => {
    tx.delete('b1');
    tx.set('c2', 'new');
    tx.set('g6', 'new');
    tx.delete('e4');
    tx.set('added', 'new');
  });
}

if (what === 'churn') {
  await using pool = await openKvpPool('guest', { root });
  for (let n = 1; ; n++) {
    await pool.transaction((tx) => {
      for (let i = 0; i < 8; i++) tx.set(`k${i}`, value(n));
      if (n % 2 === 0) tx.delete('k8');
      else tx.set('k8', value(n));
      if (n % 3 === 0) tx.delete('k9');
      else tx.set('k9', value(n));
    });
    if (n === 1) process.stdout.write('started\n');
  }
}
