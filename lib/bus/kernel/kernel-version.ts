// SPDX-License-Identifier: MIT
//
// Which kernel really runs: distributions hide the patch level that matters.
// Called by known-kernels.ts. Nothing else may decide by version: what can be probed is probed.
// Source: /proc/sys/kernel/osrelease; Debian and Ubuntu put the upstream version into /proc/version and
// /proc/version_signature ("6.1.0-50-cloud-amd64" is 6.1.176).

import { checkRoot } from '../check-arguments.js';
import { readSmallFileOrNull } from '../read/attributes.js';
import { under } from '../root.js';

/** Version of the running kernel. */
export interface KernelVersion {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** Upstream version with its true patch level; null where it can't be told. */
  readonly upstream: readonly [number, number, number] | null;
}

/** The kernel of a root. */
export function kernelVersion(root: string): KernelVersion {
  checkRoot(root);
  const read = (path: string): string => readSmallFileOrNull(under(root, path)) ?? '';
  const release = read('proc/sys/kernel/osrelease');
  const signature = /\s(\d+)\.(\d+)\.(\d+)\s*$/.exec(read('proc/version_signature'));
  // After the build number: before it stands the compiler, which is Debian's too.
  const debian = /#\d+ .*\bDebian (\d+)\.(\d+)\.(\d+)/.exec(read('proc/version'));
  return { release, upstream: numbers(signature) ?? numbers(debian) ?? fromRelease(release) };
}

function fromRelease(release: string): KernelVersion['upstream'] {
  const match = /^(\d+)\.(\d+)\.(\d+)(.*)$/.exec(release);
  // "X.Y.0-N-…" is a distribution's own count: its patch level is not in the name.
  if (!match || (match[3] === '0' && /^-\d/.test(match[4] ?? ''))) return null;
  return numbers(match);
}

function numbers(match: RegExpExecArray | null): KernelVersion['upstream'] {
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : null;
}

/** Negative, 0 or positive as `a` is older than, the same as, or newer than `b`. */
export function compareVersions(a: readonly [number, number, number], b: readonly [number, number, number]): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
