// SPDX-License-Identifier: MIT
//
// What would have to be thawed if this process were killed now: commands and hooks whose freeze was begun, in
// /run/vmbus/backup-PID-N.json, one for each backup that is going on. File systems are not in it: the freezer thaws those itself.
// Called by: cycle.ts, recover.ts. Written before anything is frozen and removed when all is thawed, so that it never waits for a
// frozen disk.

import { lstatSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ownIdentity, type ProcessIdentity } from '../../bus/binding/process-identity.js';
import { checkOurs, isTrusted, makeOurs } from '../../bus/binding/record-folder.js';
import { listFolder } from '../../bus/read/attributes.js';
import { under } from '../../bus/root.js';
import { replaceFile } from '../replace-file.js';

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

const namePattern = /^backup-\d+-\d+\.json$/;
const folderIn = (root: string): string => under(root, 'run/vmbus');
let made = 0;

/** The record of one backup. */
export class CycleRecordFile {
  readonly #root: string;
  readonly #path: string;
  #isWritten = false;

  constructor(root: string) {
    made += 1;
    this.#root = root;
    this.#path = join(folderIn(root), `backup-${process.pid}-${made}.json`);
  }

  /** Writes down what was begun so far. @throws the system's error: without the record nothing is frozen */
  write(begun: readonly BegunStep[]): void {
    const record: CycleRecord = { version: 1, process: ownIdentity(), begun };
    prepareFolder(this.#root);
    replaceFile(this.#path, JSON.stringify(record), 0o600);
    this.#isWritten = true;
  }

  /** Nothing has to be thawed any more. */
  remove(): void {
    if (this.#isWritten) rmSync(this.#path, { force: true });
    this.#isWritten = false;
  }
}

/** Records that can be believed, for what stands in them is run; with their files. */
export function readRecords(root: string): { readonly path: string; readonly record: CycleRecord }[] {
  const folder = folderIn(root);
  try {
    checkOurs(folder);
  } catch {
    return [];
  }
  return listFolder(folder)
    .filter((name) => namePattern.test(name))
    .flatMap((name) => {
      const record = readRecord(join(folder, name));
      return record ? [{ path: join(folder, name), record }] : [];
    });
}

/** Folder by folder: none may be a link that leads out of the root, or somebody else's, whose records would be run. */
function prepareFolder(root: string): void {
  let path = root === '/' ? '/run' : root;
  if (root !== '/') checkOurs(path);
  for (const name of relative(path, folderIn(root)).split('/')) {
    path = join(path, name);
    makeOurs(path, 0o755);
  }
}

function readRecord(path: string): CycleRecord | null {
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
