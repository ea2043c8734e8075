// SPDX-License-Identifier: MIT
//
// Why a service device could not be opened, as an error that says what to do.
// Called by: service-device.ts. Source of the errnos: drivers/hv/hv_utils_transport.c.

import { nodeHolders } from '../../bus/use/nodes.js';
import { errnoName, VmbusError } from '../../errors.js';
import type { ServiceDialect } from './types.js';

/** Where the device is. */
export interface ServicePlace {
  readonly root: string;
  readonly path: string;
  readonly dialect: ServiceDialect;
}

/** What the kernel says of a service that is not there, or is just being taken away. */
export function isAbsent(errno: number): boolean {
  return ['ENOENT', 'ENODEV', 'ENXIO', 'EBADF', 'ECONNREFUSED', 'ENOTDIR'].includes(errnoName(errno));
}

/** @param errno Positive */
export function serviceOpenError(errno: number, { root, path, dialect }: ServicePlace): VmbusError {
  const system = { path, syscall: 'open', errno, errnoName: errnoName(errno) };
  const cannot = `Can't open ${path}`;
  if (isAbsent(errno))
    return new VmbusError('ERR_VMBUS_NO_DEVICE', `${cannot}: there is no ${dialect.name} service now`, {
      ...system,
      hint: 'hv doctor tells whether the host has it switched off or the driver is missing',
    });
  switch (errnoName(errno)) {
    case 'EBUSY':
      return busy(system, { root, path, dialect });
    case 'EACCES':
    case 'EPERM':
      return new VmbusError('ERR_VMBUS_PERMISSION', `${cannot}: you may not`, { ...system, hint: 'run as root' });
    default:
      return new VmbusError('ERR_VMBUS_SYSTEM', `${cannot}: ${errnoName(errno)}`, { ...system, hint: 'hv doctor' });
  }
}

function busy(system: { readonly path: string }, { root, path, dialect }: ServicePlace): VmbusError {
  const [holder] = nodeHolders(root, [`/dev/vmbus/${dialect.node}`]);
  const { pid, command } = holder ?? { pid: 0, command: null };
  const who = pid > 0 ? `process ${pid} (${command}) has it` : 'another process has it';
  return new VmbusError('ERR_VMBUS_BUSY', `Can't open ${path}: ${who}, and only one can`, {
    ...system,
    facts: pid > 0 ? { ownerPid: pid, ownerCommand: command } : {},
    hint: `if it is the distribution's daemon: systemctl stop ${dialect.daemon}`,
  });
}
