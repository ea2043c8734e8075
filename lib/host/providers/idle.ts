// SPDX-License-Identifier: MIT
//
// A device that is offered and answers nothing: it stands in the tree under its class, for scripts that look at a bus and for
// devices that the simulated host does not play.
// Called by: scripts, by-name.ts.

import { invalidType, invalidValue } from '../../errors.js';
import { parseGuid } from '../../guid.js';
import { classOfName, deviceClasses } from '../../protocol/classes.js';
import type { Provider } from '../types.js';
import { checkProviderOptions } from './provider-options.js';

/** Options of {@link idle}. */
export interface IdleOptions {
  /** Short name of the class, such as `net` or `kvp`. */
  readonly class: string;
  readonly instanceGuid?: string;
  /** Makes the channel a fast one. */
  readonly monitorId?: number;
  /** Name that commands know the device by. Default: the class. */
  readonly name?: string;
}

/** Names of the options of {@link idle}. */
export const idleOptions: readonly (keyof IdleOptions)[] = ['class', 'instanceGuid', 'monitorId', 'name'];

/**
 * A device of any class that says nothing.
 * @throws TypeError for a class that does not exist
 * @example
 * await using host = await SimulatedHost.start({ devices: [idle({ class: 'net', monitorId: 1 }), idle({ class: 'kvp' })] });
 */
export function idle(options: IdleOptions): Provider {
  checkProviderOptions(options, idleOptions);
  if (typeof options.class !== 'string') throw invalidType('options.class', 'the name of a class', options.class);
  const entry = classOfName(options.class);
  if (!entry)
    throw invalidValue(
      'options.class',
      `must be one of ${deviceClasses.map(({ name }) => name).join(', ')}`,
      options.class,
    );
  return {
    name: options.name ?? entry.name,
    classGuid: entry.guid,
    ...(options.instanceGuid === undefined ? {} : { instanceGuid: parseGuid(options.instanceGuid, 'instanceGuid') }),
    ...(options.monitorId === undefined ? {} : { monitorId: options.monitorId }),
    onOpen: () => ({ onPacket: () => undefined }),
  };
}
