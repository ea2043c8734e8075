// SPDX-License-Identifier: MIT
//
// What Node's own system errors say, for code that has to tell one errno from another.

import { errnoName } from '../errors.js';

/** Name of the errno in an error of node:fs (`ENOENT`); `EIO` for an error that has none. */
export function errorCode(error: unknown): string {
  const errno = errorNumber(error);
  // libuv names only the errnos it knows: 524 comes as "Unknown system error -524".
  if (errno > 0) return errnoName(errno);
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'EIO';
}

/** Positive errno of an error of node:fs; 0 where it has none. */
export function errorNumber(error: unknown): number {
  const errno = typeof error === 'object' && error !== null && 'errno' in error ? error.errno : undefined;
  return typeof errno === 'number' ? Math.abs(errno) : 0;
}
