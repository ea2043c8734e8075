// SPDX-License-Identifier: MIT
//
// Which processes hold a device's nodes: open, or mapped.
// Called by device-use.ts and `hv doctor`; calls held-files.ts and hidden.ts. In a simulated tree the nodes are sockets:
// simulated-nodes.ts.
// A node is told by its device number as well as by its path: it can be renamed, made anew elsewhere, or opened in another
// mount namespace, where its path is another one or none.

import { type Stats, statSync } from 'node:fs';
import { basename } from 'node:path';

import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { rootKind, under } from '../root.js';
import { type HeldFile, heldFiles } from './held-files.js';
import { type Hidden, type HiddenProcess, mayHoldFiles, unlistedProcesses } from './hidden.js';
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

/** What is looked for. */
export interface Wanted {
  readonly nodes: readonly WantedNode[];
  /** Files below these folders, too (a device's `ring` files). */
  readonly folders: readonly string[];
}

/** A device node. */
export interface WantedNode {
  /** `/dev/uio0` */
  readonly path: string;
  /** As its `dev` attribute says; null to go by the path alone. */
  readonly number: number | null;
  readonly isBlock: boolean;
}

/** Who was found, and what could not be seen: nobody was only found where nothing is hidden. */
export interface HolderSearch {
  readonly holders: readonly NodeHolder[];
  readonly hidden: Hidden;
}

/** Holders of the nodes with these paths (`/dev/uio0`) among the processes that can be seen. */
export function nodeHolders(root: string, paths: readonly string[]): readonly NodeHolder[] {
  return searchHolders(root, { nodes: paths.map((path) => ({ path, number: null, isBlock: false })), folders: [] })
    .holders;
}

/** Looks through all processes. */
export function searchHolders(root: string, wanted: Wanted): HolderSearch {
  if (rootKind(root) === 'simulated')
    return { holders: simulatedHolders(root, wanted), hidden: { processes: [], unlisted: null } };
  const proc = under(root, 'proc');
  const pids = listFolder(proc).filter((name) => /^[1-9]\d*$/.test(name));
  const holders: NodeHolder[] = [];
  const processes: HiddenProcess[] = [];
  for (const pid of pids) {
    const process = `${proc}/${pid}`;
    const isSeen = search(process, wanted, (node, how) =>
      holders.push({ node, pid: Number(pid), command: commandOf(process), how }),
    );
    if (!isSeen && mayHoldFiles(process)) processes.push({ pid: Number(pid), command: commandOf(process) });
  }
  return { holders, hidden: { processes, unlisted: unlistedProcesses(root, proc, pids.length) } };
}

/** Tells of each node that the process holds, once; false where its files are hidden. */
function search(process: string, wanted: Wanted, tell: (node: string, how: NodeHolder['how']) => void): boolean {
  const told = new Set<string>();
  try {
    for (const file of heldFiles(process)) {
      const node = byPath(file, wanted) ?? byNumber(file, wanted);
      if (node === null || told.has(node)) continue;
      told.add(node);
      tell(node, file.how);
    }
    return true;
  } catch {
    return false;
  }
}

function byPath({ path, how }: HeldFile, { nodes, folders }: Wanted): string | null {
  // A mapping has no device number to go by where map_files is not ours to use.
  const node = nodes.find((one) => one.path === path || (how === 'mapped' && fromMount(one.path) === path));
  if (node) return node.path;
  const folder = folders.find((one) => path.startsWith(`${one}/`) || path.startsWith(`${fromMount(one)}/`));
  if (folder === undefined) return null;
  return path.startsWith(`${folder}/`) ? path : folder + path.slice(fromMount(folder).length);
}

/** A path below /dev or /sys as it is named in a mount namespace that we can't reach. */
function fromMount(path: string): string {
  return path.slice(path.indexOf('/', 1));
}

function byNumber(file: HeldFile, { nodes }: Wanted): string | null {
  if (!nodes.some(({ number }) => number !== null) || !isPerhapsNode(file, nodes)) return null;
  const status = statusOf(file);
  const isBlock = status?.isBlockDevice() === true;
  if (!isBlock && status?.isCharacterDevice() !== true) return null;
  return nodes.find((node) => node.number === status.rdev && node.isBlock === isBlock)?.path ?? null;
}

/**
 * Whether the file is worth a stat(2). Not every one: there can be very many, and one on a dead network share would never
 * answer. Nodes lie in a folder `dev`, have a name that we know, or none that we can reach, which is short then.
 */
function isPerhapsNode({ path, isDeleted }: HeldFile, nodes: readonly WantedNode[]): boolean {
  if (path.startsWith('/memfd:')) return false;
  const isShort = path.split('/').length <= 3;
  return isShort || isDeleted || path.includes('/dev/') || nodes.some((node) => basename(node.path) === basename(path));
}

/** Null where it can't be had: map_files is not for everybody, and file systems of users hide files even from root. */
function statusOf({ link }: HeldFile): Stats | null {
  try {
    return statSync(link);
  } catch {
    return null;
  }
}

function commandOf(process: string): string {
  const line = readTableLines(`${process}/cmdline`)[0]?.replaceAll('\0', ' ').trim();
  const command = line || (readSmallFileOrNull(`${process}/comm`) ?? '?');
  return command.length > 80 ? `${command.slice(0, 79)}…` : command;
}

function simulatedHolders(root: string, { nodes }: Wanted): NodeHolder[] {
  return connectedNodes(root)
    .filter((path) => nodes.some((node) => node.path === path))
    .map((node) => ({ node, pid: 0, command: 'a process', how: 'open' }));
}
