// SPDX-License-Identifier: MIT
//
// The table of device classes as scripts ask it: with what they pass checked.
// Called by scripts; calls protocol/classes.ts, which trusts its callers.

import { invalidType } from '../errors.js';
import { type Guid, parseGuid } from '../guid.js';
import * as table from '../protocol/classes.js';

/**
 * The class of a GUID; one named `unknown` for a GUID that is not in the table.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 * @category Bus
 */
export function classOfGuid(guid: Guid): table.DeviceClass {
  return table.classOfGuid(parseGuid(guid));
}

/**
 * The class of a short name, undefined where there is none.
 * @throws TypeError ERR_INVALID_ARG_TYPE
 * @category Bus
 */
export function classOfName(name: string): table.DeviceClass | undefined {
  if (typeof name !== 'string') throw invalidType('name', 'the short name of a class as a string', name);
  return table.classOfName(name);
}
