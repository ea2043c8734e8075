// SPDX-License-Identifier: MIT
// Kernels that the lab knows, by series.
// Called by provision.ts and by the table of suites, which also the guest may import.

export const KERNEL_NAMES = ['6.1', '6.12', '7'] as const;

export type KernelName = (typeof KERNEL_NAMES)[number];
