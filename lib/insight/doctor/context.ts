// SPDX-License-Identifier: MIT
//
// What checks look at: the machine, the bus, the modules and the distribution of one root, read once.
// Called by doctor.ts; handed to every check.

import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { type KernelVersion, kernelVersion } from '../../bus/kernel/kernel-version.js';
import { readDevices } from '../../bus/read/device-list.js';
import { rootKind } from '../../bus/root.js';
import type { Device } from '../../bus/types.js';
import { type NodeHolder, nodeHolders } from '../../bus/use/nodes.js';
import { detect, settleRoot } from '../info.js';
import type { Detection } from '../types.js';
import { type Distribution, readDistribution } from './distribution.js';
import { ModuleTable } from './modules.js';
import type { CheckInfo, CheckOutcome } from './types.js';

/** A check: what it is called, and how it finds its answers. */
export interface Check extends CheckInfo {
  run(context: DoctorContext): CheckOutcome | readonly CheckOutcome[];
}

/** As many as the kernel follows. */
const mostLinks = 40;

/** One root as checks see it. Reading never throws. */
export class DoctorContext {
  readonly root: string;
  readonly rootKind: 'guest' | 'simulated' | 'snapshot';
  readonly detection: Detection;
  readonly distribution: Distribution;
  readonly kernel: KernelVersion;
  readonly modules: ModuleTable;
  /** Empty where there is no bus. */
  readonly devices: readonly Device[];

  constructor(root: string | undefined) {
    this.root = settleRoot(root);
    this.rootKind = rootKind(this.root);
    this.detection = detect({ root: this.root });
    this.distribution = readDistribution(this.root);
    this.kernel = kernelVersion(this.root);
    this.modules = new ModuleTable(this.root, this.kernel.release);
    this.devices = this.hasBus ? readDevices(this.root) : [];
  }

  get hasBus(): boolean {
    return this.detection.vmbus.value.isPresent;
  }

  /** The root shows processes: the running system, or one mounted whole. */
  get hasProcesses(): boolean {
    return this.rootKind === 'guest' && this.exists('proc/1');
  }

  /** Devices of a class, by its short name. */
  devicesOf(className: string): readonly Device[] {
    return this.devices.filter((device) => device.class.name === className);
  }

  /** Who has a node open; null where that cannot be told: the root shows no processes, or they are not ours to see. */
  holders(node: string): readonly NodeHolder[] | null {
    if (!this.hasProcesses) return null;
    const found = nodeHolders(this.root, [node]);
    return found.length > 0 || process.getuid?.() === 0 ? found : null;
  }

  exists(relative: string): boolean {
    return existsSync(path.join(this.root, relative));
  }

  isExecutable(relative: string): boolean {
    try {
      const stat = statSync(path.join(this.root, relative));
      return stat.isFile() && (stat.mode & 0o111) !== 0;
    } catch {
      return false;
    }
  }

  /** An executable by its absolute path in the system of the root: links are followed as they lead there. */
  hasProgram(program: string): boolean {
    const found = this.#resolve(program.split('/'));
    return found !== null && this.isExecutable(found);
  }

  /** Path under the root that a path of its system leads to; null for a link that leads nowhere, or round in circles. */
  #resolve(parts: readonly string[]): string | null {
    const waiting = parts.filter(Boolean);
    const settled: string[] = [];
    for (let links = 0; waiting.length > 0; ) {
      const part = waiting.shift() ?? '';
      if (part === '..') settled.pop();
      if (part === '.' || part === '..') continue;
      const target = readLink(path.join(this.root, ...settled, part));
      if (target === null) {
        settled.push(part);
        continue;
      }
      if (++links > mostLinks) return null;
      if (target.startsWith('/')) settled.length = 0;
      waiting.unshift(...target.split('/').filter(Boolean));
    }
    return settled.join('/');
  }

  /** Bytes of a file as latin1 text; null where it cannot be read. */
  read(relative: string): string | null {
    try {
      return readFileSync(path.join(this.root, relative), 'latin1');
    } catch {
      return null;
    }
  }
}

/** Where a link leads; null for what is none. */
function readLink(file: string): string | null {
  try {
    return readlinkSync(file);
  } catch {
    return null;
  }
}
