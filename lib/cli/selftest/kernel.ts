// SPDX-License-Identifier: MIT
//
// What this kernel can do, as far as that shows without opening a device: drivers, dynamic ids, rings in sysfs, hazards.

import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Bus, Device } from '../../index.js';
import { kernelHazards, kernelVersion } from '../../index.js';
import type { Probe } from './types.js';

/** Probes the kernel behind a bus. */
export function probeKernel(bus: Bus): Probe[] {
  const devices = bus.devices();
  return [...probeVersion(bus), ...probeBinding(bus, devices), probeRings(devices), probeMaps(devices)];
}

function probeVersion({ root }: Bus): Probe[] {
  const { release, upstream } = kernelVersion(root);
  const hazards = kernelHazards(root).map(({ id, severity }) => ({ id, severity }));
  return [
    { id: 'kernel.version', status: upstream ? 'pass' : 'skip', detail: release || 'hidden', facts: { upstream } },
    {
      id: 'kernel.hazards',
      status: hazards.length > 0 ? 'differs' : 'pass',
      detail: hazards.map(({ id }) => id).join(', ') || 'none known',
      facts: { hazards },
    },
  ];
}

function probeBinding({ root, hibernation }: Bus, devices: readonly Device[]): Probe[] {
  const driver = path.join(root, 'sys/bus/vmbus/drivers/uio_hv_generic');
  const override = devices.some(({ path: folder }) => existsSync(path.join(folder, 'driver_override')));
  return [
    presence('kernel.uio-driver', existsSync(driver), 'uio_hv_generic is registered', 'uio_hv_generic is not loaded'),
    presence('kernel.dynamic-ids', existsSync(path.join(driver, 'new_id')), 'takes dynamic ids', 'no new_id'),
    presence('kernel.driver-override', override, 'devices can be reserved for a driver', 'no driver_override'),
    presence('kernel.hibernation', hibernation !== null, `is ${hibernation ? 'on' : 'off'}`, 'not told (before 5.12)'),
  ];
}

function probeRings(devices: readonly Device[]): Probe {
  const rings = devices.flatMap(({ channels }) => channels).flatMap(({ ring }) => (ring ? [ring.sizeBytes] : []));
  const facts = { sizes: [...new Set(rings)] };
  if (rings.length > 0) return { id: 'kernel.rings', status: 'pass', detail: `${rings.length} rings in sysfs`, facts };
  return {
    id: 'kernel.rings',
    status: 'absent',
    detail: 'none in sysfs: only devices bound to uio_hv_generic show them',
  };
}

function probeMaps(devices: readonly Device[]): Probe {
  const lent = devices.flatMap(({ uio }) => (uio ? [uio] : []));
  const detail = `${lent.length || 'no'} device${lent.length === 1 ? '' : 's'} bound to uio_hv_generic`;
  const maps = lent.map((uio) => uio.maps.map(({ name, sizeBytes, offset }) => ({ name, sizeBytes, offset })));
  return { id: 'uio.maps', status: lent.length > 0 ? 'pass' : 'absent', detail, facts: { maps } };
}

function presence(id: string, isThere: boolean, yes: string, no: string): Probe {
  return { id, status: isThere ? 'pass' : 'absent', detail: isThere ? yes : no };
}
