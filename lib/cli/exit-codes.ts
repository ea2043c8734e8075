// SPDX-License-Identifier: MIT
//
// The exit status of the command for every way it can end: one table, part of the contract.

import type { VmbusErrorCode } from '../index.js';
import { UsageError } from './usage-error.js';

/** What the command's exit statuses mean. */
export const ExitCode = {
  ok: 0,
  /** An operation failed, or a check found something. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** Not a guest, or nothing by that name. */
  absent: 3,
  permission: 4,
  /** In use, or held by somebody else. */
  busy: 5,
  interrupted: 130,
} as const;

const byCode: Readonly<Record<VmbusErrorCode, number>> = {
  ERR_VMBUS_NOT_A_GUEST: ExitCode.absent,
  ERR_VMBUS_NO_DEVICE: ExitCode.absent,
  ERR_VMBUS_NO_CHANNEL: ExitCode.absent,
  ERR_VMBUS_NO_POOL: ExitCode.absent,
  ERR_VMBUS_NO_KEY: ExitCode.absent,
  ERR_VMBUS_NOT_BOUND: ExitCode.failed,
  ERR_VMBUS_MODULE_MISSING: ExitCode.failed,
  ERR_VMBUS_BIND_REFUSED: ExitCode.failed,
  ERR_VMBUS_IN_USE: ExitCode.busy,
  ERR_VMBUS_BUSY: ExitCode.busy,
  ERR_VMBUS_NODE_KIND: ExitCode.failed,
  ERR_VMBUS_UNSUPPORTED: ExitCode.failed,
  ERR_VMBUS_PERMISSION: ExitCode.permission,
  ERR_VMBUS_CLOSED: ExitCode.failed,
  ERR_VMBUS_RESCINDED: ExitCode.failed,
  ERR_VMBUS_CORRUPT: ExitCode.failed,
  ERR_VMBUS_PROTOCOL: ExitCode.failed,
  ERR_VMBUS_SCSI: ExitCode.failed,
  ERR_VMBUS_REFUSED: ExitCode.failed,
  ERR_VMBUS_TOO_LARGE: ExitCode.usage,
  ERR_VMBUS_TIMEOUT: ExitCode.failed,
  ERR_VMBUS_NATIVE_LOAD: ExitCode.failed,
  ERR_VMBUS_SYSTEM: ExitCode.failed,
};

const byErrno: Readonly<Record<string, number>> = {
  EACCES: ExitCode.permission,
  EPERM: ExitCode.permission,
  EROFS: ExitCode.permission,
  EBUSY: ExitCode.busy,
};

/**
 * Exit status for an error that ended a command. Goes by codes alone, so that it also works for an error that kept the
 * library from being loaded.
 */
export function exitCodeFor(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.usage;
  const code = codeOf(error);
  if (code === undefined) return ExitCode.failed;
  // A failed system call may be a matter of rights or of a busy file: the errno says more than the code.
  if (code === 'ERR_VMBUS_SYSTEM') return byErrno[errnoNameOf(error)] ?? ExitCode.failed;
  if (isVmbusCode(code)) return byCode[code];
  if (code.startsWith('ERR_INVALID_ARG') || code === 'ERR_OUT_OF_RANGE') return ExitCode.usage;
  return byErrno[code] ?? ExitCode.failed;
}

/** The `code` of anything thrown; undefined where it has none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function isVmbusCode(code: string): code is VmbusErrorCode {
  return Object.hasOwn(byCode, code);
}

function errnoNameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'errnoName' in error ? String(error.errnoName) : '';
}
