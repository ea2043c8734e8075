// SPDX-License-Identifier: MIT
//
// The program `ip` of iproute2, which reads and sets what interfaces have: run without a shell, with an environment of our
// own, for a bounded time.
// Called by steps.ts for whoever asks (ask.ts); both ways, for a process that lives and for one that is about to end.

import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants, statfsSync } from 'node:fs';

import { rootKind, sysfsType, under } from '../root.js';

/** What the program said. */
export interface IpAnswer {
  /** Its exit status; -1 when it could not be run, or did not end in time, and `stderr` says why. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program, or what a test puts in its place. */
export interface IpProgram {
  run(words: readonly string[]): Promise<IpAnswer>;
  runSync(words: readonly string[]): IpAnswer;
}

/** Where distributions have it: /usr first, for a busybox has its own in /sbin. Not the PATH's word: that is for whoever starts us. */
const places = ['/usr/sbin/ip', '/usr/bin/ip', '/sbin/ip', '/bin/ip'];
const limits = { timeout: 5_000, killSignal: 'SIGKILL', maxBuffer: 8 * 1024 * 1024, cwd: '/' } as const;
const plain = { ...limits, env: { LC_ALL: 'C' }, encoding: 'utf8' } as const;
const absent: IpAnswer = { status: -1, stdout: '', stderr: 'there is no program ip here' };

const iproute: IpProgram = {
  run(words) {
    const program = findIp();
    if (program === null) return Promise.resolve(absent);
    return new Promise((resolve) => {
      execFile(program, [...words], plain, (error, stdout, stderr) => resolve(answerOf(error, stdout, stderr)));
    });
  },
  runSync(words) {
    const program = findIp();
    if (program === null) return absent;
    const { status, signal, error, stdout, stderr } = spawnSync(program, [...words], plain);
    const failure =
      error ?? (status === null ? Object.assign(new Error(`ended by ${signal}`), { code: signal }) : null);
    return answerOf(failure ?? (status === 0 ? null : { code: status, message: '' }), stdout ?? '', stderr ?? '');
  },
};

let program = iproute;
let isReplaced = false;

/** The program in use. */
export function ipProgram(): IpProgram {
  return program;
}

/** Puts another in its place, which then knows the interfaces of every root; null: the system's again. For tests. */
export function replaceIpProgram(other: IpProgram | null): void {
  program = other ?? iproute;
  isReplaced = other !== null;
}

/** Whether the interfaces in a tree are the kernel's, which `ip` knows. In a simulated host's folder there are none. */
export function hasInterfaces(root: string): boolean {
  if (isReplaced) return true;
  if (root === '/') return true;
  if (rootKind(root) !== 'guest') return false;
  try {
    return statfsSync(under(root, 'sys/class/net')).type === sysfsType;
  } catch {
    return false;
  }
}

function findIp(): string | null {
  return places.find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function answerOf(
  error: { readonly code?: number | string | null; readonly message: string } | null,
  stdout: string,
  stderr: string,
): IpAnswer {
  if (error === null) return { status: 0, stdout, stderr };
  if (typeof error.code === 'number') return { status: error.code, stdout, stderr };
  return { status: -1, stdout: '', stderr: `ip did not do it: ${error.code ?? error.message}` };
}
