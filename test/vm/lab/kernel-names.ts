// SPDX-License-Identifier: MIT
// Kernels that the lab knows, by series and by what Debian builds of each.
// Called by provision.ts and by the table of suites, which also the guest may import.

export const KERNEL_NAMES = ['6.1', '6.12', '7'] as const;

export type KernelName = (typeof KERNEL_NAMES)[number];

/**
 * `cloud`: a third of the size, with what most Hyper-V guests need. `generic`: everything, thus also hyperv_drm, and hid_hyperv in
 * each series.
 */
export type KernelFlavour = 'cloud' | 'generic';
