// SPDX-License-Identifier: MIT
// Packs what the guest gets for one run: a script and the files it needs, as a compressed cpio archive.
// Called by lab.ts; unpacked and run by guest/inner-init.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { gzipSync } from 'node:zlib';
import { CpioWriter } from './cpio.js';
import { isElf, librariesOf } from './elf.js';

/** A place in the guest, and what it gets: a file or folder of this machine, or bytes. */
export type IncludedPath = { readonly to: string } & (
  | {
      readonly from: string;
      /** For folders: may leave out entries by their path relative to `from`. */
      readonly keep?: (relative: string) => boolean;
    }
  | { readonly contents: Uint8Array }
);

export interface Job {
  readonly command: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly include?: readonly IncludedPath[];
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function scriptOf({ command, cwd = '/', env = {} }: Job): string {
  return [
    // A guest restored from a snapshot has the clock and the random state of that snapshot.
    `date -s @${Math.floor(Date.now() / 1000)} > /dev/null`,
    `echo ${randomUUID()} > /dev/urandom`,
    `mkdir -p ${quote(cwd)} && cd ${quote(cwd)} || exit 126`,
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`),
    `exec ${command.map(quote).join(' ')}`,
    '',
  ].join('\n');
}

/** Adds files and folders, and the libraries of programs among them, less those that the guest has for Node. */
function addIncluded(archive: CpioWriter, include: readonly IncludedPath[]): void {
  const programs: string[] = [];
  for (const entry of include) {
    if ('contents' in entry) archive.bytes(entry.to, entry.contents);
    else if (fs.statSync(entry.from).isDirectory()) archive.tree(entry.to, entry.from, entry.keep);
    else {
      archive.file(entry.to, entry.from);
      if (isElf(entry.from)) programs.push(entry.from);
    }
  }
  const present = librariesOf([process.execPath]);
  for (const [place, library] of librariesOf(programs)) if (!present.has(place)) archive.file(place, library);
}

function packed(fill: (archive: CpioWriter) => void): Buffer {
  const chunks: Uint8Array[] = [];
  const archive = new CpioWriter((chunk) => chunks.push(chunk));
  fill(archive);
  archive.end();
  return gzipSync(Buffer.concat(chunks), { level: 6 });
}

/** The archive that `Session.sendJob` takes. Libraries of included programs come along. */
export const jobArchive = (job: Job): Buffer =>
  packed((archive) => {
    archive.text('/lab/job', scriptOf(job));
    addIncluded(archive, job.include ?? []);
  });

/** An archive of files for a guest that has Node; UNPACK_FILES is the command that takes it. */
export const filesArchive = (include: readonly IncludedPath[]): Buffer =>
  packed((archive) => addIncluded(archive, include));
export const UNPACK_FILES = 'cd / && gunzip | cpio -idmu 2> /dev/null';
