// SPDX-License-Identifier: MIT
//
// Why a file does not arrive, and what the host is told of it.
// Called by: arriving-copy.ts, receiver.ts.

import { VmbusError } from '../../errors.js';
import { IcStatus } from '../../protocol/ic.js';
import { protocolViolation } from '../../protocol/wire-fields.js';

/** What the host is told of an error. */
export function statusOf(error: unknown): number {
  const name = VmbusError.is(error) ? error.facts.status : undefined;
  const isName = typeof name === 'string' && Object.hasOwn(IcStatus, name) && name !== 'done';
  return isName ? IcStatus[name as keyof typeof IcStatus] : IcStatus.failed;
}

/** A script that does not decide, write or complete in time. */
export function tooLate(what: string, answerMs: number): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_TIMEOUT',
    `${what} took longer than ${answerMs} ms; the host was told that it failed`,
    {
      hint: 'decide at once, and work on the file when it is complete',
      facts: { operation: what, timeoutMs: answerMs },
    },
  );
}

/** The host has changed its mind. */
export function givenUp(): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', 'the host gave the file up', { facts: { by: 'host' } });
}

/** The service went while a file was on its way. */
export function serviceGone(): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_RESCINDED',
    'the host switched file copy off, or began anew, in the middle of a file',
    {
      hint: 'on the host: Get-VMIntegrationService; then copy the file again',
    },
  );
}

/** The script has ended the service. */
export function serviceClosed(): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', 'file copy was closed', { facts: { by: 'user' } });
}

export function decidedBefore(): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', 'the file was accepted or turned down before', { facts: { by: 'user' } });
}

/** Broken rules of the transfer. */
export const secondStart = (): VmbusError => protocolViolation('fcopy', 'a file begins before the last one has ended');
export const outOfOrder = (offset: bigint, expected: number): VmbusError =>
  protocolViolation('fcopy', `a piece for offset ${offset}, ${expected} bytes have come`, { offset, expected });
export const tooMuch = (bytes: number, sizeBytes: number): VmbusError =>
  protocolViolation('fcopy', `${bytes} bytes of a file of ${sizeBytes}`, { bytes, sizeBytes });
export const tooLittle = (bytes: number, sizeBytes: number): VmbusError =>
  protocolViolation('fcopy', `the file is complete with ${bytes} bytes of ${sizeBytes}`, { bytes, sizeBytes });
