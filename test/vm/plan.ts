// SPDX-License-Identifier: MIT
// Decides which boots a run consists of: one per kernel for all suites that share, one for each that does not.
// Called by suite-runner.ts and suite-command.ts.
import type { KernelFlavour, KernelName } from './lab/kernel-names.js';
import type { Suite } from './suites.js';

export interface Selection {
  readonly kernels: readonly KernelName[];
  readonly size: 'quick' | 'full';
  readonly slow: boolean;
  /** Only what runs on our own host. */
  readonly hosted?: boolean;
  /** Folder for recordings. All hosted suites run then, in the size asked for. */
  readonly recordIn?: string;
  /** Names of suites; empty for all. */
  readonly only: readonly string[];
}

/** One start of the guest. */
export interface Boot {
  readonly kernel: KernelName;
  readonly suites: readonly Suite[];
}

// All limits are for a machine that does other things too.
const DEFAULT_SUITE_SECONDS = 300;
const FULL_SUITE_SECONDS = 2400;
/** What a suite in a shared guest takes. */
const SHARED_SECONDS = 90;
/** For the boot itself. */
const BOOT_SECONDS = 180;

function isWanted(suite: Suite, kernel: KernelName, { size, slow, hosted, recordIn, only }: Selection): boolean {
  if (!suite.kernels.includes(kernel) || (hosted === true && suite.boot !== 'hosted')) return false;
  if (only.length > 0) return only.includes(suite.name); // asked for by name: size and patience are not asked
  return (suite.size === 'quick' || size === 'full' || recordIn !== undefined) && (suite.slow !== true || slow);
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
    const own = wanted.filter((suite) => suite.boot !== 'shared').map((suite) => [suite]);
    return [shared, ...own].filter((group) => group.length > 0).map((group) => ({ kernel, suites: group }));
  });
}

/** Which of Debian's builds of the kernel a boot needs. */
export const flavourOf = ({ kernel, suites }: Boot): KernelFlavour =>
  suites.some(({ generic }) => generic?.includes(kernel)) ? 'generic' : 'cloud';

/** Limit for a suite; one on our own host boots its guest within it. */
export function suiteSeconds({ timeoutSeconds = DEFAULT_SUITE_SECONDS, boot }: Suite, size: 'quick' | 'full'): number {
  const seconds = boot === 'hosted' ? timeoutSeconds + BOOT_SECONDS : timeoutSeconds;
  return size === 'full' ? Math.max(seconds, FULL_SUITE_SECONDS) : seconds;
}

/** Limit for a whole boot. Several of its suites never take their whole time. */
export function bootTimeoutMs({ suites }: Boot, size: 'quick' | 'full'): number {
  const longest = Math.max(...suites.map((suite) => suiteSeconds(suite, size)));
  return 1000 * (BOOT_SECONDS + longest + SHARED_SECONDS * suites.length);
}
