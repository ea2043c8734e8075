// SPDX-License-Identifier: MIT
//
// Type tests of key-value pools: this file passes by compiling. Each `@ts-expect-error` fails the build the day its line
// becomes legal.

import { type HostField, hostInfo, type KvpWarning, openKvpPool } from 'vmbus';

export async function pools(signal: AbortSignal): Promise<readonly KvpWarning[]> {
  await using pool = await openKvpPool('guest', { root: '/', create: true, fsync: true, timeoutMs: 100, signal });
  // @ts-expect-error: pools have names
  await openKvpPool(1);
  const value: string | null = await pool.get('key');
  // @ts-expect-error: values are texts
  await pool.set('key', 5);
  const count: number = (await pool.transaction((tx) => tx.entries().length)).value;
  for await (const change of pool.watch({ signal })) {
    if (change.kind !== 'truncated') console.log(change.key, change.previous);
    // @ts-expect-error: what was truncated has no key of its own
    else console.log(change.key);
    break;
  }
  const { bytes } = await pool.join('key', { wait: true, timeoutMs: 1000, signal });
  const { published, warnings } = await pool.publish('key', bytes);
  const name: HostField = (await hostInfo({ signal })).vmName;
  console.log(value, count, published.generation, name.value ?? name.reason);
  return warnings;
}
