// SPDX-License-Identifier: MIT
//
// What may stand in an interface's state, wherever it comes from: what `ip` told, or a record that a stranger may have written.
// All of it becomes words of a command that root runs, so nothing passes that could be taken for another word.
// Called by record-format.ts, parse-*.ts. Pure.

import { isIPv4, isIPv6 } from 'node:net';

import type { AddressFlag, InterfaceAddress, InterfaceRoute, InterfaceState, RouteOption } from './types.js';

export const addressFlags: readonly AddressFlag[] = [
  'noprefixroute',
  'nodad',
  'home',
  'mngtmpaddr',
  'autojoin',
  'deprecated',
];
export const routeOptions: readonly RouteOption[] = [
  'mtu',
  'advmss',
  'hoplimit',
  'initcwnd',
  'initrwnd',
  'window',
  'quickack',
];
export const routeTypes = ['local', 'broadcast', 'anycast', 'multicast'] as const;

/** Scopes, protocols: one byte. Tables, metrics: a word. */
const largestByte = 0xff;
const largestWord = 0xffff_ffff;
/** An address that is told apart by its label may have a colon in it. */
const labelPattern = /^[^\s/\p{C}-][^\s/\p{C}]{0,14}$/u;
const altNamePattern = /^[^\s/:\p{C}-][^\s/:\p{C}]{0,126}$/u;

/** The kernel's rule for names (dev_valid_name), less a dash in front, which programs take for an option, and what can't be printed. */
export function isInterfaceName(value: unknown): value is string {
  return isName(value, altNamePattern) && Buffer.byteLength(value) <= 15;
}

/** The same for a second name, which may be longer. */
export function isAltName(value: unknown): value is string {
  return isName(value, altNamePattern) && Buffer.byteLength(value) <= 127;
}

export function isLabel(value: unknown): value is string {
  return isName(value, labelPattern) && Buffer.byteLength(value) <= 15;
}

/** An address without a zone. */
export function isAddress(value: unknown, family: 4 | 6): value is string {
  if (typeof value !== 'string') return false;
  return family === 4 ? isIPv4(value) : isIPv6(value) && !value.includes('%');
}

export function isByte(value: unknown): value is number {
  return isWithin(value, largestByte);
}

export function isWord(value: unknown): value is number {
  return isWithin(value, largestWord);
}

/** The MTU of an Ethernet interface. */
export function isMtu(value: unknown): value is number {
  return isWithin(value, 0xffff) && value >= 68;
}

/** `default`, an address, or one with the length of its prefix. */
export function isDestination(value: unknown, family: 4 | 6): value is string {
  if (value === 'default') return true;
  if (typeof value !== 'string') return false;
  const [address, length, more] = value.split('/');
  return more === undefined && isAddress(address, family) && (length === undefined || isLength(length, family));
}

/** Whether every field is there and harmless. */
export function isInterfaceState(value: unknown): value is InterfaceState {
  const fields = fieldsOf(value);
  if (fields === null) return false;
  const { altNames, addresses, routes, leased } = fields;
  return (
    isInterfaceName(fields.name) &&
    isMtu(fields.mtu) &&
    typeof fields.isUp === 'boolean' &&
    (fields.master === null || isInterfaceName(fields.master)) &&
    isListOf(altNames, isAltName) &&
    isListOf(addresses, isInterfaceAddress) &&
    isListOf(routes, isInterfaceRoute) &&
    isListOf(leased, isLease)
  );
}

export function isInterfaceAddress(value: unknown): value is InterfaceAddress {
  const fields = fieldsOf(value);
  if (fields === null || (fields.family !== 4 && fields.family !== 6)) return false;
  const { family, address, prefixLength, peer, broadcast, scope, label, metric, flags } = fields;
  return (
    isAddress(address, family) &&
    isWithin(prefixLength, family === 4 ? 32 : 128) &&
    (peer === undefined || isAddress(peer, family)) &&
    (broadcast === undefined || (family === 4 && isAddress(broadcast, 4))) &&
    (scope === undefined || (family === 4 && isByte(scope))) &&
    (label === undefined || (family === 4 && isLabel(label))) &&
    (metric === undefined || isWord(metric)) &&
    (flags === undefined || isListOf(flags, isAddressFlag))
  );
}

export function isInterfaceRoute(value: unknown): value is InterfaceRoute {
  const fields = fieldsOf(value);
  if (fields === null || (fields.family !== 4 && fields.family !== 6)) return false;
  const { family, type, destination, table, protocol, scope, metric, gateway, source, onlink, preference, options } =
    fields;
  return (
    isDestination(destination, family) &&
    isWord(table) &&
    isByte(protocol) &&
    (type === undefined || routeTypes.some((name) => name === type)) &&
    (scope === undefined || isByte(scope)) &&
    (metric === undefined || isWord(metric)) &&
    (gateway === undefined || isAddress(gateway, 4) || isAddress(gateway, 6)) &&
    (source === undefined || isAddress(source, family)) &&
    (onlink === undefined || onlink === true) &&
    (preference === undefined || preference === 'low' || preference === 'high') &&
    (options === undefined || areOptions(options))
  );
}

/** The fields of an object that is no list; null for anything else. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}

function isName(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value) && value !== '.' && value !== '..';
}

function isWithin(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;
}

function isLength(text: string, family: 4 | 6): boolean {
  return /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= (family === 4 ? 32 : 128);
}

function isListOf<T>(value: unknown, is: (entry: unknown) => entry is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

function isAddressFlag(value: unknown): value is AddressFlag {
  return addressFlags.some((flag) => flag === value);
}

/** `10.0.0.5/24`. */
function isLease(value: unknown): value is string {
  return value !== 'default' && (isDestination(value, 4) || isDestination(value, 6));
}

function areOptions(value: unknown): boolean {
  const fields = fieldsOf(value);
  return (
    fields !== null &&
    Object.entries(fields).every(([name, option]) => routeOptions.some((known) => known === name) && isWord(option))
  );
}
