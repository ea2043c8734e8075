// SPDX-License-Identifier: MIT
//
// Where a device stands in its tree, and what can be learnt there about its channels: their ring files, their monitor ids,
// and whether this kernel stands their interrupts.
// Called by: open.ts, subchannel.ts, share.ts. Source: Documentation/ABI/stable/sysfs-bus-vmbus.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { kernelHazards, subchannelInterruptsAreSafe } from '../bus/kernel/known-kernels.js';
import type { Device } from '../bus/types.js';
import { VmbusError } from '../errors.js';

/** How the channel is to be told of packets. */
export interface SubchannelFiles {
  readonly ringFile: string;
  readonly monitorId: number | null;
}

/** A device's folder, while its channel is open. */
export class DevicePlace {
  readonly root: string;
  readonly path: string;

  constructor(device: Pick<Device, 'root' | 'path'>) {
    this.root = device.root;
    this.path = device.path;
  }

  /** The relids that the host has offered for the device. */
  relids(): number[] {
    try {
      return readdirSync(`${this.path}/channels`).map(Number).filter(Number.isInteger);
    } catch {
      return []; // the device went
    }
  }

  /** What is needed to attach a subchannel; null until the kernel has opened it. */
  subchannel(relid: number): SubchannelFiles | null {
    const folder = `${this.path}/channels/${relid}`;
    const ringFile = `${folder}/ring`;
    return existsSync(ringFile) ? { ringFile, monitorId: numberIn(`${folder}/monitor_id`) } : null;
  }

  /** Whether the channel is the device's primary one. */
  isPrimary(relid: number): boolean {
    return numberIn(`${this.path}/channels/${relid}/subchannel_id`) === 0;
  }

  /** Whether interrupts of subchannels must stay off on this kernel. */
  arePolled(): boolean {
    return !subchannelInterruptsAreSafe(this.root);
  }

  /** @throws VmbusError ERR_VMBUS_UNSUPPORTED on kernels that crash */
  checkHazards(when: 'open' | 'subchannel', device: string): void {
    const hazard = kernelHazards(this.root).find((h) => h.when === when && h.severity === 'refuse');
    if (hazard === undefined) return;
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `Refused on this kernel: ${hazard.explanation}`, {
      device,
      facts: { hazard: hazard.id },
      hint: 'update the kernel, or pass { force: true } where a crash of the guest does no harm',
    });
  }

  /** Whether the rings must not be mapped through the device node. */
  isMapZeroDangerous(): boolean {
    return kernelHazards(this.root).some(({ id }) => id === 'map0-use-after-free');
  }
}

// Null where there is no such file, or it can't be read now.
function numberIn(path: string): number | null {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^\d{1,10}$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}
