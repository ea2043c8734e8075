// SPDX-License-Identifier: MIT
//
// What the files of an interface held before a host's addresses were set: in /var/lib/hyperv, for root alone. Contents and
// whose file it was, nothing else: where it goes and what is run then is not the record's to say.
// Called by set-ip.ts.

import { lstatSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

import { isTrusted } from '../../../bus/binding/record-folder.js';
import { errorCode } from '../../../bus/system-error.js';
import { VmbusError } from '../../../errors.js';
import { replaceFile } from '../../replace-file.js';
import { networkManagerNames } from './plan.js';
import type { IpPlan, NetworkManagerName } from './types.js';

/** Contents of the files, by the program that reads them; null where there was none. */
export type Before = ReadonlyMap<NetworkManagerName, string | null>;

/** File of the record. */
export function beforePath(root: string, name: string): string {
  return path.join(root, 'var/lib/hyperv', `.vmbus-ip-${name}.json`);
}

/** Of several changes the state before the first is kept. */
export function rememberBefore(root: string, plan: IpPlan, content: string | null): void {
  const before = readBefore(root, plan.interface) ?? new Map<NetworkManagerName, string | null>();
  if (before.has(plan.manager)) return;
  const record = Object.fromEntries([...before, [plan.manager, content]]);
  replaceFile(beforePath(root, plan.interface), JSON.stringify(record), 0o600);
}

/** Null where nothing was changed. @throws VmbusError ERR_VMBUS_SYSTEM for a record that can't be believed */
export function readBefore(root: string, name: string): Before | null {
  const file = beforePath(root, name);
  try {
    const status = lstatSync(file);
    if (!status.isFile()) throw damaged(file, 'it is no regular file');
    if (!isTrusted(status.uid) || (status.mode & 0o022) !== 0) throw damaged(file, 'others can write to it');
    const record: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isRecord(record)) throw damaged(file, 'it is no record of addresses');
    return new Map(Object.entries(record) as [NetworkManagerName, string | null][]);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    if (error instanceof SyntaxError) throw damaged(file, error.message);
    throw error;
  }
}

/** Removes the record. */
export function forgetBefore(root: string, name: string): void {
  rmSync(beforePath(root, name), { force: true });
}

function isRecord(value: unknown): value is Readonly<Record<string, string | null>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([manager, content]) =>
      networkManagerNames.includes(manager as NetworkManagerName) && (content === null || typeof content === 'string'),
  );
}

function damaged(file: string, why: string): VmbusError {
  return new VmbusError('ERR_VMBUS_SYSTEM', `what addresses were before is not to be had from ${file}: ${why}`, {
    path: file,
    hint: `look at it, then remove it: rm ${file}`,
  });
}
