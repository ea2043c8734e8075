// SPDX-License-Identifier: MIT
//
// What is known of a provider that has a name: its options, what a value without a name means, and what commands can have it do.
// Used by: by-name.ts, process-host.ts, `hv sim`. Nothing runs here.

import type { Provider } from '../../types.js';

/** A device named as plain data. */
export interface NamedDevice {
  /** Key of {@link providersByName}. */
  readonly name: string;
  /** Options of that provider; only what survives JSON. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** What a value without a name stands for in `NAME:VALUE,…`. */
export interface BareValue {
  /** As help shows it, such as `FILE`. */
  readonly placeholder: string;
  /** The option that it is. */
  readonly option: string;
  /** Whether there may be several. */
  readonly isList: boolean;
  /** Puts the values among the other options. */
  put(values: readonly string[], others: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
}

/** Something that can be done with a device by name: a method of its provider, with arguments as plain data. */
export interface NamedVerb {
  /** What it does, in a few words. */
  readonly summary: string;
  /** Its arguments as help shows them, such as `KEY VALUE [POOL]`; empty where there are none. */
  readonly usage: string;
  /**
   * Does it. Arguments are text, as from a command line, or what they mean.
   * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for wrong arguments; what the provider's method throws
   */
  call(provider: Provider, args: readonly unknown[]): unknown;
}

/** The image of a disk that options name. */
export interface NamedImage {
  readonly file: string;
  readonly readonly: boolean;
}

/** A provider that can be named. */
export interface NamedProvider {
  /** What the device is, in a few words. */
  readonly summary: string;
  /** Names of its options. */
  readonly options: readonly string[];
  /** Those that are true where they stand alone: `readonly` for `readonly=true`. */
  readonly flags?: readonly string[];
  /** What a value without a name is, where there is an option that it obviously means. */
  readonly bare?: BareValue;
  /** What can be done with it while it is offered. */
  readonly verbs: Readonly<Record<string, NamedVerb>>;
  /** Kinds of its events that come again and again. */
  readonly routine?: readonly string[];
  make(options: Readonly<Record<string, unknown>>): Provider;
  /** Images of disks among its options. */
  images?(options: Readonly<Record<string, unknown>>): readonly NamedImage[];
}
