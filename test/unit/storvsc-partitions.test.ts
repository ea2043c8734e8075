// SPDX-License-Identifier: MIT
//
// Partition tables as disks have them, and damaged in every way: what is told can be believed, and what is damaged is said.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';

import { type PartitionTable, readPartitions } from '../../dist/devices/storvsc/partitions.js';
import { TableDisk } from './support/partition-tables.js';

const blocks = 2048;
const efi = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
const parts = [
  [40, 99, 'boot'],
  [100, 1999, 'Daten – ß'],
] as const;

const table = (disk: TableDisk): Promise<PartitionTable> => readPartitions(disk, {});
const told = ({ kind, partitions, problems }: PartitionTable): unknown => [
  kind,
  partitions.map((one) => [one.number, one.startBytes, one.sizeBytes, one.type, one.name]),
  problems,
];
const both = [
  [1, 20_480n, 30_720n, efi, 'boot'],
  [2, 51_200n, 972_800n, efi, 'Daten – ß'],
];

describe('a GPT', () => {
  it('has checksums as all the world has them', () => {
    assert.equal(crc32('123456789'), 0xcbf4_3926);
  });

  it('is told as it is, with blocks of either size', async () => {
    assert.deepEqual(told(await table(new TableDisk(blocks).gpt(parts))), ['gpt', both, []]);
    const large = await table(new TableDisk(blocks, 4096).gpt(parts));
    assert.deepEqual([large.partitions[0]?.startBytes, large.problems], [163_840n, []]);
    assert.equal(large.partitions[1]?.guid, '22222222-2222-2222-2222-222222222222');
  });

  it('is told from its second copy when the first is damaged, and the other way round', async () => {
    for (const [block, which] of [
      [1, 'first'],
      [2, 'first'],
      [blocks - 1, 'second'],
      [blocks - 33, 'second'],
    ] as const) {
      const disk = new TableDisk(blocks).gpt(parts);
      disk.block(block).fill(0, 0, 64);
      const found = await table(disk);
      assert.deepEqual([found.kind, found.partitions.length, found.problems.length], ['gpt', 2, 1], `block ${block}`);
      assert.match(found.problems[0] ?? '', new RegExp(`^the ${which} copy of the GPT is damaged`));
    }
  });

  it('is none when both are damaged, and no MBR is made of its protective entry', async () => {
    const disk = new TableDisk(blocks).gpt(parts);
    disk.block(1).fill(0);
    disk.block(blocks - 1).fill(0);
    assert.deepEqual(told(await table(disk)), ['none', [], ['the GPT that the MBR speaks of is missing']]);
  });

  it('with copies that differ is told from the first, and that they do', async () => {
    const disk = new TableDisk(blocks).gpt(parts);
    const other = new TableDisk(blocks).gpt([[40, 99, 'boot']]);
    other.bytes.copy(disk.bytes, (blocks - 33) * 512, (blocks - 33) * 512);
    const { partitions, problems } = await table(disk);
    assert.deepEqual([partitions.length, problems], [2, ['the two copies of the GPT differ']]);
  });

  it('of a disk that has grown says so', async () => {
    const disk = new TableDisk(blocks + 100);
    new TableDisk(blocks).gpt(parts).bytes.copy(disk.bytes);
    const { kind, problems } = await table(disk);
    assert.deepEqual(
      [kind, problems],
      ['gpt', ['the second copy of the GPT is not at the end of the disk: it has grown']],
    );
  });

  it('with partitions that overlap, or lie outside, is damaged', async () => {
    for (const wrong of [
      [
        [40, 100, 'a'],
        [100, 200, 'b'],
      ],
      [[40, 2047, 'a']],
      [[3, 50, 'a']],
      [[50, 40, 'a']],
    ] as const)
      assert.equal((await table(new TableDisk(blocks).gpt(wrong))).kind, 'none', JSON.stringify(wrong));
  });

  it('with any byte of its header or entries changed is never taken for another one', async () => {
    const whole = new TableDisk(blocks).gpt(parts);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 512, max: 34 * 512 - 1 }).filter((at) => at < 512 + 92 || at >= 1024),
        fc.integer({ min: 1, max: 255 }),
        async (at, mask) => {
          const disk = new TableDisk(blocks);
          whole.bytes.copy(disk.bytes);
          disk.bytes[at] = (disk.bytes[at] ?? 0) ^ mask;
          const found = await table(disk);
          assert.deepEqual(told({ ...found, problems: [] }), ['gpt', both, []]);
          assert.equal(found.problems.length, 1);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('an MBR', () => {
  it('is told as it is', async () => {
    const disk = new TableDisk(blocks).mbr([
      [0x83, 64, 100],
      [0x07, 164, 1000],
    ]);
    assert.deepEqual(told(await table(disk)), [
      'mbr',
      [
        [1, 32_768n, 51_200n, '0x83', ''],
        [2, 83_968n, 512_000n, '0x07', ''],
      ],
      [],
    ]);
  });

  it('that goes beyond its disk, or on elsewhere, says so', async () => {
    const { partitions, problems } = await table(
      new TableDisk(blocks).mbr([
        [0x83, 64, 5000],
        [0x0f, 100, 100],
      ]),
    );
    assert.deepEqual(
      [partitions.map(({ number }) => number), problems],
      [
        [2],
        [
          'partition 1 (blocks 64 to 5063) goes beyond the end of the disk',
          'partitions 1 and 2 overlap',
          'partition 2 holds more partitions, which are not looked at',
        ],
      ],
    );
  });

  it('whose partitions overlap one another, or the table, says so', async () => {
    const { partitions, problems } = await table(
      new TableDisk(blocks).mbr([
        [0x83, 0, 64],
        [0x83, 64, 100],
        [0x83, 163, 10],
      ]),
    );
    assert.equal(partitions.length, 3);
    assert.deepEqual(problems, ['partition 1 begins with the table itself', 'partitions 2 and 3 overlap']);
  });
});

describe('a disk without a table', () => {
  it('has none: empty, or a file system that begins with code', async () => {
    const vfat = new TableDisk(blocks).mbr([]);
    vfat.bytes[446] = 0x55;
    for (const disk of [new TableDisk(blocks), vfat, new TableDisk(1)])
      assert.deepEqual(told(await table(disk)), ['none', [], []]);
  });

  it('of any bytes never makes the reader fail', async () => {
    for (let i = 0; i < 100; i += 1) {
      const disk = new TableDisk(64);
      randomBytes(disk.bytes.length).copy(disk.bytes);
      disk.mbr([[i % 2 === 0 ? 0xee : 0x83, i, 2 ** i % 2 ** 32]]);
      for (const at of [446, 462, 478, 494]) disk.bytes[at] = 0;
      if (i % 4 < 2) disk.bytes.write('EFI PART', 512, 'latin1');
      await table(disk);
    }
  });
});
