// SPDX-License-Identifier: MIT
//
// Whether a file that a host announces may arrive, and where. Pure: what is on the disk is looked at by arriving-file.ts.
// Called by open-inbox.ts. The names are the host's, and this runs as root: what is not plainly allowed is refused.

import { resolve } from 'node:path';
import { checkFlag, checkInteger, checkObject, checkOptionNames } from '../../check.js';
import { invalidType, invalidValue, VmbusError } from '../../errors.js';
import { faultOfName, shownName, splitPath } from './names.js';
import type { InboxFolder, InboxOptions, InboxPlace, InboxRequest } from './types.js';

/** A folder with everything said. */
export type FolderRules = InboxPlace['folder'];

const folderNames: readonly (keyof InboxFolder)[] = [
  'path',
  'mode',
  'folderMode',
  'uid',
  'gid',
  'maxFileBytes',
  'overwrite',
  'createFolders',
];
const defaultMode = 0o640;
const defaultMaxBytes = 2 ** 30;
/** (uid_t)-1 means "leave it" to the kernel. */
const mostId = 0xffff_fffe;

/** Checks what a script wants of an inbox. @throws TypeError, RangeError */
export function checkInboxOptions(options: InboxOptions): readonly FolderRules[] {
  checkOptionNames(options, ['folders', 'fsync']);
  checkFlag(options.fsync, 'options.fsync');
  const { folders } = options;
  if (!Array.isArray(folders)) throw invalidType('options.folders', 'an array', folders);
  if (folders.length === 0) throw invalidValue('options.folders', 'must name a folder', '[]');
  const rules = folders.map((folder: InboxFolder, i) => checkFolder(folder, `options.folders[${i}]`));
  const paths = new Set(rules.map(({ path }) => path));
  if (paths.size < rules.length) throw invalidValue('options.folders', 'must not name a folder twice', [...paths]);
  return rules;
}

function checkFolder(folder: InboxFolder, argument: string): FolderRules {
  checkObject(folder, argument, 'an object with a path');
  checkOptionNames(folder, folderNames, argument);
  const { path, mode = defaultMode, uid, gid, maxFileBytes = defaultMaxBytes } = folder;
  if (typeof path !== 'string') throw invalidType(`${argument}.path`, 'a string', path);
  if (!path.startsWith('/')) throw invalidValue(`${argument}.path`, 'must be an absolute path', path);
  const whole = resolve(path);
  if (whole === '/') throw invalidValue(`${argument}.path`, 'must not be the whole machine', path);
  const split = splitPath(whole);
  if ('fault' in split) throw invalidValue(`${argument}.path`, split.fault, path);
  checkInteger(mode, `${argument}.mode`, 0, 0o777);
  const folderMode = folder.folderMode ?? mode | ((mode & 0o444) >> 2) | 0o700;
  checkInteger(folderMode, `${argument}.folderMode`, 0, 0o777);
  if (uid !== undefined) checkInteger(uid, `${argument}.uid`, 0, mostId);
  if (gid !== undefined) checkInteger(gid, `${argument}.gid`, 0, mostId);
  checkInteger(maxFileBytes, `${argument}.maxFileBytes`, 0, Number.MAX_SAFE_INTEGER);
  checkFlag(folder.overwrite, `${argument}.overwrite`);
  checkFlag(folder.createFolders, `${argument}.createFolders`);
  const { overwrite = false, createFolders = false } = folder;
  const owner = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  return { path: whole, mode, folderMode, maxFileBytes, overwrite, createFolders, ...owner };
}

/** Where a file goes. @throws VmbusError ERR_VMBUS_REFUSED; facts.status is a name of IcStatus */
export function judge(folders: readonly FolderRules[], request: InboxRequest): InboxPlace {
  const { name, path, sizeBytes } = request;
  const fault = faultOfName(name);
  if (fault !== null) throw refused(`the name ${shownName(name)} ${fault}`, 'invalidName');
  const split = splitPath(path);
  if ('fault' in split) throw refused(`the folder ${shownName(path)} ${split.fault}`, 'invalidName');
  const found = innermost(folders, split.parts);
  if (found === null) {
    const allowed = folders.map((folder) => folder.path);
    throw refused(`the folder ${shownName(path)} is not one for files of the host`, 'accessDenied', {
      hint: `copy to ${allowed.join(' or ')}`,
      facts: { allowed },
    });
  }
  const { folder, subfolders } = found;
  if (!(sizeBytes <= folder.maxFileBytes))
    throw refused(`${sizeBytes} bytes are more than the ${folder.maxFileBytes} allowed`, 'fileTooLarge', {
      facts: { sizeBytes, maxFileBytes: folder.maxFileBytes },
    });
  return {
    folder,
    subfolders,
    name,
    path: [folder.path, ...subfolders, name].join('/'),
    sizeBytes,
    replaces: request.overwrite && folder.overwrite,
    createsFolders: request.createPath && folder.createFolders,
  };
}

function innermost(
  folders: readonly FolderRules[],
  parts: readonly string[],
): { readonly folder: FolderRules; readonly subfolders: readonly string[] } | null {
  let best: FolderRules | null = null;
  for (const folder of folders) {
    const own = partsOf(folder);
    if (own.length > parts.length || own.some((part, i) => part !== parts[i])) continue;
    if (best === null || own.length > partsOf(best).length) best = folder;
  }
  return best && { folder: best, subfolders: parts.slice(partsOf(best).length) };
}

function partsOf({ path }: FolderRules): readonly string[] {
  return path.slice(1).split('/');
}

/** A refusal of a file; `status` is what the host is told, by its name in IcStatus. */
export function refused(
  reason: string,
  status: string,
  { hint, facts = {} }: { readonly hint?: string; readonly facts?: Record<string, unknown> } = {},
): VmbusError {
  return new VmbusError('ERR_VMBUS_REFUSED', reason, {
    facts: { status, ...facts },
    ...(hint === undefined ? {} : { hint }),
  });
}
