// SPDX-License-Identifier: MIT
// Runs in a hosted guest: a script that drives a storage controller over uio_hv_generic, as a user of the library writes it.
// Prints a JSON line per step.
//   storage.js verify DEVICE LUN CHANNELS   writes all of a disk in a random order, and reads it in another
//   storage.js reads DEVICE LUN             reads at random places, for ever
//   storage.js read DEVICE                  until the device is gone
// The controller is lent already.
// Started by storvsc.test.ts.
import { createHash } from 'node:crypto';
import process from 'node:process';
import { openBus, openStorage, type StorageDisk, type StorageOptions, VmbusError } from '../../../../dist/index.js';

const [verb = '', name = '', lun = '0', channels = '1'] = process.argv.slice(2);
const bus = openBus();
const tell = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
/** The emulated host is slow. */
const patient: StorageOptions = { timeoutMs: 120_000, queueDepth: 16, channels: Number(channels) };
const pieceBytes = 64 * 1024;

const piecesOf = (disk: StorageDisk): number => Number(disk.sizeBytes) / pieceBytes;

/** Numbers from a seed, for orders that are the same each time. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed | 1; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state;
  }
}

/** What belongs in a piece of the disk. */
const contentOf = (piece: number): Uint8Array =>
  createHash('shake128', { outputLength: pieceBytes }).update(`piece ${piece}`).digest();

/** All pieces, shuffled, as many at a time as the controller takes. */
async function each(disk: StorageDisk, seed: number, work: (piece: number) => Promise<void>): Promise<void> {
  const random = numbers(seed);
  const order = Array.from({ length: piecesOf(disk) }, (_, piece) => ({ piece, key: random.next().value }));
  const waiting = order.sort((a, b) => a.key - b.key).values();
  const worker = async (): Promise<void> => {
    for (const { piece } of waiting) await work(piece);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

async function verify(): Promise<void> {
  await using storage = await openStorage(bus.device(name), { ...patient, write: true });
  const { version, memory, channels: relids } = storage.inspect();
  tell({ up: storage.disks().map((disk) => disk.lun), version, channels: relids.length, memory });
  const disk = storage.disk(Number(lun));
  await each(disk, 1, (piece) => disk.write(piece * pieceBytes, contentOf(piece)));
  await disk.flush();
  const wrong: number[] = [];
  await each(disk, 2, async (piece) => {
    const bytes = await disk.read(piece * pieceBytes, pieceBytes);
    if (Buffer.compare(bytes, contentOf(piece)) !== 0) wrong.push(piece);
  });
  const hash = createHash('sha256');
  for await (const chunk of disk.chunks()) hash.update(chunk);
  const { violations, droppedPackets, abandoned } = storage.stats();
  tell({ wrong, sha256: hash.digest('hex'), violations, droppedPackets, abandoned });
}

async function reads(): Promise<void> {
  const storage = await openStorage(bus.device(name), patient);
  const disk = storage.disk(Number(lun));
  const { keeperPid, kind, isPinned } = storage.inspect().memory;
  let count = 0;
  for (;;) {
    await each(disk, count, async (piece) => {
      if (count === 64) tell({ reading: true, keeperPid, kind, isPinned });
      count += 1;
      await disk.read(piece * pieceBytes, pieceBytes);
    });
  }
}

async function read(): Promise<void> {
  const storage = await openStorage(bus.device(name), patient);
  const [disk] = storage.disks();
  tell({ up: disk?.lun });
  try {
    for (;;) await disk?.read(0n, 4096);
  } catch (error) {
    tell({ code: VmbusError.is(error) ? error.code : String(error), by: (await storage.closed).by });
  }
  await storage.close();
}

const verbs: Readonly<Record<string, () => Promise<void>>> = { verify, reads, read };
await verbs[verb]?.();
await bus.close();
