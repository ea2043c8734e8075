// SPDX-License-Identifier: MIT
//
// Which nodes of a simulated tree somebody is connected to.
// Called by nodes.ts. Source: proc_net(5), unix. Always the machine's own /proc: the host is one of its processes. A
// connection that the host has accepted carries the path of the node as the host bound it, mostly by a folder that it has
// open ("/proc/self/fd/65/uio0").

import { readlinkSync } from 'node:fs';

import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { under } from '../root.js';
import { readTableLines } from './proc-table.js';

const connected = '03';

/** Paths of the nodes, as in the guest (`/dev/uio0`); one for each connection. */
export function connectedNodes(root: string): string[] {
  const pid = hostPid(root);
  if (pid === null) return [];
  const inodes = socketsOf(pid);
  return readTableLines('/proc/net/unix').flatMap((line) => {
    const [, state, inode, bound] = /^\S+ \S+ \S+ \S+ \S+ (\S+)\s+(\d+) (\/.*)$/.exec(line) ?? [];
    if (state !== connected || inode === undefined || bound === undefined || !inodes.has(inode)) return [];
    const path = resolved(pid, bound);
    return path.startsWith(`${root}/`) ? [path.slice(root.length)] : [];
  });
}

function hostPid(root: string): number | null {
  const match = /"pid":\s*([1-9]\d{0,9})\b/.exec(readSmallFileOrNull(under(root, 'run/vmbus/host.json')) ?? '');
  return match ? Number(match[1]) : null;
}

function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`;
  return new Set(listFolder(folder).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(linkText(`${folder}/${fd}`))?.[1] ?? []));
}

/** The path, seen from the host's process. */
function resolved(pid: number, path: string): string {
  const [, fd, rest] = /^\/proc\/self\/fd\/(\d+)(\/.*)$/.exec(path) ?? [];
  return fd === undefined || rest === undefined ? path : linkText(`/proc/${pid}/fd/${fd}`) + rest;
}

function linkText(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
