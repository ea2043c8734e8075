// SPDX-License-Identifier: MIT
//
// Which names a host may give to files and folders. Pure.
// Called by policy.ts.

/** Most bytes of a name on Linux's file systems. */
const mostBytes = 255;
/**
 * Control characters would run in a terminal, line ends tear listings apart, and marks of direction make `exe.txt` of `txt.exe`.
 * Surrogates without a partner can not be written as UTF-8.
 */
const unwelcome = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** Why a name is none for one file or folder; null for a good one. */
export function faultOfName(name: string): string | null {
  if (name === '') return 'is empty';
  if (name === '.' || name === '..') return 'stands for a folder';
  if (name.includes('/')) return 'has a slash in it';
  if (name.includes('\\')) return 'has a backslash in it, as paths of Windows do';
  if (unwelcome.test(name)) return 'has a control character, or half a character, in it';
  if (Buffer.byteLength(name) > mostBytes) return `is longer than ${mostBytes} bytes`;
  return null;
}

/** The folders on the way along an absolute path. */
export type PathParts = { readonly parts: readonly string[] } | { readonly fault: string };

/** Takes a path apart. Slashes at its end and double ones mean nothing; steps up are not taken. */
export function splitPath(path: string): PathParts {
  if (/^[a-z]:/i.test(path) || path.includes('\\'))
    return { fault: 'is a path of Windows: the folder is one of this machine, such as /srv/inbox' };
  if (!path.startsWith('/')) return { fault: 'does not begin at the root, as /srv/inbox does' };
  const parts = path.split('/').filter((part) => part !== '');
  for (const part of parts) {
    const fault = faultOfName(part);
    if (fault !== null) return { fault: `has a part that ${fault}` };
  }
  return { parts };
}

/** A name of a host as it may be shown: nothing in it runs in a terminal. */
export function shownName(name: string): string {
  return JSON.stringify(name).replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
