// SPDX-License-Identifier: MIT
//
// How requests to an integration service of the guest fail.
// Called by: ic-session.ts, ic-device.ts, the providers of the services.

import { VmbusError, type VmbusErrorDetails } from '../../errors.js';
import { IcStatus, icStatusName, icVersionName } from '../../protocol/ic.js';
import type { IcVersions } from '../../protocol/ic-negotiation.js';
import type { IcAnswer } from './ic-pending.js';

/** Where something failed. */
export type IcPlace = Pick<VmbusErrorDetails, 'device' | 'channel'>;

/** Nobody is there to be asked: nobody came, the guest left, or the host withdrew the device. */
export function closedError(service: string, place: IcPlace, end: 'absent' | 'closed' | 'rescinded'): VmbusError {
  if (end === 'rescinded')
    return new VmbusError('ERR_VMBUS_RESCINDED', `${service}: the device was withdrawn`, {
      ...place,
      facts: { service },
      hint: 'offer it again: the add() of the host',
    });
  const why = end === 'closed' ? 'the guest closed the channel' : 'the guest has not opened the channel';
  return new VmbusError('ERR_VMBUS_CLOSED', `${service}: ${why}`, {
    ...place,
    facts: { service },
    hint: "await the provider's ready(): it resolves once a driver in the guest serves the device",
  });
}

/** The guest knows none of the versions that were offered. */
export function versionsError(service: string, place: IcPlace, offered: IcVersions, status: number): VmbusError {
  const names = offered.messages.map(icVersionName).join(', ');
  return new VmbusError('ERR_VMBUS_UNSUPPORTED', `${service}: the guest knows none of the versions ${names}`, {
    ...place,
    facts: { service, offered: offered.messages.map(icVersionName), status },
    hint: 'in the guest: dmesg | grep hv_',
  });
}

/** The ring can never hold it. Rings that a guest's own drivers make are small: 12 KiB. */
export function tooLargeError(service: string, place: IcPlace, sizeBytes: number, maxBytes: number): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_TOO_LARGE',
    `${service}: a request of ${sizeBytes} bytes, the ring holds ${maxBytes}`,
    {
      ...place,
      facts: { service, sizeBytes, maxBytes },
    },
  );
}

/** The guest took too long. */
export function timeoutError(
  service: string,
  place: IcPlace,
  operation: string,
  timeoutMs: number,
  hint?: string,
): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', `${service}: no answer to the ${operation} in ${timeoutMs} ms`, {
    ...place,
    facts: { service, operation, timeoutMs },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The guest understood and declined. */
export function refusedError(service: string, operation: string, status: number): VmbusError {
  const statusName = icStatusName(status);
  return new VmbusError('ERR_VMBUS_REFUSED', `${service}: the guest answered the ${operation} with ${statusName}`, {
    facts: { service, operation, status, statusName },
    hint: 'in the guest: journalctl -b -g hv_',
  });
}

/** @throws VmbusError ERR_VMBUS_REFUSED for any other status than done */
export function checkDone(service: string, operation: string, { status }: Pick<IcAnswer, 'status'>): void {
  if (status !== IcStatus.done) throw refusedError(service, operation, status);
}
