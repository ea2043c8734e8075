// SPDX-License-Identifier: MIT
//
// Options of `hv fcopy`: sizes of files, folders with rules, and the command that is run for each file.

import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { InboxFolder } from '../../index.js';
import { UsageError } from '../usage-error.js';
import { idOf } from './owners.js';

/** Bytes of `64`, `4K`, `2M`, `20G`, `1T`. */
export function fileSize(text: string): number {
  const match = /^(\d{1,10})([KMGT])?$/i.exec(text);
  const power = { '': 0, k: 1, m: 2, g: 3, t: 4 }[(match?.[2] ?? '').toLowerCase()] ?? 0;
  const value = match ? Number(match[1]) * 1024 ** power : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a size such as 64, 500M or 20G.');
  return value;
}

/** `/srv/inbox`, `/srv/inbox=0640`, `/srv/inbox=0640,app:app`, `/srv/inbox=,app`; checked as text, looked up later. */
export function folder(text: string, before: readonly string[] | undefined): string[] {
  parseFolder(text);
  return [...(before ?? []), text];
}

/** Rules that hold for every folder of a command. */
export interface CommonRules {
  readonly maxSize?: number;
  readonly overwrite?: boolean;
  readonly createFolders?: boolean;
}

/** The folders as the library wants them. @throws UsageError for an owner that there is not */
export function foldersOf(texts: readonly string[], rules: CommonRules): InboxFolder[] {
  const { maxSize, overwrite = false, createFolders = false } = rules;
  return texts.map((text) => {
    const { path, mode, owner, group } = parseFolder(text);
    return {
      path: resolve(path),
      overwrite,
      createFolders,
      ...(maxSize === undefined ? {} : { maxFileBytes: maxSize }),
      ...(mode === undefined ? {} : { mode }),
      ...(owner === undefined ? {} : { uid: wanted('user', owner) }),
      ...(group === undefined ? {} : { gid: wanted('group', group) }),
    };
  });
}

function wanted(kind: 'user' | 'group', name: string): number {
  const id = idOf(kind, name);
  if (id === null)
    throw new UsageError(`there is no ${kind} ${name}`, `getent ${kind === 'user' ? 'passwd' : 'group'}`);
  return id;
}

interface ParsedFolder {
  readonly path: string;
  readonly mode: number | undefined;
  readonly owner: string | undefined;
  readonly group: string | undefined;
}

function parseFolder(text: string): ParsedFolder {
  // The last one: a folder may have an = in its name.
  const at = text.lastIndexOf('=');
  const path = at < 0 ? text : text.slice(0, at);
  const [modeText = '', ownerText = '', ...more] = at < 0 ? [] : text.slice(at + 1).split(',');
  const [owner, group, ...others] = ownerText.split(':');
  const isMode = modeText === '' || /^0?[0-7]{3}$/.test(modeText);
  if (path === '' || !isMode || more.length > 0 || others.length > 0)
    throw new InvalidArgumentError('It must be a folder, with rules where wanted: /srv/inbox=0640,owner:group.');
  return {
    path,
    mode: modeText === '' ? undefined : Number.parseInt(modeText, 8),
    owner: owner || undefined,
    group: group || undefined,
  };
}

/** `--on-file`. */
export function hookOption(): Option {
  return new Option(
    '--on-file <command>',
    'run this for each file: {} is its path, else that is added at the end; $HV_FILE holds it, too',
  ).argParser(hookWords);
}

/**
 * The words of a command: no shell is asked, so nothing in the name of a file is run. Quotes hold words together.
 * `{}` stands alone, or ends a word such as `--file={}`: inside of a script for a shell, it would be part of the script.
 */
export function hookWords(text: string): string[] {
  const words = [...text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''),
  );
  if (words.length === 0 || /^[^"']*(?:(?:"[^"]*"|'[^']*')[^"']*)*$/.exec(text) === null)
    throw new InvalidArgumentError('It must be a command with its arguments; quotes come in pairs.');
  if (words.some((word) => word.includes('{}') && !/^[\w.,:+@%/=-]*\{\}$/.test(word)))
    throw new InvalidArgumentError(
      'A {} stands alone or ends a word. For a shell: sh -c \'cat "$1"\' sh {} (or "$HV_FILE" in its script).',
    );
  return words;
}
