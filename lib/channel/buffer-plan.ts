// SPDX-License-Identifier: MIT
//
// The two buffers of a device that has them: what its UIO maps 3 and 4 say, checked.
// Called by: open-plan.ts, devices/storvsc. Source: drivers/uio/uio_hv_generic.c (hv_uio_probe): the name holds the GPADL handle in decimal.

import type { Device, UioAttributes } from '../bus/types.js';
import { VmbusError } from '../errors.js';
import type { BufferPlan } from '../native/binding.js';

const pageBytes = 4096;
const mostBytes = 2 ** 30;
const receive = { index: 3, name: /^recv:(\d{1,10})$/ } as const;
const send = { index: 4, name: /^send:(\d{1,10})$/ } as const;

/** @throws VmbusError ERR_VMBUS_UNSUPPORTED where there are none, ERR_VMBUS_CORRUPT where the maps say nonsense */
export function buffersOf(device: Pick<Device, 'id' | 'path' | 'class'>, uio: UioAttributes): BufferPlan {
  const received = bufferOf(device, uio, receive);
  const sent = bufferOf(device, uio, send);
  return {
    receiveBytes: received.bytes,
    receiveGpadl: received.gpadl,
    sendBytes: sent.bytes,
    sendGpadl: sent.gpadl,
  };
}

/** What the device's map says of its receive buffer, unchecked; 0 where the kernel made none. */
export function receiveBufferBytes({ uio }: Pick<Device, 'uio'>): number {
  return uio?.maps.find(({ index }) => index === receive.index)?.sizeBytes ?? 0;
}

function bufferOf(
  device: Pick<Device, 'id' | 'path' | 'class'>,
  uio: UioAttributes,
  { index, name }: { readonly index: number; readonly name: RegExp },
): { readonly bytes: number; readonly gpadl: number } {
  const path = `${device.path}/uio/${uio.name}/maps/map${index}`;
  const map = uio.maps.find((each) => each.index === index);
  if (map === undefined) {
    throw new VmbusError(
      'ERR_VMBUS_UNSUPPORTED',
      `Device ${device.id} (${device.class.name}) has no buffers to send and receive in: ${uio.name} has no map ${index}`,
      {
        device: device.id,
        path,
        facts: { feature: 'device buffers', maps: uio.maps.map((each) => each.name) },
        hint: 'kernels make them at bind, newer ones for network cards only: bind the device again, then hv info',
      },
    );
  }
  // NaN, which is below nothing, where it is another name.
  const gpadl = Number(name.exec(map.name ?? '')?.[1]);
  const bytes = map.sizeBytes ?? 0;
  const isSound = gpadl < 2 ** 32 && bytes > 0 && bytes % pageBytes === 0 && bytes <= mostBytes;
  if (isSound) return { bytes, gpadl };
  throw new VmbusError('ERR_VMBUS_CORRUPT', `Map ${index} of ${uio.name} is no buffer`, {
    device: device.id,
    path,
    facts: { name: map.name, sizeBytes: map.sizeBytes },
    hint: `cat ${path}/name ${path}/size; hv doctor looks for what else is wrong`,
  });
}
