// SPDX-License-Identifier: MIT
//
// What a record of a device taken from its driver looks like, checked as if a stranger had written it.
// Called by record.ts. Pure.

import { isGuid, parseGuid } from '../../guid.js';
import { isInterfaceState } from '../interface/state-format.js';
import type { BindingRecord, DeviceChild } from '../types.js';

/** Names that a driver may have; nothing that leaves its folder. */
export const driverName: RegExp = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Characters of a note. */
const longestNote = 2000;

/** Words as a record may hold them, for its note. */
export function noteText(words: string): string {
  return words.replaceAll(/\p{Cc}+/gu, ' ').slice(0, longestNote);
}

/** The record that a text holds; null where it holds none that makes sense. */
export function parseRecord(text: string): BindingRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isRecord(value) ? value : null;
}

/** Whether every field is there and harmless. */
export function isRecord(value: unknown): value is BindingRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return (
    fields.schema === 1 &&
    [fields.device, fields.class].every(isPlainGuid) &&
    isDriver(fields.driver) &&
    (fields.previousDriver === null || isDriver(fields.previousDriver)) &&
    (fields.previousOverride === null || isOverride(fields.previousOverride)) &&
    ['wroteOverride', 'addedId', 'persist'].every((name) => typeof fields[name] === 'boolean') &&
    [fields.pid, fields.pidStart, fields.pidNamespace ?? 0].every(isCount) &&
    typeof fields.bootId === 'string' &&
    isTime(fields.since) &&
    (fields.rollbackAt === null || isTime(fields.rollbackAt)) &&
    Array.isArray(fields.children) &&
    fields.children.every(isChild) &&
    (fields.note === undefined || isNote(fields.note)) &&
    (fields.interface === undefined || isInterfaceState(fields.interface))
  );
}

function isPlainGuid(value: unknown): boolean {
  return typeof value === 'string' && isGuid(value) && parseGuid(value) === value;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isDriver(value: unknown): boolean {
  return typeof value === 'string' && driverName.test(value);
}

/** What the kernel let somebody write into driver_override: one line, and only ever written back there. */
function isOverride(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 4096 && !value.includes('\n');
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

/** Printed to a terminal. */
function isNote(value: unknown): boolean {
  return typeof value === 'string' && value.length <= longestNote && !/\p{Cc}/u.test(value);
}

function isChild(value: unknown): value is DeviceChild {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && 'name' in value && typeof value.name === 'string'
  );
}
