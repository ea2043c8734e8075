// SPDX-License-Identifier: MIT
//
// What a driver's probe function answers in the simulated guest kernel.
// Called by: simulated-host.ts. Source: drivers/uio/uio_hv_generic.c, drivers/hv/hv_util.c.

import { constants } from 'node:os';

import { uioDriver } from './native-drivers.js';

/** ENOTSUPP, which the kernel lets slip out where a monitor is required. */
const notSupported = 524;

/** What the answer depends on. */
export interface ProbeFacts {
  /** The device's class is in the driver's own table. */
  readonly isNative: boolean;
  readonly hasMonitor: boolean;
  readonly requireMonitor: boolean;
}

/** A positive errno, 0 if the driver takes the device. */
export function probeErrno(driver: string, facts: ProbeFacts): number {
  if (driver === uioDriver) return facts.requireMonitor && !facts.hasMonitor ? notSupported : 0;
  if (facts.isNative) return 0;
  // A foreign class crashes hv_utils in a real kernel; the others wait in vain for an answer in their own protocol.
  return driver === 'hv_utils' ? constants.errno.EFAULT : constants.errno.ETIMEDOUT;
}
