// SPDX-License-Identifier: MIT
//
// Which processes hold a device's nodes: open, or mapped.
// Called by device-use.ts and restore.ts. Source: proc_pid_fd(5), proc_pid_maps(5). In a simulated
// tree the nodes are sockets: simulated-nodes.ts.

import { readlinkSync } from 'node:fs';

import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { rootKind, under } from '../root.js';
import { readTableLines } from './proc-table.js';
import { connectedNodes } from './simulated-nodes.js';

/** A process that holds a node. */
export interface NodeHolder {
  /** Path of the node, as in the guest. */
  readonly node: string;
  /** 0 where it can't be told (a simulated node). */
  readonly pid: number;
  /** Its command line, cut to a readable length. */
  readonly command: string;
  readonly how: 'open' | 'mapped';
}

const deleted = / \(deleted\)$/;

/** Holders of the nodes with these paths (`/dev/uio0`), and of files below these folders (a device's `ring` files). */
export function nodeHolders(root: string, nodes: readonly string[], folders: readonly string[] = []): NodeHolder[] {
  const isWanted = (path: string): boolean =>
    nodes.includes(path) || folders.some((folder) => path.startsWith(`${folder}/`));
  if (rootKind(root) === 'simulated') return simulatedHolders(root, isWanted);
  const proc = under(root, 'proc');
  return listFolder(proc)
    .filter((name) => /^[1-9]\d*$/.test(name))
    .flatMap((pid) => holdings(`${proc}/${pid}`, Number(pid), isWanted));
}

function holdings(process: string, pid: number, isWanted: (path: string) => boolean): NodeHolder[] {
  const found = new Map<string, NodeHolder>();
  const note = (path: string, how: NodeHolder['how']): void => {
    const node = path.replace(deleted, '');
    if (!isWanted(node) || found.has(node)) return;
    found.set(node, { node, pid, command: commandOf(process), how });
  };
  for (const fd of listFolder(`${process}/fd`)) note(linkText(`${process}/fd/${fd}`), 'open');
  for (const line of readTableLines(`${process}/maps`)) {
    const start = line.indexOf('/');
    if (start > 0) note(line.slice(start), 'mapped');
  }
  return [...found.values()];
}

function linkText(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function commandOf(process: string): string {
  const line = readTableLines(`${process}/cmdline`)[0]?.replaceAll('\0', ' ').trim();
  const command = line || (readSmallFileOrNull(`${process}/comm`) ?? '?');
  return command.length > 80 ? `${command.slice(0, 79)}…` : command;
}

function simulatedHolders(root: string, isWanted: (path: string) => boolean): NodeHolder[] {
  return connectedNodes(root)
    .filter(isWanted)
    .map((node) => ({ node, pid: 0, command: 'a process', how: 'open' }));
}
