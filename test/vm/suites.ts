// SPDX-License-Identifier: MIT
// The table of the vm tier: what runs on which kernel, and what needs a guest of its own.
// A suite NAME is the file suites/NAME.test.ts, or hosted/NAME.test.ts. Called by plan.ts.
import { KERNEL_NAMES, type KernelName } from './lab/kernel-names.js';

export interface Suite {
  readonly name: string;
  readonly kernels: readonly KernelName[];
  /**
   * `shared`: runs after those above it in one guest, and leaves the balloon closed. `own`: gets a boot to itself.
   * `hosted`: runs on this machine, beside the host that it plays for a guest of its own.
   */
  readonly boot: 'shared' | 'own' | 'hosted';
  /** Kernels of which it needs Debian's generic flavour; the others are of the cloud flavour, which is smaller. */
  readonly generic?: readonly KernelName[];
  /** `full` suites run with --full only. A `quick` one runs always and may look at VMBUS_VM_SIZE. */
  readonly size: 'quick' | 'full';
  /** Runs with --slow only, for it waits long for the host. */
  readonly slow?: true;
  /** Limit for it, its start included. */
  readonly timeoutSeconds?: number;
}

/** uio_hv_generic takes the balloon's channel from here on; 6.1 refuses it. */
export const KERNELS_WITH_SLOW_UIO: readonly KernelName[] = ['6.12', '7'];

// Those that want a guest as it was booted come first. A device that was open through UIO stays marked by that; the bus ends
// with the balloon at its own driver.
export const SUITES: readonly Suite[] = [
  { name: 'guest', kernels: KERNEL_NAMES, boot: 'shared', size: 'quick' },
  { name: 'sysfs-facts', kernels: KERNEL_NAMES, boot: 'shared', size: 'quick' },
  { name: 'insight', kernels: KERNEL_NAMES, boot: 'shared', size: 'quick' },
  { name: 'command', kernels: KERNEL_NAMES, boot: 'shared', size: 'quick' },
  { name: 'channel', kernels: KERNELS_WITH_SLOW_UIO, boot: 'shared', size: 'quick' },
  { name: 'memory', kernels: KERNELS_WITH_SLOW_UIO, boot: 'shared', size: 'quick' },
  { name: 'bus', kernels: KERNEL_NAMES, boot: 'shared', size: 'quick', timeoutSeconds: 400 },
  { name: 'driver-facts', kernels: KERNEL_NAMES, boot: 'own', size: 'quick' },
  { name: 'unbind-while-open', kernels: KERNELS_WITH_SLOW_UIO, boot: 'own', size: 'quick' },
  {
    name: 'balloon-request',
    kernels: KERNELS_WITH_SLOW_UIO,
    boot: 'own',
    size: 'quick',
    slow: true,
    timeoutSeconds: 240,
  },
  { name: 'services', kernels: KERNEL_NAMES, boot: 'hosted', size: 'quick' },
  { name: 'pauses', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'pairs', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'lifecycle', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'guides', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full', timeoutSeconds: 900 },
  { name: 'uio', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'uio-rescind', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'storage', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'network', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'storvsc', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'netvsc', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'network-guide', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'testpmd', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full', timeoutSeconds: 600 },
  { name: 'network-queues', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'sockets', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  // Only the generic flavour has hyperv_drm; of 7.x only that one has hid_hyperv.
  { name: 'input', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full', generic: ['7'] },
  { name: 'video', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full', generic: KERNEL_NAMES },
  { name: 'balloon', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'restart', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'host-death', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'file-copy', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full' },
  { name: 'file-inbox', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full', timeoutSeconds: 1200 },
  { name: 'backup', kernels: KERNEL_NAMES, boot: 'hosted', size: 'full', timeoutSeconds: 900 },
];
