// SPDX-License-Identifier: MIT
//
// What chrony's configuration says about the host's clock, and about setting the clock at once.
// Called by report.ts and the doctor. Source: chrony.conf(5), directives refclock, makestep, include, confdir.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { listFolder, readSmallFileOrNull } from '../../bus/read/attributes.js';
import { hostClockLink } from './ptp-clocks.js';
import type { ChronyConfiguration, PtpClock } from './types.js';

/** Debian, Ubuntu and Alpine have the first; Red Hat, SUSE and Arch the second. */
const places = ['etc/chrony/chrony.conf', 'etc/chrony.conf'];
/** A configuration that includes itself must come to an end. */
const mostFiles = 100;

/** Path of the configuration under the root; null without chrony. */
export function chronyPath(root: string): string | null {
  return places.find((file) => existsSync(path.join(root, file))) ?? null;
}

/** What is configured; null without a configuration. */
export function readChrony(root: string, ptp: readonly PtpClock[]): ChronyConfiguration | null {
  const first = chronyPath(root);
  if (first === null) return null;
  const files: string[] = [];
  const lines = readLines(root, first, files);
  const phcDevices = lines.flatMap(([directive, ...words]) => {
    if (directive !== 'refclock' || words[0]?.toUpperCase() !== 'PHC') return [];
    // Options of the driver stand behind colons.
    return [words[1]?.split(':')[0] ?? ''];
  });
  const hostNodes = ptp.flatMap(({ isHost, node }) => (isHost && node !== null ? [node] : []));
  const readsHost = phcDevices.some((device) => device === hostClockLink || hostNodes.includes(device));
  return { files, phcDevices, readsHost, steps: stepsOf(lines) };
}

/** `makestep THRESHOLD LIMIT`: a negative limit means always. The last line counts. */
function stepsOf(lines: readonly (readonly string[])[]): ChronyConfiguration['steps'] {
  const [, , limit] = lines.findLast(([directive]) => directive === 'makestep') ?? [];
  if (limit === undefined || Number(limit) === 0) return 'never';
  return Number(limit) < 0 ? 'always' : 'at-start';
}

/** Words of each line, with those of included files in their place. */
function readLines(root: string, file: string, files: string[]): readonly (readonly string[])[] {
  if (files.length >= mostFiles || files.includes(file)) return [];
  const text = readSmallFileOrNull(path.join(root, file));
  if (text === null) return [];
  files.push(file);
  return text.split('\n').flatMap((line) => {
    const [name = '', ...rest] = line.trim().split(/\s+/);
    if (name === '' || /^[#!;%]/.test(name)) return [];
    const directive = name.toLowerCase();
    if (directive === 'include') return matching(root, rest[0] ?? '').flatMap((one) => readLines(root, one, files));
    if (directive === 'confdir')
      return rest.flatMap((folder) => matching(root, `${folder}/*.conf`)).flatMap((one) => readLines(root, one, files));
    return [[directive, ...rest]];
  });
}

/** Files that a pattern names, with stars in its last part only. */
function matching(root: string, pattern: string): readonly string[] {
  const folder = path.dirname(pattern);
  const parts = path.basename(pattern).split('*');
  const escaped = parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*');
  const wanted = new RegExp(`^${escaped}$`);
  return listFolder(path.join(root, folder))
    .filter((name) => wanted.test(name))
    .sort()
    .map((name) => path.join(folder, name).replace(/^\/+/, ''));
}
