// SPDX-License-Identifier: MIT
//
// `hv net tap`: joins a card to an interface of this system, until Ctrl-C.

import { once } from 'node:events';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { grouped } from '../figures.js';
import { openCard } from './open-nic.js';

interface TapOptions {
  readonly name?: string;
  readonly mtu?: number;
  readonly queues: number;
}

/** Runs `hv net tap`. */
export async function tap(context: Context, name: string, options: TapOptions): Promise<number> {
  const { out, signal } = context;
  const { joinTap } = await import('../../index.js');
  const { queues, mtu } = options;
  const { device, nic } = await openCard(context, name, { queues, ...(mtu === undefined ? {} : { mtu }) });
  const join = await joinTap(nic, { ...(options.name === undefined ? {} : { name: options.name }) });
  context.defer(() => join.close());
  const { interface: made } = join;
  if (out.json) out.record('vmbus.net.tap/1', { device: device.id, interface: made, mac: nic.mac, mtu: join.mtu });
  else {
    out.line(`${made} is joined to the card (${nic.mac}, MTU ${join.mtu})`);
    out.note(`\`ip addr add ADDRESS/PREFIX dev ${made}\` gives it an address; Ctrl-C ends it`);
  }
  const interrupted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  await Promise.race([join.closed, interrupted]);
  await join.close();
  const { by, error } = await join.closed;
  const counts = join.stats();
  if (out.json) out.record('vmbus.net.tap-end/1', { interface: made, by, ...counts });
  else out.line(`${grouped(counts.fromKernel)} frames sent, ${grouped(counts.toKernel)} received`);
  if (by !== 'user' && error) throw error;
  return ExitCode.ok;
}
