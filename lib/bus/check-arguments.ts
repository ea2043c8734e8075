// SPDX-License-Identifier: MIT
//
// Checks of what scripts pass to the functions of the bus. A misspelt `dryRun` must not take a device away.
// Called by everything in lib/bus that is exported, before anything else happens.

import { checkFlag, checkOptionNames } from '../check.js';
import { invalidType } from '../errors.js';
import { type Guid, isGuid, parseGuid } from '../guid.js';
import type { Device, RestoreOptions } from './types.js';

const expected = 'a device of openBus()';

/**
 * The place and the name of a device that a script passed, in their usual form.
 * @throws TypeError ERR_INVALID_ARG_TYPE
 */
export function checkDevice(device: unknown): Pick<Device, 'root' | 'id'> {
  const { root, id } = fieldsOf(device);
  if (typeof root !== 'string' || !root.startsWith('/') || !isGuid(id)) throw invalidType('device', expected, device);
  return { root, id: parseGuid(id as Guid) };
}

/** The same for a device whose other fields are read as well. */
export function checkWholeDevice(device: unknown): void {
  checkDevice(device);
  const fields = fieldsOf(device);
  const isWhole = typeof fields.class === 'object' && fields.class !== null && Array.isArray(fields.children);
  if (!isWhole || typeof fields.path !== 'string') throw invalidType('device', expected, device);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function checkRestoreOptions(options: RestoreOptions): void {
  checkOptionNames(options, ['dryRun', 'force']);
  checkFlag(options.dryRun, 'options.dryRun');
  checkFlag(options.force, 'options.force');
}

/** @throws TypeError ERR_INVALID_ARG_TYPE unless a root is the path of a folder */
export function checkRoot(root: unknown): asserts root is string {
  if (typeof root !== 'string') throw invalidType('root', 'a folder as a string', root);
}

function fieldsOf(device: unknown): Readonly<Record<string, unknown>> {
  if (typeof device !== 'object' || device === null) throw invalidType('device', expected, device);
  return device as Readonly<Record<string, unknown>>;
}
