// SPDX-License-Identifier: MIT
//
// What binding looks like to a script: the public shapes of lib/bus/binding, and nothing that runs.
// Exported with the others by lib/bus/types.ts.

import type { Guid } from '../../guid.js';
import type { InterfaceReturn, InterfaceState } from '../interface/types.js';
import type { DeviceChild, DeviceUse } from '../types.js';

export type * from '../interface/types.js';

/** Options of {@link bindDevice}. */
export interface BindOptions {
  /** Default `uio_hv_generic`. */
  readonly driver?: string;
  /** Say what would be done, and do nothing. Refuses what a real run would refuse. */
  readonly dryRun?: boolean;
  /** Take a device that is in use, unless a use says that no force helps. */
  readonly force?: boolean;
  /** Known harm that is taken on, by {@link KernelHazard} id: a device for which the kernel has such a hazard is refused else. */
  readonly accept?: readonly string[];
  /** Give the device back by itself after so long, also if this process is stuck or gone, unless {@link DeviceBinding.keep} was called. */
  readonly rollbackAfterMs?: number;
  /** Leave the device bound when the process ends or the binding is disposed (`hv bind`). Default false. */
  readonly persist?: boolean;
  readonly signal?: AbortSignal;
}

/** One step of a plan, in the words of a shell. */
export interface PlanStep {
  /** What it does, e.g. "unbind from hv_balloon". */
  readonly what: string;
  readonly path: string;
  readonly write: string;
}

/** A device held by another driver than its own. */
export interface DeviceBinding extends AsyncDisposable {
  readonly device: Guid;
  readonly driver: string;
  readonly previousDriver: string | null;
  /** What was done, or would be; empty when the driver had the device already, which is then left as it was found. */
  readonly steps: readonly PlanStep[];
  readonly dryRun: boolean;
  /** Uses that were overruled by `force`. */
  readonly uses: readonly DeviceUse[];
  /** What a network card's interface has, and gets again when the card goes back; null where there is none, or nothing to lose. */
  readonly interface: InterfaceState | null;
  /** What to know about this kernel before opening or giving back, and what of an interface is lost, in words. */
  readonly warnings: readonly string[];
  /** Gives the device back. Safe to call twice. */
  restore(options?: RestoreOptions): Promise<RestoreResult>;
  /** Cancels the rollback. @throws ERR_VMBUS_NOT_BOUND when the device was given back before */
  keep(): Promise<void>;
}

/** Options of {@link restoreDevice}. */
export interface RestoreOptions {
  readonly dryRun?: boolean;
  /**
   * Also take it from a living process that bound it, on kernels where giving back is known to do harm, and where its record is
   * damaged, which is then put aside. Never while the node is open.
   */
  readonly force?: boolean;
}

/** What giving a device back did, or would do. */
export interface RestoreResult {
  readonly device: Guid;
  /** Driver bound afterwards; null for none, or when the device is gone. */
  readonly driver: string | null;
  readonly steps: readonly PlanStep[];
  /** How a network card's interface was made what it was; null where nothing was on record of one. */
  readonly interface: InterfaceReturn | null;
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

/** What is written under `/run/vmbus/bindings` for each device held. */
export interface BindingRecord {
  readonly schema: 1;
  readonly device: Guid;
  readonly class: Guid;
  readonly driver: string;
  readonly previousDriver: string | null;
  readonly previousOverride: string | null;
  /** A driver_override was written and is to be taken back. */
  readonly wroteOverride: boolean;
  /** A dynamic id was added and is to be removed. */
  readonly addedId: boolean;
  readonly pid: number;
  /** Start time of that process in clock ticks since boot, so that a reused pid is not mistaken. */
  readonly pidStart: number;
  readonly bootId: string;
  /** Namespace that the pid is of, where it is known: in another one it names another process. */
  readonly pidNamespace?: number;
  readonly since: string;
  readonly persist: boolean;
  readonly rollbackAt: string | null;
  /** Network names, disks and so on at the time, for the report. */
  readonly children: readonly DeviceChild[];
  /** Why the rollback gave up, where it did: the device stays on record for {@link restoreDevice}. */
  readonly note?: string;
  /** What a network card's interface was, to be put back. */
  readonly interface?: InterfaceState;
}

/** A record that can't be read, or makes no sense. It keeps its device until `hv restore --force` puts it aside. */
export interface DamagedRecord {
  readonly device: Guid;
  readonly path: string;
  /** What is wrong with it: an errno's name, or words. */
  readonly reason: string;
}

/** A record, and how things stand now. */
export interface ListedBinding {
  readonly record: BindingRecord;
  /** Driver bound now; null for none, or when the device is gone. */
  readonly currentDriver: string | null;
  /** The process that bound it still runs, or is one of another container, and may. */
  readonly ownerAlive: boolean;
  /** Nobody will give this device back unless {@link restoreStale} or `hv restore` does. */
  readonly stale: boolean;
}
