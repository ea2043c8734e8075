// SPDX-License-Identifier: MIT
//
// Numbers of users and groups by their names: from the system's files, and for those that are elsewhere, by getent.
// Called by options.ts.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** (uid_t)-1 means "leave it" to the kernel. */
const mostId = 0xffff_fffe;

/** The number of a user or group; null where there is none of that name. */
export function idOf(kind: 'user' | 'group', name: string): number | null {
  if (/^\d{1,10}$/.test(name)) return Number(name) <= mostId ? Number(name) : null;
  const table = kind === 'user' ? 'passwd' : 'group';
  return idIn(contents(`/etc/${table}`), name) ?? idIn(asked(table, name), name);
}

function idIn(text: string, name: string): number | null {
  for (const line of text.split('\n')) {
    const [found, , id = ''] = line.split(':');
    if (found === name && /^\d+$/.test(id)) return Number(id);
  }
  return null;
}

function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function asked(table: string, name: string): string {
  const { stdout } = spawnSync('getent', ['--', table, name], { encoding: 'utf8', timeout: 10_000 });
  return stdout ?? '';
}
