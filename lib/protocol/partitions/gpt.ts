// SPDX-License-Identifier: MIT
//
// GUID partition tables: the header, which is there twice, and its entries, each under a checksum. Little-endian.
// Called by: devices/storvsc/partitions.ts. Source: UEFI specification 5.3.

import { crc32 } from 'node:zlib';
import { type Guid, guidFromBytes } from '../../guid.js';

/** What a header says, once its checksum and its numbers are right. */
export interface GptHeader {
  readonly ownBlock: bigint;
  readonly otherBlock: bigint;
  readonly firstUsable: bigint;
  readonly lastUsable: bigint;
  readonly diskGuid: Guid;
  readonly entriesBlock: bigint;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
}

/** An entry that is used. */
export interface GptEntry {
  /** From 1. */
  readonly number: number;
  readonly type: Guid;
  readonly guid: Guid;
  readonly firstBlock: bigint;
  /** The last one belongs to it. */
  readonly lastBlock: bigint;
  readonly attributes: bigint;
  readonly name: string;
}

const signature = 'EFI PART';
const leastHeaderBytes = 92;
const revision = 0x0001_0000;
const leastEntryBytes = 128;
const mostEntryBytes = 4096;
const mostEntries = 1024;
const unused = '00000000-0000-0000-0000-000000000000';

/**
 * The header in a block.
 * @param at number of the block, which the header must name as its own
 * @returns what it says, or why it is none
 */
export function decodeGptHeader(block: Uint8Array, at: bigint, diskBlocks: bigint): GptHeader | string {
  if (block.length < 512) return 'the block is too short';
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  if (Buffer.from(block.subarray(0, 8)).toString('latin1') !== signature) return 'there is no signature';
  if (view.getUint32(8, true) !== revision) return `revision 0x${view.getUint32(8, true).toString(16)} is not known`;
  const bytes = view.getUint32(12, true);
  if (bytes < leastHeaderBytes || bytes > block.length) return `a header of ${bytes} bytes`;
  const copy = Buffer.from(block.subarray(0, bytes));
  copy.writeUInt32LE(0, 16);
  if (crc32(copy) !== view.getUint32(16, true)) return 'the checksum of the header is wrong';
  const header: GptHeader = {
    ownBlock: view.getBigUint64(24, true),
    otherBlock: view.getBigUint64(32, true),
    firstUsable: view.getBigUint64(40, true),
    lastUsable: view.getBigUint64(48, true),
    diskGuid: guidFromBytes(block.subarray(56, 72)),
    entriesBlock: view.getBigUint64(72, true),
    entryCount: view.getUint32(80, true),
    entryBytes: view.getUint32(84, true),
    entriesCrc: view.getUint32(88, true),
  };
  return problemOf(header, at, diskBlocks) ?? header;
}

/** Bytes of the entries that a header speaks of. */
export function gptEntriesBytes({ entryCount, entryBytes }: GptHeader): number {
  return entryCount * entryBytes;
}

/** The entries that are used, or why they can't be believed. */
export function decodeGptEntries(bytes: Uint8Array, header: GptHeader): GptEntry[] | string {
  const all = bytes.subarray(0, gptEntriesBytes(header));
  if (all.length < gptEntriesBytes(header)) return 'the entries are cut short';
  if (crc32(all) !== header.entriesCrc) return 'the checksum of the entries is wrong';
  const entries: GptEntry[] = [];
  for (let i = 0; i < header.entryCount; i += 1) {
    const entry = all.subarray(i * header.entryBytes, (i + 1) * header.entryBytes);
    const type = guidFromBytes(entry.subarray(0, 16));
    if (type === unused) continue;
    const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
    const [firstBlock, lastBlock] = [view.getBigUint64(32, true), view.getBigUint64(40, true)];
    if (firstBlock > lastBlock || firstBlock < header.firstUsable || lastBlock > header.lastUsable)
      return `entry ${i + 1} is outside what can be used (blocks ${firstBlock} to ${lastBlock})`;
    const attributes = view.getBigUint64(48, true);
    const name = Buffer.from(entry.subarray(56, 128)).toString('utf16le').split('\0', 1)[0] ?? '';
    entries.push({
      number: i + 1,
      type,
      guid: guidFromBytes(entry.subarray(16, 32)),
      firstBlock,
      lastBlock,
      attributes,
      name,
    });
  }
  return overlapOf(entries) ?? entries;
}

function problemOf(header: GptHeader, at: bigint, diskBlocks: bigint): string | null {
  const { ownBlock, firstUsable, lastUsable, entryCount, entryBytes, entriesBlock } = header;
  if (ownBlock !== at) return `it says that it is in block ${ownBlock}`;
  if (firstUsable > lastUsable || lastUsable >= diskBlocks) return 'it uses blocks that the disk does not have';
  const isPower =
    entryBytes >= leastEntryBytes && entryBytes <= mostEntryBytes && Number.isInteger(Math.log2(entryBytes));
  if (!isPower) return `entries of ${entryBytes} bytes`;
  if (entryCount < 1 || entryCount > mostEntries) return `${entryCount} entries`;
  if (entriesBlock < 2n || entriesBlock >= diskBlocks) return `entries in block ${entriesBlock}`;
  return null;
}

function overlapOf(entries: readonly GptEntry[]): string | null {
  const sorted = entries.toSorted((a, b) => (a.firstBlock < b.firstBlock ? -1 : 1));
  for (const [i, entry] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next && next.firstBlock <= entry.lastBlock) return `entries ${entry.number} and ${next.number} overlap`;
  }
  return null;
}
