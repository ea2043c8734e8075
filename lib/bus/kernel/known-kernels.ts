// SPDX-License-Identifier: MIT
//
// Kernels whose uio_hv_generic is known to be dangerous, and when; and what only some of them can. Only what can't be probed
// safely stands here.
// Called by driver-binding.ts and restore.ts (warnings), lib/channel (opening), `hv doctor`.
// Source: drivers/uio/uio_hv_generic.c and drivers/hv of the stable series, read release by release.

import { compareVersions, type KernelVersion, kernelVersion } from './kernel-version.js';

/** Something a kernel does badly. */
export interface KernelHazard {
  /**
   * `rescind-oops`, `rescind-zombie`, `map0-use-after-free`, `subchannel-oops`, `subchannel-interrupts`, `restore-after-open`,
   * `restored-disks-hang`.
   */
  readonly id: string;
  /** What one must do to run into it; `take`: take a device from a driver that is to have it again. */
  readonly when: 'open' | 'subchannel' | 'restore' | 'take';
  /** The driver; null where it is the same for all. */
  readonly driver: string | null;
  /** Refused without `force` (when taking: unless accepted by its id), or only told. */
  readonly severity: 'refuse' | 'warn';
  readonly explanation: string;
}

type Version = readonly [number, number, number];

/** Upstream versions; without a bound where it is left out. */
interface Range {
  readonly since?: Version;
  readonly before?: Version;
}

interface Entry extends Omit<KernelHazard, 'driver'> {
  readonly driver?: string;
  /** `all` also where the version is hidden. */
  readonly ranges: readonly Range[] | 'all';
}

const entries: readonly Entry[] = [
  {
    id: 'rescind-oops',
    when: 'open',
    severity: 'refuse',
    explanation:
      'this kernel crashes when the host withdraws a device that is open through UIO (fixed in 5.10.257 and 6.1.170)',
    ranges: [{ before: [5, 10, 257] }, { since: [6, 1, 0], before: [6, 1, 170] }],
  },
  {
    id: 'rescind-zombie',
    when: 'open',
    severity: 'warn',
    explanation:
      'on 5.15 a device that the host withdraws while it is open is never unregistered, and a new offer of it is not seen',
    ranges: [{ since: [5, 15, 0], before: [5, 16, 0] }],
  },
  {
    id: 'map0-use-after-free',
    when: 'open',
    severity: 'warn',
    explanation:
      'this kernel frees the rings under a mapping of UIO map 0 when the host withdraws the device; the `ring` file is mapped instead',
    ranges: [{ before: [5, 11, 0] }, { since: [6, 1, 0], before: [6, 1, 170] }],
  },
  {
    id: 'subchannel-oops',
    when: 'subchannel',
    severity: 'refuse',
    explanation: 'on this kernel an interrupt on a subchannel of a UIO device can crash the guest (fixed in 6.12.69)',
    ranges: [
      { since: [6, 6, 0], before: [6, 7, 0] },
      { since: [6, 12, 44], before: [6, 12, 69] },
    ],
  },
  {
    id: 'subchannel-interrupts',
    when: 'subchannel',
    severity: 'warn',
    explanation: 'this kernel must not be asked for interrupts on subchannels of a UIO device; they are polled',
    // Those that crash among them: who forces a subchannel there is polled.
    ranges: [
      { before: [5, 10, 257] },
      { since: [5, 11, 0], before: [6, 1, 170] },
      { since: [6, 2, 0], before: [6, 12, 69] },
      { since: [6, 13, 0], before: [6, 17, 8] },
    ],
  },
  {
    id: 'restore-after-open',
    when: 'restore',
    severity: 'warn',
    explanation:
      "this device was opened through UIO, and the kernel keeps UIO's rescind callback on its channel: should the host " +
      'withdraw the device before the next reboot, that callback runs against the native driver and the kernel crashes ' +
      '(seen on 6.1, 6.12 and 7.3). Reboot when you can',
    ranges: 'all',
  },
  {
    id: 'restored-disks-hang',
    when: 'take',
    driver: 'hv_storvsc',
    severity: 'refuse',
    explanation:
      'once uio_hv_generic has had a disk controller, hv_storvsc loses completions on it until the next reboot: the kernel leaves ' +
      'its channel in the mode of UIO, in which that driver does not look twice. Its disks then hang, sooner or later',
    ranges: 'all',
  },
];

/**
 * Kernels on which a 4-byte write to the UIO node signals every slow channel of the device; on the others it signals the
 * primary one at most. Source: uio_hv_generic.c, hv_uio_irqcontrol and its set_event.
 */
const slowSubchannelsSignalled: readonly Range[] = [{ since: [6, 12, 69], before: [6, 13, 0] }, { since: [6, 17, 0] }];

/** Ids of hazards that can be accepted. */
export const acceptableHazards: readonly string[] = entries.filter(({ when }) => when === 'take').map(({ id }) => id);

/** What is known against the kernel of a root; what can only be told by a version that is hidden is left out. */
export function kernelHazards(root: string): readonly KernelHazard[] {
  const { upstream } = kernelVersion(root);
  return entries
    .filter(({ ranges }) => ranges === 'all' || isIn(upstream, ranges))
    .map(({ id, when, driver = null, severity, explanation }) => ({ id, when, driver, severity, explanation }));
}

/** What comes of it when this driver has a device again that uio_hv_generic had. */
export function takingHazards(root: string, driver: string | null): readonly KernelHazard[] {
  return kernelHazards(root).filter((hazard) => hazard.when === 'take' && hazard.driver === driver);
}

/** Subchannels of a UIO device may interrupt: only on kernels known to be good. Polled elsewhere. */
export function subchannelInterruptsAreSafe(root: string): boolean {
  return kernelVersion(root).upstream !== null && !kernelHazards(root).some((hazard) => hazard.when === 'subchannel');
}

/** Subchannels without a monitor id are signalled: only on kernels known to do so. Others would never hear of a packet. */
export function slowSubchannelsAreSignalled(root: string): boolean {
  return isIn(kernelVersion(root).upstream, slowSubchannelsSignalled);
}

function isIn(version: KernelVersion['upstream'], ranges: readonly Range[]): boolean {
  if (version === null) return false;
  return ranges.some(({ since, before }) => {
    const isOld = since !== undefined && compareVersions(version, since) < 0;
    return !isOld && (before === undefined || compareVersions(version, before) < 0);
  });
}
