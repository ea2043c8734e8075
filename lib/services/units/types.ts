// SPDX-License-Identifier: MIT
//
// What is planned and done about units and rules: shapes, and nothing that runs.

import type { InitSystem, UnitInfo } from './catalog.js';

export type { InitSystem, UnitInfo } from './catalog.js';

/** What becomes of one file. */
export interface UnitStep {
  /** Name in the catalog. */
  readonly name: string;
  /**
   * `write` it, `update` an older one of ours, `replace` what is somebody else's (with force only), `remove` it, `keep` it as it
   * is, `refuse` to touch it.
   */
  readonly kind: 'write' | 'update' | 'replace' | 'remove' | 'keep' | 'refuse';
  /** Path under the root, with a slash before it. */
  readonly path: string;
  /** Why it is kept or refused. */
  readonly reason: string | null;
  /** What changes in the file, line by line: `+new`, `-old`, ` same`. */
  readonly diff: readonly string[];
}

/** A plan; nothing is changed before it is carried out. */
export interface UnitPlan {
  readonly root: string;
  readonly init: InitSystem;
  readonly action: 'install' | 'uninstall';
  readonly steps: readonly UnitStep[];
  /** Steps that are refused; the others can still be done. */
  readonly refused: number;
  /** Shell commands that make the change count, to be run by whoever wants that. None is run here. */
  readonly next: readonly string[];
}

/** A unit of the catalog, and what a root has of it. */
export interface UnitState extends UnitInfo {
  /** `changed`: there is a file in its place that is not ours, or not as we left it. */
  readonly state: 'installed' | 'outdated' | 'changed' | 'absent' | 'unavailable';
  readonly paths: readonly string[];
  /** Why it can't be installed here. */
  readonly reason: string | null;
}

/** Options of {@link listUnits}. */
export interface UnitListOptions {
  /** Folder that holds `etc/`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** What starts services there. Default: what the root looks like. */
  readonly init?: 'systemd' | 'openrc';
}

/** Options of {@link planUnits}. */
export interface UnitPlanOptions extends UnitListOptions {
  readonly action: 'install' | 'uninstall';
  /** Names of the catalog. */
  readonly names: readonly string[];
  /** Replaces, or removes, what is not ours or was changed. Default false. */
  readonly force?: boolean;
  /** Absolute path of the command `hv` on the system that will run the units. Default: found in PATH by /usr/bin/env. */
  readonly hv?: string;
}
