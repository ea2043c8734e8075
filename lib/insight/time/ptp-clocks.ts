// SPDX-License-Identifier: MIT
//
// The PTP clocks of a root, and which of them is the host's: found by what its driver calls it, for `ptp0` may be the network
// card's.
// Called by report.ts and the doctor. Source: hv_ptp of drivers/hv/hv_util.c; Documentation/ABI/testing/sysfs-ptp.

import { existsSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { listFolder, readSmallFileOrNull } from '../../bus/read/attributes.js';
import type { PtpClock } from './types.js';

/** Name that the kernel gives to the host's clock. */
const hostClockName = 'hyperv';
/** The link that udev makes to it, with a rule that systemd has had since version 249. */
export const hostClockLink = '/dev/ptp_hyperv';

/** Clocks in the order of their numbers. */
export function readPtpClocks(root: string): readonly PtpClock[] {
  const folder = path.join(root, 'sys/class/ptp');
  return listFolder(folder)
    .filter((name) => /^ptp\d{1,9}$/.test(name))
    .sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)))
    .map((name) => {
      const clockName = readSmallFileOrNull(path.join(folder, name, 'clock_name'));
      const node = `/dev/${name}`;
      const hasNode = existsSync(path.join(root, node));
      return { name, clockName, isHost: clockName === hostClockName, node: hasNode ? node : null };
    });
}

/** Where the link to the host's clock leads to: `ptp0`. Null where there is none. */
export function readHostClockLink(root: string): string | null {
  try {
    return readlinkSync(path.join(root, hostClockLink));
  } catch {
    return null;
  }
}
