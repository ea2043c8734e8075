// SPDX-License-Identifier: MIT
//
// What became of a device that the host offers: it works, nobody drives it, or somebody else does. Each with its way out.
// Called by the checks of services and devices.

import type { Device } from '../../../bus/index.js';
import type { DoctorContext } from '../context.js';
import { installModule, loadModule } from '../distribution.js';
import type { CheckOutcome } from '../types.js';

/** Modules that bring a driver of another name. */
const moduleOfDriver: Readonly<Record<string, string>> = {
  hid_hyperv: 'hid_hyperv',
  hv_pci: 'pci_hyperv',
  hyperv_keyboard: 'hyperv_keyboard',
};

/** Verdict on one device. */
export function judgeDevice(context: DoctorContext, device: Device, subject: string): CheckOutcome {
  const { driver } = device;
  const { nativeDrivers } = device.class;
  const evidence = [
    {
      source: `sys/bus/vmbus/devices/${device.id}`,
      says: driver === null ? 'no driver is bound' : `bound to ${driver}`,
    },
  ];
  if (nativeDrivers.length === 0) return noNativeDriver(device, subject, evidence);
  if (driver === null) return noDriver(context, device, subject, evidence);
  if (nativeDrivers.includes(driver))
    return { verdict: 'pass', subject, availability: 'working', cause: `driven by ${driver}`, evidence };
  return {
    verdict: 'warn',
    subject,
    availability: 'bound-elsewhere',
    evidence,
    cause: `bound to ${driver} instead of ${nativeDrivers[0]}: lent to user space, and of no use to the system meanwhile`,
    fix: `hv restore ${device.id}`,
  };
}

function noNativeDriver(
  { driver, class: { title } }: Device,
  subject: string,
  evidence: CheckOutcome['evidence'] = [],
): CheckOutcome {
  if (driver !== null)
    return {
      verdict: 'info',
      subject,
      availability: 'bound-elsewhere',
      cause: `bound to ${driver}; Linux has no driver of its own for it`,
      evidence,
    };
  return {
    verdict: 'info',
    subject,
    availability: 'absent-by-design',
    cause: `Linux has no driver for it (${title}); that is normal`,
    evidence,
  };
}

function noDriver(
  context: DoctorContext,
  device: Device,
  subject: string,
  evidence: NonNullable<CheckOutcome['evidence']>,
): CheckOutcome {
  const driver = newestDriver(context, device);
  const module = moduleOfDriver[driver] ?? driver;
  const state = context.modules.state(module);
  const base = {
    verdict: 'fail',
    subject,
    availability: 'no-driver',
    evidence: [...evidence, { source: 'module', says: `${module} is ${state}` }],
  } as const;
  switch (state) {
    case 'loaded':
    case 'builtin':
      return {
        ...base,
        cause: `offered by the host, but ${driver} has not taken it although it is there`,
        fix: `echo ${device.id} > /sys/bus/vmbus/drivers/${driver}/bind`,
      };
    case 'missing':
      return {
        ...base,
        cause: `offered by the host, but this kernel has no module ${module}`,
        fix: installModule(context.distribution, module),
      };
    default:
      return { ...base, cause: `offered by the host, but the module ${module} is not loaded`, fix: loadModule(module) };
  }
}

/** File copy lost its own driver in 6.10: the kernel that has neither loaded is asked which one it knows. */
function newestDriver(context: DoctorContext, device: Device): string {
  const { nativeDrivers } = device.class;
  const known = nativeDrivers.find((driver) => ['loaded', 'builtin'].includes(context.modules.state(driver)));
  return known ?? nativeDrivers[0] ?? '';
}
