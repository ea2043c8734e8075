// SPDX-License-Identifier: MIT
//
// Type tests of the integration services: this file passes by compiling. Each `@ts-expect-error` fails the build the day its line
// becomes legal.

import { fcopy, heartbeat, type IcProvider, IcStatus, kvp, shutdown, timesync, vss } from 'vmbus/host';

export async function services(signal: AbortSignal): Promise<void> {
  const pairs = kvp({ values: { HostName: 'laptop', Year: 2024 } });
  await pairs.ready({ signal, timeoutMs: 1000 });
  await pairs.set('key', 5n, { pool: 'external' });
  // @ts-expect-error: pools have names
  await pairs.enumerate(2);
  // @ts-expect-error: a boolean is no value
  await pairs.set('key', true);
  for (const item of await pairs.enumerate('auto')) {
    const value: string | number | bigint = item.type === 'u64' ? item.value : String(item.value);
    console.log(item.key, value);
  }

  const status: number = await shutdown().restart({ force: true, text: 'now', signal });
  console.log(status === IcStatus.done, await timesync({ clock: () => 0n }).sync());

  await using frozen = await vss().freeze({ thawAfterMs: 1000, signal });
  // @ts-expect-error: only the guest knows
  frozen.isFrozen = false;

  await fcopy().send(new Uint8Array(1), { path: '/tmp', name: 'file', onProgress: ({ sentBytes }) => sentBytes });
  // @ts-expect-error: a file has a name
  await fcopy().send(new Uint8Array(1), { path: '/tmp' });

  const pulse = heartbeat();
  const all: readonly IcProvider<never>[] = [shutdown()];
  for await (const event of pulse.events({ signal })) {
    if (event.kind === 'beat') console.log(event.sequence + 1n, all.length);
    // @ts-expect-error: there is no such event
    if (event.kind === 'pulse') break;
  }
}
