// SPDX-License-Identifier: MIT
//
// Which bus the demonstration shows, and why: the one named, the guest's own, or a simulated one.

import type { Bus } from '../../index.js';
import type { Context } from '../context.js';
import type { Simulation } from '../simulation.js';

/** The world of the demonstration. */
export interface World {
  readonly name: 'guest' | 'simulated' | 'snapshot';
  readonly bus: Bus;
  /** The host, where it is ours; only then anything is changed. */
  readonly host: Simulation | null;
  /** Why this one, in a few lines. */
  readonly because: readonly string[];
  /** What to try next: a command, and what it does. */
  readonly next: readonly (readonly [string, string])[];
}

const nextInGuest = [
  ['hv doctor', 'is anything broken between guest and host?'],
  ['hv ls -vv', 'everything the kernel says about each device'],
  ['hv watch', 'devices and channels as they come and go'],
  ['hv bind NAME --dry-run', 'what lending a device would write'],
] as const;

const nextElsewhere = [
  ['hv sim', 'serve this host, and point your scripts at it'],
  ['hv --sim chan ping echo', 'round trips, one by one'],
  ['hv --sim ls -vv', 'everything a device shows'],
  ['hv doctor', 'in a guest: what is broken, and how to mend it'],
  ['hv help VERB', 'examples for each verb'],
] as const;

/** Opens the bus, or starts a host where there is none. */
export async function openWorld(context: Context): Promise<World> {
  const { detect, VmbusError } = await import('../../index.js');
  const isNamed = context.options.root !== undefined || process.env.VMBUS_ROOT;
  if (context.options.sim) return simulated(context, 'You asked for a simulated host (--sim).');
  try {
    const bus = await context.bus();
    const why = isNamed ? `You named the root ${bus.root}.` : `This machine: ${detect().summary}.`;
    return {
      name: bus.kind,
      bus,
      host: null,
      because: [why, 'Nothing is changed here: what follows only reads.'],
      next: nextInGuest,
    };
  } catch (error) {
    if (isNamed || !VmbusError.is(error) || error.code !== 'ERR_VMBUS_NOT_A_GUEST') throw error;
    return simulated(context, `This machine: ${detect().summary}.`);
  }
}

async function simulated(context: Context, why: string): Promise<World> {
  const { openBus } = await import('../../index.js');
  const { demoDevices, startSimulation } = await import('../simulation.js');
  const host = await startSimulation({ signal: context.signal, devices: demoDevices });
  context.defer(() => host.close());
  const bus = openBus({ root: host.root });
  context.defer(() => bus.close());
  const because = [
    why,
    `So a simulated Hyper-V host runs beside us, as process ${host.pid}, and serves ${host.root}.`,
    'Rings, wakes and doorbells are as in a guest; only Hyper-V itself is played.',
  ];
  return { name: 'simulated', bus, host, because, next: nextElsewhere };
}
