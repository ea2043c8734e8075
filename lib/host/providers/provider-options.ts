// SPDX-License-Identifier: MIT
//
// Checks of what scripts pass to the simulated host: the options that all its devices have, and providers of their own.
// Called by: every provider, simulated-host.ts.

import { checkInteger, checkObject, checkOptionNames, checkText } from '../../check.js';
import { invalidType, invalidValue } from '../../errors.js';
import { isGuid, parseGuid } from '../../guid.js';
import type { Provider } from '../types.js';

const pageBytes = 4096;
/** A ring is its header page and at least one of data; two of them make what one node may serve. */
const leastRingBytes = 2 * pageBytes;
const mostRingBytes = 2 ** 29;
/** Bits of the monitor page: four groups of 32. */
const lastMonitorId = 127;

/** Options that devices of the simulated host have in common. */
interface CommonOptions {
  readonly name?: unknown;
  readonly instanceGuid?: unknown;
  readonly monitorId?: unknown;
  readonly ringBytes?: unknown;
}

/** @throws TypeError, RangeError for unknown options, and for common ones that make no sense */
export function checkProviderOptions(options: CommonOptions, known: readonly string[]): void {
  checkOptionNames(options, known);
  checkText(options.name, 'options.name');
  if (options.instanceGuid !== undefined) parseGuid(options.instanceGuid as string, 'options.instanceGuid');
  checkPlaces(options, 'options');
}

/** @throws TypeError, RangeError unless the host can offer it as a device */
export function checkProvider(provider: unknown, argument: string): asserts provider is Provider {
  checkObject(provider, argument, 'a provider, such as echo() answers');
  const { name, classGuid, instanceGuid, monitorId, ringBytes, onOpen } = provider as Partial<Provider>;
  if (typeof onOpen !== 'function') throw invalidType(`${argument}.onOpen`, 'a function', onOpen);
  if (typeof name !== 'string') throw invalidType(`${argument}.name`, 'a string', name);
  checkGuid(classGuid, `${argument}.classGuid`);
  if (instanceGuid !== undefined) checkGuid(instanceGuid, `${argument}.instanceGuid`);
  checkPlaces({ monitorId, ringBytes }, argument);
}

function checkPlaces({ monitorId, ringBytes }: CommonOptions, argument: string): void {
  if (monitorId !== undefined) checkInteger(monitorId, `${argument}.monitorId`, 0, lastMonitorId);
  if (ringBytes === undefined) return;
  checkInteger(ringBytes, `${argument}.ringBytes`, leastRingBytes, mostRingBytes);
  if (ringBytes % pageBytes !== 0)
    throw invalidValue(`${argument}.ringBytes`, `must be a multiple of ${pageBytes}`, ringBytes);
}

/** Folders are named by it, so it must stand there as the library writes it. */
function checkGuid(guid: unknown, argument: string): void {
  if (typeof guid !== 'string') throw invalidType(argument, 'a GUID as a string', guid);
  if (!isGuid(guid) || parseGuid(guid) !== guid)
    throw invalidValue(argument, 'must be a GUID in lower case, as parseGuid() answers', guid);
}
