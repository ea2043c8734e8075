// SPDX-License-Identifier: MIT
//
// Starts the simulated host behind `--sim`, `hv sim` and `hv demo`: a process of its own, so that the host's work is not
// done on the loop of what is measured.

import type { HostProcess, ProcessOptions } from '../host/index.js';
import { startHostProcess } from '../host/index.js';

/** A running host. */
export type Simulation = HostProcess;

/** Devices that only stand in the tree: what a guest of Hyper-V usually has besides. */
const bystanders: readonly string[] = ['heartbeat', 'shutdown', 'timesync', 'kvp', 'vss'].map(
  (name) => `idle:class=${name}`,
);
/** A network card whose neighbour answers pings and gives addresses. */
const card = 'net:peer=10.9.9.1/24,monitorId=1';
/** A controller with an empty disk, in memory as far as it is written to. */
const controller = 'scsi:sizeMegabytes=64,monitorId=2';

/** Devices of a host started without a wish: something to talk to, and what makes a bus look like one. */
const defaultDevices: readonly string[] = ['echo', 'balloon', card, controller, ...bystanders];
/** Devices of the demonstration: the same, with more channels to look at. */
export const demoDevices: readonly string[] = defaultDevices.map((name) =>
  name === 'echo' ? 'echo:subchannels=3' : name,
);

/** How a host is started. */
export interface SimulationOptions extends Partial<ProcessOptions> {
  readonly signal: AbortSignal;
}

/**
 * Starts a host; it lives until closed, or until this process ends. The signal only keeps it from starting: what uses the
 * host is to be given back before the host goes.
 */
export async function startSimulation({
  signal,
  devices = defaultDevices,
  ...others
}: SimulationOptions): Promise<Simulation> {
  signal.throwIfAborted();
  return startHostProcess({ devices, ...others });
}
