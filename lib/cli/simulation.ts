// SPDX-License-Identifier: MIT
//
// Starts the simulated host behind `--sim`, `hv sim` and `hv demo`: a process of its own, so that the host's work is not
// done on the loop of what is measured.

import { startHostProcess } from '../host/index.js';
import type { HostProcess } from '../host/index.js';

/** A running host. */
export type Simulation = HostProcess;

/** Devices of a host started without a wish: something to talk to, something to look at. */
export const defaultDevices: readonly string[] = ['echo', 'balloon'];
/** Devices of the demonstration. */
export const demoDevices: readonly string[] = ['echo', 'balloon'];

/** How a host is started. */
export interface SimulationOptions {
  readonly signal: AbortSignal;
  /** `NAME` or `NAME:OPTS`, as `hv sim --list` describes them. */
  readonly devices?: readonly string[];
  /** Folder to serve; a fresh one where left out. */
  readonly root?: string;
}

/** Starts a host; it lives until closed, or until this process ends. */
export function startSimulation({ signal, devices = defaultDevices, root }: SimulationOptions): Promise<Simulation> {
  return startHostProcess({ devices, signal, ...(root === undefined ? {} : { root }) });
}
