// SPDX-License-Identifier: MIT
//
// What the simulated host lends to each of its devices. A shape only.
// Made by: simulated-host.ts. Used by: device.ts, device-channels.ts.

import type { Binding } from '../../native/binding.js';
import type { HostEvent, HostTrouble } from '../types.js';
import type { Numbers } from './numbers.js';
import type { Tree } from './tree.js';
import type { Uevent } from './uevents.js';

/** What a device works with. */
export interface DeviceSurroundings {
  readonly tree: Tree;
  readonly binding: Binding;
  readonly relids: Numbers;
  readonly minors: Numbers;
  /** Handles of shared memory; the kernel counts them over the whole bus and uses none again. */
  nextGpadl(): number;
  readonly cpus: number;
  announce(event: Uevent): void;
  /** CPU for a new channel of a class that is spread over CPUs. */
  nextCpu(): number;
  /** A device was opened or closed. */
  openingsChanged(): void;
  tell(event: HostEvent): void;
  trouble(trouble: HostTrouble): void;
}
