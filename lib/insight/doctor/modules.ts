// SPDX-License-Identifier: MIT
//
// Whether a kernel module is loaded, built in, there to be loaded, or missing.
// Called by checks through context.ts. Source: /proc/modules, modules.builtin and modules.dep of kmod.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export type ModuleState = 'loaded' | 'builtin' | 'available' | 'missing' | 'unknown';

/** Modules of one root. */
export class ModuleTable {
  readonly #root: string;
  readonly #folder: string;

  constructor(root: string, release: string) {
    this.#root = root;
    const folders = ['lib/modules', 'usr/lib/modules'].map((base) => path.join(root, base, release));
    this.#folder = folders.find((folder) => existsSync(folder)) ?? folders[0] ?? '';
  }

  /** State of the module; `unknown` where the root has no module lists to say more than that it is not loaded. */
  state(name: string): ModuleState {
    const pattern = new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko`, 'm');
    if (new RegExp(`^${name} `, 'm').test(this.#read(path.join(this.#root, 'proc/modules')) ?? '')) return 'loaded';
    const builtin = this.#read(path.join(this.#folder, 'modules.builtin'));
    if (builtin !== null && pattern.test(builtin)) return 'builtin';
    const available = this.#read(path.join(this.#folder, 'modules.dep'));
    if (available !== null && pattern.test(available)) return 'available';
    if (existsSync(path.join(this.#root, 'sys/bus/vmbus/drivers', name))) return 'builtin';
    return builtin === null && available === null ? 'unknown' : 'missing';
  }

  #read(file: string): string | null {
    try {
      return readFileSync(file, 'latin1');
    } catch {
      return null;
    }
  }
}
