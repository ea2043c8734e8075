// SPDX-License-Identifier: MIT
//
// What this kernel can do, as far as that shows without opening a device: drivers, dynamic ids, rings in sysfs, hazards.

import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Bus } from '../../index.js';
import { kernelHazards, kernelVersion } from '../../index.js';
import type { Probe } from './types.js';

/** Probes the kernel behind a bus. */
export function probeKernel(bus: Bus): Probe[] {
  const devices = bus.devices();
  const drivers = path.join(bus.root, 'sys/bus/vmbus/drivers');
  const has = (entry: string): boolean => existsSync(path.join(drivers, entry));
  const version = kernelVersion(bus.root);
  const hazards = kernelHazards(bus.root);
  const lent = devices.filter((device) => device.uio !== null);
  const rings = devices.flatMap((device) => device.channels).filter((channel) => channel.ring !== null);
  return [
    {
      id: 'kernel.version',
      status: version.upstream ? 'pass' : 'skip',
      detail: version.release || 'hidden',
      facts: { upstream: version.upstream },
    },
    {
      id: 'kernel.hazards',
      status: hazards.length > 0 ? 'differs' : 'pass',
      detail: hazards.map(({ id }) => id).join(', ') || 'none known',
      facts: { hazards: hazards.map(({ id, severity }) => ({ id, severity })) },
    },
    presence(
      'kernel.uio-driver',
      has('uio_hv_generic'),
      'uio_hv_generic is registered',
      'uio_hv_generic is not loaded: modprobe uio_hv_generic',
    ),
    presence('kernel.dynamic-ids', has('uio_hv_generic/new_id'), 'takes dynamic ids', 'no new_id to write to'),
    presence(
      'kernel.driver-override',
      devices.some(({ path: folder }) => existsSync(path.join(folder, 'driver_override'))),
      'devices can be reserved for a driver',
      'no driver_override',
    ),
    presence(
      'kernel.hibernation',
      bus.hibernation !== null,
      `hibernation is ${bus.hibernation ? 'on' : 'off'}`,
      'no hibernation attribute (before 5.12)',
    ),
    {
      id: 'kernel.rings',
      status: rings.length > 0 ? 'pass' : 'absent',
      detail:
        rings.length > 0
          ? `${rings.length} rings in sysfs`
          : 'no ring in sysfs; they show on devices bound to uio_hv_generic only',
      facts: { sizes: [...new Set(rings.map((channel) => channel.ring?.sizeBytes ?? 0))] },
    },
    {
      id: 'uio.maps',
      status: lent.length > 0 ? 'pass' : 'absent',
      detail:
        lent.length > 0 ? `${lent.length} devices are bound to uio_hv_generic` : 'no device is bound to uio_hv_generic',
      facts: {
        maps: lent.map(({ uio }) => uio?.maps.map(({ name, sizeBytes, offset }) => ({ name, sizeBytes, offset }))),
      },
    },
  ];
}

function presence(id: string, isThere: boolean, yes: string, no: string): Probe {
  return { id, status: isThere ? 'pass' : 'absent', detail: isThere ? yes : no };
}
