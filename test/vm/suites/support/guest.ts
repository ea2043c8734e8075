// SPDX-License-Identifier: MIT
// What suites ask the guest's kernel directly, past the library under test: raw sysfs and modprobe.
// Called by suites; runs in the guest only. Facts: Documentation/ABI/stable/sysfs-bus-vmbus.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import type { KernelName } from '../../lab/kernel-names.js';

const BUS = '/sys/bus/vmbus';

/** Class of the dynamic memory device, the only one that this host offers. */
export const BALLOON_CLASS = '525074dc-8985-46e2-8057-a307dc18a502';

/** Series of the kernel, as the suite table names it. */
export const kernelName = (): KernelName => process.env.VMBUS_VM_KERNEL as KernelName;

/** True for the sizes that issues name, false for small ones. */
export const isFullSize = (): boolean => process.env.VMBUS_VM_SIZE === 'full';

/** A device as the kernel shows it. */
export interface RawDevice {
  readonly guid: string;
  readonly folder: string;
  /** Folder of its primary channel. */
  readonly channel: string;
}

/** The balloon device, bound or not. */
export function balloonDevice(): RawDevice {
  const devices = path.join(BUS, 'devices');
  const guid = fs
    .readdirSync(devices)
    .find((name) => attribute(path.join(devices, name), 'class_id') === `{${BALLOON_CLASS}}`);
  if (guid === undefined) throw new Error(`no balloon device in ${devices}`);
  const folder = path.join(devices, guid);
  return { guid, folder, channel: path.join(folder, 'channels', attribute(folder, 'id')) };
}

/** An attribute without its line end. @throws the kernel's own errors, such as EINVAL for rings that are not there */
export const attribute = (folder: string, name: string): string =>
  fs.readFileSync(path.join(folder, name), 'utf8').trimEnd();

/** An attribute, or the code of the error that reading it gives. */
export function attributeOrError(folder: string, name: string): string {
  try {
    return attribute(folder, name);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}

/** Driver that a device is bound to. */
export function driverOf({ folder }: RawDevice): string | undefined {
  const link = path.join(folder, 'driver');
  return fs.existsSync(link) ? path.basename(fs.readlinkSync(link)) : undefined;
}

/** The files of a driver, such as `new_id`, to write to. */
export const driverFile = (driver: string, name: 'bind' | 'unbind' | 'new_id' | 'remove_id'): string =>
  path.join(BUS, 'drivers', driver, name);

/** Loads a module with what it depends on. @throws with modprobe's words */
export function loadModule(name: string, ...parameters: readonly string[]): void {
  execFileSync('modprobe', [name, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Unloads a module. @throws with modprobe's words, for one in use too */
export function unloadModule(name: string): void {
  execFileSync('rmmod', [name], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** True for loaded modules; built-in ones have no folder unless they have parameters or a version. */
export const isLoaded = (name: string): boolean => fs.existsSync(`/sys/module/${name}/initstate`);

/** The kernel's messages up to now. */
export const kernelLog = (): string => execFileSync('dmesg', { encoding: 'utf8', maxBuffer: 1 << 24 });

/** Gives the balloon's channel to uio_hv_generic. @returns its node, such as /dev/uio0 */
export function bindToUio(): string {
  loadModule('uio_hv_generic');
  const device = balloonDevice();
  if (driverOf(device) === undefined) fs.writeFileSync(driverFile('uio_hv_generic', 'new_id'), BALLOON_CLASS);
  if (driverOf(device) !== 'uio_hv_generic')
    throw new Error(`${device.guid} is bound to ${driverOf(device) ?? 'nothing'}`);
  const [node] = fs.readdirSync(path.join(device.folder, 'uio'));
  if (node === undefined) throw new Error(`${device.guid} has no UIO node`);
  return `/dev/${node}`;
}

/** Takes it away again, so that the next suite finds the bus as it was. The node must be closed and unmapped. */
export function unbindFromUio(): void {
  const device = balloonDevice();
  if (driverOf(device) === 'uio_hv_generic') fs.writeFileSync(driverFile('uio_hv_generic', 'unbind'), device.guid);
  try {
    fs.writeFileSync(driverFile('uio_hv_generic', 'remove_id'), BALLOON_CLASS);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENODEV')) throw error; // it was not in the list
  }
}
