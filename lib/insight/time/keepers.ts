// SPDX-License-Identifier: MIT
//
// Which programs that keep a clock right are installed in a root, and which of them run. Their init system is not asked: what
// runs is what the processes say.
// Called by report.ts and the doctor.

import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { listFolder, readSmallFileOrNull } from '../../bus/read/attributes.js';
import type { TimeKeeper, TimeKeeperName } from './types.js';

interface Known {
  readonly name: TimeKeeperName;
  readonly programs: readonly string[];
  /** Name of the process, which the kernel cuts to 15 characters. */
  readonly process: string;
}

const ntpdPrograms = ['usr/sbin/ntpd', 'usr/bin/ntpd'];
const known: readonly Known[] = [
  { name: 'chrony', programs: ['usr/sbin/chronyd', 'usr/bin/chronyd'], process: 'chronyd' },
  {
    name: 'systemd-timesyncd',
    programs: ['usr/lib/systemd/systemd-timesyncd', 'lib/systemd/systemd-timesyncd'],
    process: 'systemd-timesyn',
  },
  { name: 'ntpd-rs', programs: ['usr/bin/ntp-daemon'], process: 'ntp-daemon' },
  { name: 'openntpd', programs: ['usr/sbin/openntpd'], process: 'openntpd' },
  // NTPsec and the classic one. OpenNTPD has the name as well where nothing else has.
  { name: 'ntpd', programs: ntpdPrograms, process: 'ntpd' },
];
/** Busybox has it built in: there is a program wherever there is busybox, and it keeps time only where it runs. */
const busyboxProcess = 'ntpd';

/** Keepers that are installed. */
export function readKeepers(root: string): readonly TimeKeeper[] {
  const processes = readProcesses(root);
  const found: TimeKeeper[] = [];
  for (const { name, programs, process } of known) {
    if (!programs.some((program) => isProgram(path.join(root, program)))) continue;
    const running = processes?.find(({ comm, isBusybox }) => comm === process && !isBusybox);
    found.push({ name, isRunning: processes === null ? null : running !== undefined, pid: running?.pid ?? null });
  }
  const busybox = processes?.find(({ comm, isBusybox }) => comm === busyboxProcess && isBusybox);
  if (busybox !== undefined) found.push({ name: 'busybox ntpd', isRunning: true, pid: busybox.pid });
  return found;
}

interface Process {
  readonly pid: number;
  readonly comm: string;
  readonly isBusybox: boolean;
}

function readProcesses(root: string): readonly Process[] | null {
  const pids = listFolder(path.join(root, 'proc')).filter((name) => /^\d+$/.test(name));
  if (pids.length === 0) return null;
  return pids.flatMap((pid) => {
    const comm = readSmallFileOrNull(path.join(root, 'proc', pid, 'comm'));
    if (comm === null) return [];
    return [{ pid: Number(pid), comm, isBusybox: comm === busyboxProcess && isBusyboxProcess(root, pid) }];
  });
}

/** Started as `busybox ntpd`, or as the only `ntpd` there is: a link to busybox. */
function isBusyboxProcess(root: string, pid: string): boolean {
  const argv = readSmallFileOrNull(path.join(root, 'proc', pid, 'cmdline'))?.split('\0') ?? [];
  if (/(^|\/)busybox$/.test(argv[0] ?? '')) return true;
  return !ntpdPrograms.some((program) => isProgram(path.join(root, program)));
}

/** A program of its own: a link to busybox is none. */
function isProgram(file: string): boolean {
  try {
    const stat = statSync(file);
    return stat.isFile() && (stat.mode & 0o111) !== 0 && path.basename(realpathSync(file)) !== 'busybox';
  } catch {
    return false;
  }
}
