// SPDX-License-Identifier: MIT
// Decides which boots a run consists of: one per kernel for all suites that share, one for each that does not.
// Called by suite-runner.ts.
import type { KernelName } from './lab/kernel-names.js';
import type { Suite } from './suites.js';

export interface Selection {
  readonly kernels: readonly KernelName[];
  readonly size: 'quick' | 'full';
  readonly slow: boolean;
  /** Names of suites; empty for all. */
  readonly only: readonly string[];
}

/** One start of the guest. */
export interface Boot {
  readonly kernel: KernelName;
  readonly suites: readonly Suite[];
}

const DEFAULT_TEST_TIMEOUT_SECONDS = 300;
/** For the boot itself, on a machine that does other things too. */
const BOOT_SECONDS = 180;

function isWanted(suite: Suite, kernel: KernelName, { size, slow, only }: Selection): boolean {
  if (!suite.kernels.includes(kernel)) return false;
  if (only.length > 0) return only.includes(suite.name); // asked for by name: size and patience are not asked
  return (suite.size === 'quick' || size === 'full') && (suite.slow !== true || slow);
}

/**
 * All boots of a run, kernel by kernel.
 * @throws when a suite is asked for that the table does not have
 */
export function planBoots(suites: readonly Suite[], selection: Selection): Boot[] {
  const unknown = selection.only.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    throw new Error(`no such suite: ${unknown.join(', ')}; there are ${suites.map((suite) => suite.name).join(', ')}`);
  }
  return selection.kernels.flatMap((kernel) => {
    const wanted = suites.filter((suite) => isWanted(suite, kernel, selection));
    const shared = wanted.filter((suite) => suite.boot === 'shared');
    const own = wanted.filter((suite) => suite.boot === 'own').map((suite) => [suite]);
    return [shared, ...own].filter((group) => group.length > 0).map((group) => ({ kernel, suites: group }));
  });
}

/** Limit for each test of a boot: the longest that one of its suites asks for. */
export const testTimeoutMs = ({ suites }: Boot): number =>
  1000 * Math.max(...suites.map((suite) => suite.testTimeoutSeconds ?? DEFAULT_TEST_TIMEOUT_SECONDS));

/** Limit for a whole boot: what its suites may take at most, with room for a slow machine. */
export const bootTimeoutMs = (boot: Boot, size: 'quick' | 'full'): number =>
  1000 * BOOT_SECONDS + (size === 'full' ? 2_400_000 : 0) + 2 * testTimeoutMs(boot) + 60_000 * boot.suites.length;
