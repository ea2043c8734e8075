// SPDX-License-Identifier: MIT
//
// The kernel's refusals while binding, in words: what it means and what to do next.
// Called by steps.ts with the step that failed, and driver-binding.ts before the first.
// Source: drivers/base/bus.c, drivers/hv/vmbus_drv.c, drivers/uio/uio_hv_generic.c.

import { existsSync } from 'node:fs';
import { constants } from 'node:os';

import { errnoName, VmbusError, type VmbusErrorCode, type VmbusErrorDetails } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { kernelVersion } from '../kernel/kernel-version.js';
import { boundDriver, devicePath } from '../read/device-reader.js';
import { driverFolder, type Step, uioDriver } from './plan.js';

/** ENOTSUPP, which the kernel keeps for itself and here lets slip out. */
const notSupported = 524;
const { EACCES, EPERM, EROFS, EBUSY, ELOOP, ENODEV, ENOENT, ENOMEM, EAGAIN, EXDEV } = constants.errno;

/** The error for a driver that this kernel has not loaded. */
export function moduleMissing(device: Guid, driver: string): VmbusError {
  return new VmbusError('ERR_VMBUS_MODULE_MISSING', `the driver ${driver} is not loaded`, {
    device,
    hint: `modprobe ${driver}`,
    facts: { driver },
  });
}

/** The error for a device that is not on the bus any more. */
export function deviceGone(root: string, device: Guid): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_NO_DEVICE',
    `device ${device} is not on the bus${root === '/' ? '' : ` of ${root}`}`,
    {
      device,
      hint: '`hv ls` lists what is there',
    },
  );
}

/** The error for a step that failed; errno 0 for a bind that the kernel accepted and did not carry out. */
export function refusal(target: { readonly root: string; readonly id: Guid }, step: Step, errno: number): VmbusError {
  const { root, id } = target;
  if (errno === EACCES || errno === EPERM || errno === EROFS) {
    return error(
      'ERR_VMBUS_PERMISSION',
      target,
      step,
      errno,
      `only root may ${step.what} (${step.path})`,
      'run the command as root (`sudo hv …`)',
    );
  }
  if (errno === ELOOP || errno === EXDEV) {
    const message = `${step.path} leads out of the tree by a link: nothing was written there`;
    return error('ERR_VMBUS_UNSUPPORTED', target, step, errno, message, `see \`namei ${step.path}\``);
  }
  if (devicePath(root, id) === null) return deviceGone(root, id);
  if (errno === ENOENT && !existsSync(driverFolder(root, step.driver))) return moduleMissing(id, step.driver);
  if (step.role === 'bind') return bindRefusal(target, step, errno);
  return error(
    'ERR_VMBUS_SYSTEM',
    target,
    step,
    errno,
    `cannot ${step.what}: ${errnoName(errno)}`,
    '`dmesg | tail` may say why',
  );
}

function bindRefusal(target: { readonly root: string; readonly id: Guid }, step: Step, errno: number): VmbusError {
  const refused = (message: string, hint: string, code: VmbusErrorCode = 'ERR_VMBUS_BIND_REFUSED'): VmbusError =>
    error(code, target, step, errno, message, hint);
  const now = boundDriver(target.root, target.id);
  switch (errno) {
    case notSupported:
      return refused(
        noMonitor(target.root, step.driver),
        'boot a kernel of 6.12 or later, where any device can be bound; ' +
          'on this one only devices with a monitor page can: network and SCSI controllers',
      );
    case EBUSY:
      return refused(
        `the device was taken by ${now ?? 'another driver'} meanwhile; some services are offered anew by the host ` +
          'as soon as their channel closes, and go back to their own driver',
        `see \`hv ls -vv ${target.id}\` and try again`,
        'ERR_VMBUS_BUSY',
      );
    case EAGAIN:
      return refused('the kernel is still announcing the device', 'try again in a moment', 'ERR_VMBUS_BUSY');
    case ENODEV:
      return refused(
        `${step.driver} does not accept this device (its class is not one it drives, or the device is going)`,
        '`dmesg | tail` may say why',
      );
    case ENOMEM:
      return refused(
        `${step.driver} found no memory for the rings: they take 4 MiB in one piece`,
        'echo 1 > /proc/sys/vm/compact_memory, and try again',
      );
    case 0:
      return refused(
        `the kernel accepted the request, but ${now === null ? 'no driver' : now} has the device`,
        '`dmesg | tail` may say why',
      );
    default:
      return refused(`${step.driver} refused the device: ${errnoName(errno)}`, '`dmesg | tail` may say why');
  }
}

function noMonitor(root: string, driver: string): string {
  const kernel = kernelVersion(root).release;
  const which = kernel === '' ? 'this kernel' : `this kernel (${kernel})`;
  if (driver !== uioDriver) return `${driver} does not support this device (errno 524, ENOTSUPP)`;
  return (
    `${which} refuses the device with errno 524 (ENOTSUPP): its ${driver} needs a channel with a monitor page, and this one is ` +
    'signalled by hypercall. Kernels from 6.12 on bind it'
  );
}

function error(
  code: VmbusErrorCode,
  target: { readonly id: Guid },
  step: Step,
  errno: number,
  message: string,
  hint: string,
): VmbusError {
  const system: VmbusErrorDetails = errno === 0 ? {} : { syscall: 'write', errno, errnoName: errnoName(errno) };
  return new VmbusError(code, message, {
    device: target.id,
    path: step.path,
    hint,
    ...system,
    facts: { step: step.what, driver: step.driver },
  });
}
