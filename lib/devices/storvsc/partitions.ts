// SPDX-License-Identifier: MIT
//
// The partitions of a disk: its table read, both copies of a GPT, and checked.
// Called by: disk.ts. Calls: protocol/partitions.

import type { Guid } from '../../guid.js';
import { decodeGptEntries, decodeGptHeader, type GptHeader, gptEntriesBytes } from '../../protocol/partitions/gpt.js';
import { decodeMbr, extendedTypes, type MbrEntry, protectiveType } from '../../protocol/partitions/mbr.js';
import type { StorageDisk } from './disk.js';
import type { StorageCallOptions } from './types.js';

/** A partition. */
export interface Partition {
  /** As the kernel numbers it: sda1 is 1. */
  readonly number: number;
  readonly startBytes: bigint;
  readonly sizeBytes: bigint;
  /** A GUID, or a type byte of an MBR (`0x83`). */
  readonly type: string;
  /** Null in an MBR. */
  readonly guid: Guid | null;
  /** Empty where it has none. */
  readonly name: string;
}

/** The table of a disk. */
export interface PartitionTable {
  /** `none`: there is none that can be believed; see {@link problems}. */
  readonly kind: 'gpt' | 'mbr' | 'none';
  /** Those that are on the disk. */
  readonly partitions: readonly Partition[];
  /** What is wrong: a copy of a GPT that is damaged or differs, entries that overlap or lie beyond the disk. Empty for a table in order. */
  readonly problems: readonly string[];
}

type Reader = (block: bigint, bytes: number) => Promise<Uint8Array>;

/** What is read. */
export type PartitionedDisk = Pick<StorageDisk, 'blockBytes' | 'sizeBytes' | 'read'>;

/** Reads it. Nothing is guessed: what its checksums or numbers contradict is told, and not used. @throws what reading throws */
export async function readPartitions(disk: PartitionedDisk, options: StorageCallOptions): Promise<PartitionTable> {
  const { blockBytes } = disk;
  const blocks = disk.sizeBytes / BigInt(blockBytes);
  const read: Reader = (block, bytes) =>
    disk.read(block * BigInt(blockBytes), Math.ceil(bytes / blockBytes) * blockBytes, options);
  const mbr = decodeMbr(await read(0n, blockBytes));
  const isProtective = mbr?.some(({ type }) => type === protectiveType) ?? false;
  if (isProtective || !mbr) {
    const table = await readGpt(read, blocks, BigInt(blockBytes));
    // Without a protective entry only a table whose copies are both there is one.
    if (table && (isProtective || table.problems.length === 0)) return table;
  }
  if (!mbr || isProtective)
    return { kind: 'none', partitions: [], problems: mbr ? ['the GPT that the MBR speaks of is missing'] : [] };
  const inside = mbr.filter(({ firstBlock, blocks: count }) => firstBlock + count <= blocks);
  const partitions = inside.map(({ number, type, firstBlock, blocks: count }) => ({
    number,
    startBytes: firstBlock * BigInt(blockBytes),
    sizeBytes: count * BigInt(blockBytes),
    type: `0x${type.toString(16).padStart(2, '0')}`,
    guid: null,
    name: '',
  }));
  return { kind: 'mbr', partitions, problems: mbrProblems(mbr, blocks) };
}

function mbrProblems(entries: readonly MbrEntry[], diskBlocks: bigint): string[] {
  const problems: string[] = [];
  for (const { number, type, firstBlock, blocks } of entries) {
    const end = firstBlock + blocks;
    if (end > diskBlocks)
      problems.push(`partition ${number} (blocks ${firstBlock} to ${end - 1n}) goes beyond the end of the disk`);
    if (firstBlock === 0n) problems.push(`partition ${number} begins with the table itself`);
    if (extendedTypes.includes(type))
      problems.push(`partition ${number} holds more partitions, which are not looked at`);
    for (const other of entries)
      if (other.number > number && other.firstBlock < end && firstBlock < other.firstBlock + other.blocks)
        problems.push(`partitions ${number} and ${other.number} overlap`);
  }
  return problems;
}

async function readGpt(read: Reader, blocks: bigint, blockBytes: bigint): Promise<PartitionTable | null> {
  if (blocks < 3n) return null;
  const problems: string[] = [];
  const first = await readCopy(read, 1n, blocks, Number(blockBytes));
  // Where the first says; a disk that grew has its second copy before its end.
  const place = typeof first === 'string' ? blocks - 1n : first.header.otherBlock;
  const isThere = place > 1n && place < blocks;
  const second = isThere
    ? await readCopy(read, place, blocks, Number(blockBytes))
    : `it is said to be in block ${place}`;
  if (typeof first === 'string') problems.push(`the first copy of the GPT is damaged: ${first}`);
  if (typeof second === 'string') problems.push(`the second copy of the GPT is damaged: ${second}`);
  const good = typeof first === 'string' ? second : first;
  if (typeof good === 'string') return null;
  if (typeof first !== 'string' && typeof second !== 'string') {
    if (JSON.stringify(plain(first.partitions)) !== JSON.stringify(plain(second.partitions)))
      problems.push('the two copies of the GPT differ');
    if (place !== blocks - 1n) problems.push('the second copy of the GPT is not at the end of the disk: it has grown');
  }
  return { kind: 'gpt', partitions: good.partitions, problems };
}

async function readCopy(
  read: Reader,
  at: bigint,
  blocks: bigint,
  blockBytes: number,
): Promise<{ header: GptHeader; partitions: Partition[] } | string> {
  const header = decodeGptHeader(await read(at, blockBytes), at, blocks);
  if (typeof header === 'string') return header;
  const bytes = gptEntriesBytes(header);
  if (header.entriesBlock + BigInt(Math.ceil(bytes / blockBytes)) > blocks) return 'its entries go beyond the disk';
  const entries = decodeGptEntries(await read(header.entriesBlock, bytes), header);
  if (typeof entries === 'string') return entries;
  const partitions = entries.map(({ number, type, guid, firstBlock, lastBlock, name }) => ({
    number,
    startBytes: firstBlock * BigInt(blockBytes),
    sizeBytes: (lastBlock - firstBlock + 1n) * BigInt(blockBytes),
    type,
    guid,
    name,
  }));
  return { header, partitions };
}

function plain(partitions: readonly Partition[]): unknown {
  return partitions.map((one) => ({ ...one, startBytes: String(one.startBytes), sizeBytes: String(one.sizeBytes) }));
}
