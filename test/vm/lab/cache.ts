// SPDX-License-Identifier: MIT
// The folder where the lab keeps what it fetched and built: $XDG_CACHE_HOME/vmbus/lab.
// Several runs share it at once, so files appear complete or not at all, and a lock guards the first filling.
// Called by every part of the lab that makes files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../../../scripts/debian-packages.mjs';

const DAY_MS = 86_400_000;
/** What another run may just have looked up and be about to open is left alone. */
const IN_USE_MS = 30 * 60_000;
const UNUSED_MS = 14 * DAY_MS;
/** Three kernels in two flavours, with images and snapshots for all suites, are 10 GiB. */
const MAX_BYTES = 20 * 2 ** 30;
/** Folders whose entries can be made again at any time. */
const PRUNED = ['images', 'snapshots', 'trees', 'debs', 'compiled'] as const;

/** The lab's cache folder; made when missing. */
export function labFolder(): string {
  const folder = path.join(cacheFolder(), 'lab');
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

let sequence = 0;
/** A name beside `file` that no other run uses and that pruning recognises as unfinished. */
export const unfinishedName = (file: string): string => `${file}.${process.pid}-${++sequence}.part`;

/** Writes a file so that others see it complete or not at all. */
export function replaceFile(file: string, content: string | Uint8Array): void {
  buildFile(file, (unfinished) => fs.writeFileSync(unfinished, content));
}

/** Has a file made under another name and moves it into its place. */
export function buildFile(file: string, make: (unfinished: string) => void): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const unfinished = unfinishedName(file);
  try {
    make(unfinished);
    fs.renameSync(unfinished, file);
  } finally {
    fs.rmSync(unfinished, { force: true });
  }
}

/** Marks an entry as used now, which is what pruning goes by. False if there is none. */
export function touch(entry: string): boolean {
  try {
    const now = new Date();
    fs.utimesSync(entry, now, now);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Runs `work` while no other process on this cache does. flock(1) holds the lock as long as its standard input is open,
 * so it is free again however this process ends.
 */
export async function withLock<T>(folder: string, work: () => T | Promise<T>): Promise<T> {
  const holder = spawn('flock', [path.join(folder, 'lock'), 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // Ctrl-C ends us first, not the lock under our work
  });
  const ended = once(holder, 'close');
  const outcome = await Promise.race([once(holder.stdout, 'data'), ended]);
  if (!Buffer.isBuffer(outcome[0])) throw new Error(`flock could not lock ${folder}`);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

interface CacheEntry {
  readonly file: string;
  readonly usedMs: number;
  readonly bytes: number;
}

function sizeOf(entry: string): number {
  const stat = fs.lstatSync(entry, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.blocks * 512;
  return fs.readdirSync(entry).reduce((total, name) => total + sizeOf(path.join(entry, name)), 0);
}

function entriesOf(folder: string): CacheEntry[] {
  const names = PRUNED.flatMap((kind) => {
    const inside = path.join(folder, kind);
    return fs.existsSync(inside) ? fs.readdirSync(inside).map((name) => path.join(inside, name)) : [];
  });
  return names.flatMap((file) => {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    return stat ? [{ file, usedMs: stat.mtimeMs, bytes: sizeOf(file) }] : [];
  });
}

/**
 * Removes what was not used for two weeks, what dead runs left unfinished, and the longest unused until the folder
 * keeps its size bound. Nothing used within the last half hour is removed.
 * @returns names of removed entries
 */
export function prune(folder: string, maxBytes: number = MAX_BYTES): string[] {
  const now = Date.now();
  const removed: string[] = [];
  const entries = entriesOf(folder).sort((a, b) => a.usedMs - b.usedMs);
  let total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  for (const { file, usedMs, bytes } of entries) {
    const age = now - usedMs;
    const unwanted = age > UNUSED_MS || /\.part(ial)?$/.test(file) || total > maxBytes;
    if (!unwanted || age < IN_USE_MS) continue;
    fs.rmSync(file, { recursive: true, force: true });
    total -= bytes;
    removed.push(path.relative(folder, file));
  }
  return removed;
}
