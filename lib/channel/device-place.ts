// SPDX-License-Identifier: MIT
//
// Where a device stands in its tree, and what can be learnt there about its channels: their ring files, their monitor ids,
// and whether this kernel stands their interrupts.
// Called by: open.ts, subchannel.ts, share.ts. Source: Documentation/ABI/stable/sysfs-bus-vmbus.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { kernelVersion } from '../bus/kernel/kernel-version.js';
import {
  kernelHazards,
  slowSubchannelsAreSignalled,
  subchannelInterruptsAreSafe,
} from '../bus/kernel/known-kernels.js';
import type { Device } from '../bus/types.js';
import { VmbusError } from '../errors.js';
import { type ChannelName, nameOf } from './close-reasons.js';

/** The interrupt page has so many bits (MAX_NUM_CHANNELS_SUPPORTED); relid 0 is the bus itself. */
export const largestRelid = 2047;
/** The monitor page has 4 groups of 32 triggers. */
const largestMonitorId = 127;

export function isRelid(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= largestRelid;
}

export function isMonitorId(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= largestMonitorId;
}

/** The host chose a number that the pages of the bus have no place for, or the file holds no number at all. */
export function corruptAttribute(device: string, path: string, value: number | null): VmbusError {
  const attribute = path.slice(path.lastIndexOf('/') + 1);
  const text = value === null ? 'holds no number' : `is out of range: ${value}`;
  return new VmbusError('ERR_VMBUS_CORRUPT', `Attribute ${attribute} of device ${device} ${text}`, {
    device,
    path,
    facts: { attribute, value },
    hint: `cat ${path}; hv doctor looks for what else is wrong`,
  });
}

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
      return readdirSync(`${this.path}/channels`).map(Number).filter(isRelid);
    } catch {
      return []; // the device went
    }
  }

  /** What is needed to attach a subchannel; null until the kernel has opened it. */
  subchannel(relid: number): SubchannelFiles | null {
    const folder = `${this.path}/channels/${relid}`;
    const ringFile = `${folder}/ring`;
    return existsSync(ringFile) ? { ringFile, monitorId: monitorIdIn(folder) } : null;
  }

  /** Whether the channel is the device's primary one. */
  isPrimary(relid: number): boolean {
    return this.subchannelIndex(relid) === 0;
  }

  /** Index that the host gave the channel, 0 for the primary one; null while the kernel does not show it. */
  subchannelIndex(relid: number): number | null {
    return numberIn(`${this.path}/channels/${relid}/subchannel_id`);
  }

  /** Whether interrupts of subchannels must stay off on this kernel. */
  arePolled(): boolean {
    return !subchannelInterruptsAreSafe(this.root);
  }

  /** Release of the kernel. */
  get kernel(): string {
    return kernelVersion(this.root).release;
  }

  /**
   * A slow subchannel has no doorbell of its own: the kernel must signal it together with the device's.
   * @throws VmbusError ERR_VMBUS_UNSUPPORTED on kernels that are not known to do so
   */
  checkSignalled(name: ChannelName, { monitorId }: SubchannelFiles): void {
    if (monitorId !== null || slowSubchannelsAreSignalled(this.root)) return;
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `This kernel does not signal ${nameOf(name)}: it has no monitor id`, {
      device: name.device,
      channel: name.relid,
      path: `${this.path}/channels/${name.relid}`,
      facts: { feature: 'slow subchannel', kernel: this.kernel },
      hint: 'update the kernel: 6.12.69, 6.17 and later signal such subchannels',
    });
  }

  /** @throws VmbusError ERR_VMBUS_UNSUPPORTED on kernels that crash */
  checkHazards(when: 'open' | 'subchannel', device: string): void {
    const hazard = kernelHazards(this.root).find((h) => h.when === when && h.severity === 'refuse');
    if (hazard === undefined) return;
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `Refused on this kernel: ${hazard.explanation}`, {
      device,
      facts: { feature: when === 'open' ? 'channel' : 'subchannel', kernel: this.kernel, hazard: hazard.id },
      hint: 'update the kernel, or pass { force: true } where a crash of the guest does no harm',
    });
  }

  /** Whether the rings must not be mapped through the device node. */
  isMapZeroDangerous(): boolean {
    return kernelHazards(this.root).some(({ id }) => id === 'map0-use-after-free');
  }
}

// Null for a slow channel, which has no such file.
function monitorIdIn(folder: string): number | null {
  const path = `${folder}/monitor_id`;
  const monitorId = numberIn(path);
  if (isMonitorId(monitorId) || (monitorId === null && !existsSync(path))) return monitorId;
  throw corruptAttribute(basename(dirname(dirname(folder))), path, monitorId);
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
