// SPDX-License-Identifier: MIT
//
// Kernels whose uio_hv_generic is known to be dangerous, and when. Only what can't be probed safely stands here.
// Called by driver-binding.ts and restore.ts (warnings), lib/channel (opening), `hv doctor`.
// Source: drivers/uio/uio_hv_generic.c and drivers/hv of the stable series, read release by release.

import { compareVersions, kernelVersion } from './kernel-version.js';

/** Something a kernel does badly. */
export interface KernelHazard {
  /** `rescind-oops`, `rescind-zombie`, `map0-use-after-free`, `subchannel-oops`, `subchannel-interrupts`, `restore-after-open`. */
  readonly id: string;
  /** What one must do to run into it. */
  readonly when: 'open' | 'subchannel' | 'restore';
  /** Refused without `force`, or only told. */
  readonly severity: 'refuse' | 'warn';
  readonly explanation: string;
}

type Version = readonly [number, number, number];

interface Entry extends KernelHazard {
  /** Ranges of upstream versions, from the first to before the second. */
  readonly ranges: readonly (readonly [from: Version, before: Version])[];
}

const forever: Version = [Number.MAX_SAFE_INTEGER, 0, 0];

const entries: readonly Entry[] = [
  {
    id: 'rescind-oops',
    when: 'open',
    severity: 'refuse',
    explanation:
      'this kernel crashes when the host withdraws a device that is open through UIO (fixed in 5.10.257 and 6.1.170)',
    ranges: [
      [
        [0, 0, 0],
        [5, 10, 257],
      ],
      [
        [6, 1, 0],
        [6, 1, 170],
      ],
    ],
  },
  {
    id: 'rescind-zombie',
    when: 'open',
    severity: 'warn',
    explanation:
      'on 5.15 a device that the host withdraws while it is open is never unregistered, and a new offer of it is not seen',
    ranges: [
      [
        [5, 15, 0],
        [5, 16, 0],
      ],
    ],
  },
  {
    id: 'map0-use-after-free',
    when: 'open',
    severity: 'warn',
    explanation:
      'this kernel frees the rings under a mapping of UIO map 0 when the host withdraws the device; the `ring` file is mapped instead',
    ranges: [
      [
        [0, 0, 0],
        [5, 11, 0],
      ],
      [
        [6, 1, 0],
        [6, 1, 170],
      ],
    ],
  },
  {
    id: 'subchannel-oops',
    when: 'subchannel',
    severity: 'refuse',
    explanation: 'on this kernel an interrupt on a subchannel of a UIO device can crash the guest (fixed in 6.12.69)',
    ranges: [
      [
        [6, 12, 44],
        [6, 12, 69],
      ],
      [
        [6, 6, 0],
        [6, 7, 0],
      ],
    ],
  },
  {
    id: 'subchannel-interrupts',
    when: 'subchannel',
    severity: 'warn',
    explanation: 'this kernel must not be asked for interrupts on subchannels of a UIO device; they are polled',
    ranges: [
      [
        [0, 0, 0],
        [5, 10, 257],
      ],
      [
        [5, 11, 0],
        [6, 1, 170],
      ],
      [
        [6, 2, 0],
        [6, 12, 69],
      ],
      [
        [6, 13, 0],
        [6, 17, 8],
      ],
    ],
  },
  {
    id: 'restore-after-open',
    when: 'restore',
    severity: 'warn',
    explanation:
      "this device was opened through UIO, and the kernel keeps UIO's rescind callback on its channel: should the host " +
      'withdraw the device before the next reboot, that callback runs against the native driver. Reboot when you can',
    ranges: [[[0, 0, 0], forever]],
  },
];

/** What is known against the kernel of a root; what can only be told by a version that is hidden is left out. */
export function kernelHazards(root: string): readonly KernelHazard[] {
  const { upstream } = kernelVersion(root);
  const matches = ({ ranges }: Entry): boolean =>
    ranges.some(([from, before]) => {
      if (before === forever) return true;
      return upstream !== null && compareVersions(upstream, from) >= 0 && compareVersions(upstream, before) < 0;
    });
  return entries.filter(matches).map(({ id, when, severity, explanation }) => ({ id, when, severity, explanation }));
}

/** Subchannels of a UIO device may interrupt: only on kernels known to be good. Polled elsewhere. */
export function subchannelInterruptsAreSafe(root: string): boolean {
  return kernelVersion(root).upstream !== null && !kernelHazards(root).some((hazard) => hazard.when === 'subchannel');
}
