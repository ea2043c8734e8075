// SPDX-License-Identifier: MIT
//
// The devices of a host process by the names that they were made of: what they tell, and what they are told to do.
// Called by: process-host.ts. Calls: providers/by-name.ts.

import { type Stats, statSync } from 'node:fs';

import { invalidValue, VmbusError } from '../errors.js';
import { nearest } from '../nearest.js';
import type { UntimedEvent } from './event-log.js';
import { plain } from './plain.js';
import type { ProviderNews } from './process-protocol.js';
import {
  makeProvider,
  type NamedDevice,
  type NamedImage,
  namedProvider,
  readNamedDevice,
} from './providers/by-name.js';
import { VerbMistake } from './providers/named/verb.js';
import type { HostedDevice, Provider } from './types.js';

/** A provider made of a name. */
export interface MadeProvider {
  /** Key of `providersByName`. */
  readonly key: string;
  readonly provider: Provider;
  readonly images: readonly NamedImage[];
}

interface Entry extends MadeProvider {
  /** Hears it no longer. */
  stop(): void;
}

/** Which provider each offered device has. */
export class DeviceBook {
  readonly #entries = new Map<string, Entry>();

  /**
   * Makes a provider; it is not in the book yet.
   * @throws as makeProvider; VmbusError ERR_VMBUS_IN_USE for the image of another device
   */
  make(device: NamedDevice | string): MadeProvider {
    const named = readNamedDevice(device);
    const provider = makeProvider(device);
    const images = namedProvider(named.name).images?.(named.options ?? {}) ?? [];
    for (const [i, image] of images.entries()) this.#checkImage(image, images.slice(0, i), provider.name);
    return { key: named.name, provider, images };
  }

  enter(made: MadeProvider, device: HostedDevice, tell: (event: UntimedEvent) => void): void {
    const { instanceGuid, name } = device;
    const stop = listen(made.provider, (event) => {
      const place = { device: instanceGuid, name, relid: device.relid };
      tell({ kind: 'provider', ...place, provider: made.key, event: plain(event) as ProviderNews });
    });
    this.#entries.set(instanceGuid, { ...made, stop });
  }

  /** The device is gone. */
  remove(instanceGuid: string): void {
    this.#entries.get(instanceGuid)?.stop();
    this.#entries.delete(instanceGuid);
  }

  /** Hears no device any longer. */
  clear(): void {
    for (const guid of [...this.#entries.keys()]) this.remove(guid);
  }

  keyOf({ instanceGuid }: HostedDevice): string {
    return this.#entries.get(instanceGuid)?.key ?? '';
  }

  /** Does something with a device. @throws TypeError for an unknown verb or wrong arguments; what it throws */
  call({ instanceGuid, name }: HostedDevice, verb: string, args: readonly unknown[]): unknown {
    const entry = this.#entries.get(instanceGuid);
    const verbs = entry ? namedProvider(entry.key).verbs : {};
    const known = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (!entry || !known) throw invalidValue('verb', unknownVerb(name, verb, Object.keys(verbs)), verb);
    try {
      return known.call(entry.provider, args);
    } catch (error) {
      throw error instanceof VerbMistake ? invalid(`${name} ${verb}`, error.message, known.usage) : error;
    }
  }

  /** Two writers spoil a disk. */
  #checkImage(image: NamedImage, others: readonly NamedImage[], name: string): void {
    const place = placeOf(image);
    const isTaken = (other: NamedImage): boolean =>
      placeOf(other) === place && place !== null && !(image.readonly && other.readonly);
    const owner = others.some(isTaken)
      ? name
      : [...this.#entries.values()].find(({ images }) => images.some(isTaken))?.provider.name;
    if (owner === undefined) return;
    throw new VmbusError('ERR_VMBUS_IN_USE', `${image.file} is a disk of ${owner} already`, {
      path: image.file,
      hint: 'give each device a file of its own, or open all of them with readonly',
    });
  }
}

function invalid(what: string, message: string, usage: string): TypeError {
  const error = new TypeError(`${what} ${message} (${what} ${usage})`.replace(' )', ')'));
  return Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
}

interface Talking {
  subscribe(listener: (event: unknown) => void): () => void;
}

function listen(provider: Provider, listener: (event: unknown) => void): () => void {
  const { subscribe } = provider as Partial<Talking>;
  return typeof subscribe === 'function' ? subscribe.call(provider, listener) : () => undefined;
}

function unknownVerb(name: string, verb: string, verbs: readonly string[]): string {
  if (verbs.length === 0) return `is nothing that ${name} can do: it has no verbs`;
  const meant = nearest(verb, verbs);
  return `must be what ${name} can do: ${meant === null ? verbs.join(', ') : `did you mean ${meant}`}`;
}

/** Where a file is; null while it is yet to be made. */
function placeOf({ file }: NamedImage): string | null {
  let stats: Stats;
  try {
    stats = statSync(file);
  } catch {
    return null;
  }
  return stats.isBlockDevice() ? `block ${stats.rdev}` : `${stats.dev} ${stats.ino}`;
}
