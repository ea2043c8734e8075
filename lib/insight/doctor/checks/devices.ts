// SPDX-License-Identifier: MIT
//
// Check: every offered device that is no integration service has a driver.
// Called by ../doctor.ts.

import type { Device } from '../../../bus/index.js';
import type { Check } from '../context.js';
import { judgeDevice } from './device-verdict.js';

const services: ReadonlySet<string> = new Set(['heartbeat', 'shutdown', 'timesync', 'kvp', 'vss', 'fcopy']);

export const devicesCheck: Check = {
  id: 'device-drivers',
  title: 'Devices have their drivers',
  topics: ['devices', 'modules', 'net', 'scsi', 'ide', 'balloon', 'keyboard', 'mouse', 'video', 'pci'],
  run: (context) => {
    if (!context.hasBus) return { verdict: 'skip', cause: 'this root has no VMBus' };
    const devices = context.devices.filter((device) => !services.has(device.class.name));
    if (devices.length === 0) return { verdict: 'info', cause: 'the host offers no devices but services' };
    return devices.map((device) => judgeDevice(context, device, subjectOf(device)));
  },
};

function subjectOf(device: Device): string {
  return (
    device.children.find(({ kind }) => kind === 'net' || kind === 'block')?.name ??
    `${device.class.name} ${device.id.slice(0, 8)}`
  );
}
