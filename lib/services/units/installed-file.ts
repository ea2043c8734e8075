// SPDX-License-Identifier: MIT
//
// One installed file: what it is to hold, what stands there, and whether that is ours and as we left it. The first line names
// the digest of the rest, so that a file of another version of this package is still known as ours.
// Called by plan.ts and apply.ts.

import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { isInside, under } from '../../bus/root.js';
import { errorCode } from '../../bus/system-error.js';

const stamp =
  /^(?:#!\S+\n)?# Written by `hv service`\. It counts as unchanged while the rest has the digest ([0-9a-f]{64})\.\n/;

/** What stands at a target. */
export type Found =
  | { readonly kind: 'absent' }
  /** Ours, as somebody's `hv service install` wrote it. */
  | { readonly kind: 'ours'; readonly text: string }
  | { readonly kind: 'other'; readonly text: string; readonly what: string };

/** Text with its stamp, which stands behind the line that names an interpreter. */
export function stamped(text: string): string {
  const [interpreter = ''] = /^#!\S+\n/.exec(text) ?? [];
  const rest = text.slice(interpreter.length);
  return `${interpreter}# Written by \`hv service\`. It counts as unchanged while the rest has the digest ${digest(rest)}.\n${rest}`;
}

/** Looks at a target. Never follows a link: what stands behind it is somebody else's. */
export function lookAt(file: string): Found {
  try {
    const stat = lstatSync(file);
    if (stat.isSymbolicLink()) return { kind: 'other', text: '', what: `a link to ${readlinkSync(file)}` };
    if (!stat.isFile()) return { kind: 'other', text: '', what: 'no regular file' };
    const text = readFileSync(file, 'utf8');
    const match = stamp.exec(text);
    if (match === null) return { kind: 'other', text, what: 'a file that `hv service` has not written' };
    if (digest(text.slice(match[0].length)) === match[1]) return { kind: 'ours', text };
    return { kind: 'other', text, what: 'a file that was changed since `hv service` wrote it' };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'absent' };
    throw error;
  }
}

/** Whether the folder of a target, as far as it is there, is inside the root: a link in a foreign tree leads out of it. */
export function staysInside(root: string, target: string): boolean {
  const top = realpathSync(root);
  for (let folder = path.dirname(target); ; folder = path.dirname(folder)) {
    try {
      return isInside(top, realpathSync(under(root, folder)));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || folder === '.') return false;
    }
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
