// SPDX-License-Identifier: MIT
//
// Takes out of a report what names a machine or its network: instance GUIDs, host names, addresses, folders of a user.

import { isIPv4, isIPv6 } from 'node:net';
import { hostname, userInfo } from 'node:os';

/** What is to be replaced, besides everything that looks like an address. */
export interface RedactOptions {
  /** Instance GUIDs of the devices, in order: they become `device-1`, `device-2` … */
  readonly devices: readonly string[];
  /** Folder of the root, when it is not `/`. */
  readonly root: string;
  /** Names of this machine and its user; those of the system where left out. */
  readonly names?: readonly string[];
}

/** Addresses are told by Node's own parser, so that times, versions and SCSI positions stay. */
function withoutAddresses(text: string): string {
  return text
    .replace(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi, '<mac>')
    .replace(/[0-9a-f]*:[0-9a-f:]*[0-9a-f]/gi, (word) => (isIPv6(word) ? '<ipv6>' : word))
    .replace(/(?:\d{1,3}\.){3}\d{1,3}/g, (word) => (isIPv4(word) ? '<ipv4>' : word));
}

/** The same document without names; also every other GUID that is not a class of devices. */
export function redact(document: unknown, keep: ReadonlySet<string>, options: RedactOptions): unknown {
  const { devices, root, names = systemNames() } = options;
  const known = new Map(devices.map((id, i) => [id, `device-${i + 1}`]));
  const clean = (text: string): string => {
    let result = root === '/' ? text : text.replaceAll(root, '<root>');
    result = result.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, (guid) => {
      const id = guid.toLowerCase();
      return known.get(id) ?? (keep.has(id) ? guid : '<guid>');
    });
    for (const [id, alias] of known) result = result.replaceAll(new RegExp(`\\b${id.slice(0, 8)}\\b`, 'gi'), alias);
    result = withoutAddresses(result);
    for (const name of names) result = result.replaceAll(name, '<name>');
    return result;
  };
  return JSON.parse(
    JSON.stringify(document, (_key, value: unknown) => {
      if (typeof value === 'bigint') return Number(value);
      return typeof value === 'string' ? clean(value) : value;
    }),
  ) as unknown;
}

/** Names short enough to be part of other words would tear the report; they say little anyway. */
function systemNames(): string[] {
  return [hostname(), userInfo().username].filter((name) => name.length > 3 && name !== 'root' && name !== 'localhost');
}
