// SPDX-License-Identifier: MIT
//
// Starts the simulated host behind `--sim`, `hv sim` and `hv demo`: a process of its own, so that the host's work is not
// done on the loop of what is measured.

import type { HostProcess } from '../host/index.js';
import { providersByName, startHostProcess } from '../host/index.js';

/** A running host. */
export type Simulation = HostProcess;

/** Devices of a host started without a wish: something to talk to, and everything else that can be played. */
export const defaultDevices: readonly string[] = Object.keys(providersByName);
/** Devices of the demonstration: the same, with more channels to look at. */
export const demoDevices: readonly string[] = defaultDevices.map((name) =>
  name === 'echo' ? 'echo:subchannels=3' : name,
);

/** How a host is started. */
export interface SimulationOptions {
  readonly signal: AbortSignal;
  /** `NAME` or `NAME:option=value,…`, as `hv sim --list` has them. */
  readonly devices?: readonly string[];
  /** Folder to serve; a fresh one where left out. */
  readonly root?: string;
}

/**
 * Starts a host; it lives until closed, or until this process ends. The signal only keeps it from starting: what uses the
 * host is to be given back before the host goes.
 */
export async function startSimulation({
  signal,
  devices = defaultDevices,
  root,
}: SimulationOptions): Promise<Simulation> {
  signal.throwIfAborted();
  return startHostProcess({ devices, ...(root === undefined ? {} : { root }) });
}
