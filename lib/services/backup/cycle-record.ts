// SPDX-License-Identifier: MIT
//
// What would have to be thawed if this process were killed now: commands and hooks whose freeze was begun, in
// /run/vmbus/backup.json. File systems are not in it: the freezer thaws those itself.
// Called by: cycle.ts, recover.ts. Written before anything is frozen and removed when all is thawed, so that it never waits for a
// frozen disk.

import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { ownIdentity, type ProcessIdentity } from '../../bus/binding/process-identity.js';
import { isTrusted } from '../../bus/binding/record-folder.js';
import { under } from '../../bus/root.js';

/** A step that was begun. */
export interface BegunStep {
  readonly name: string;
  readonly thawWords: readonly [string, ...string[]];
}

/** The record. */
export interface CycleRecord {
  readonly version: 1;
  readonly process: ProcessIdentity;
  readonly begun: readonly BegunStep[];
}

const pathIn = (root: string): string => under(root, 'run/vmbus/backup.json');

/** Writes down what was begun so far. @throws the system's error: without the record nothing is frozen */
export function writeRecord(root: string, begun: readonly BegunStep[]): void {
  const path = pathIn(root);
  const record: CycleRecord = { version: 1, process: ownIdentity(), begun };
  mkdirSync(under(root, 'run/vmbus'), { recursive: true, mode: 0o755 });
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Nothing has to be thawed any more. */
export function removeRecord(root: string): void {
  rmSync(pathIn(root), { force: true });
}

/** The record, if there is one that can be believed: what stands in it is run. */
export function readRecord(root: string): CycleRecord | null {
  const path = pathIn(root);
  try {
    const status = lstatSync(path);
    if (!status.isFile() || !isTrusted(status.uid) || (status.mode & 0o022) !== 0) return null;
    const record = JSON.parse(readFileSync(path, 'utf8')) as CycleRecord;
    return record.version === 1 && Array.isArray(record.begun) && record.begun.every(isStep) ? record : null;
  } catch {
    return null;
  }
}

function isStep(step: unknown): step is BegunStep {
  if (typeof step !== 'object' || step === null || !('thawWords' in step) || !('name' in step)) return false;
  const { thawWords: words } = step;
  return Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string');
}
