// SPDX-License-Identifier: MIT
// Runs in a hosted guest: a script that drives a network card over uio_hv_generic, as a user of the library writes it.
// Prints a JSON line per step. What it took is given back at the end.
//   net.js ping DEVICE ADDRESS COUNT TARGET…   takes ADDRESS, pings each target so often
//   net.js stand DEVICE ADDRESS                takes ADDRESS and answers, until a line comes in
//   net.js queues DEVICE COUNT FRAMES          sends frames of many flows on so many queues, and counts what comes back
//   net.js read DEVICE                         until the device is gone
// Started by netvsc.test.ts.
import { once } from 'node:events';
import process from 'node:process';
import {
  bindDevice,
  joinNetwork,
  type Nic,
  type NicOptions,
  openBus,
  openNic,
  VmbusError,
} from '../../../../dist/index.js';

const [verb = '', name = '', first = '', second = '', ...others] = process.argv.slice(2);
const bus = openBus();
const tell = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
/** The emulated host is slow. */
const patient: NicOptions = { handshakeTimeoutMs: 120_000 };

async function withCard(options: NicOptions, work: (nic: Nic) => Promise<void>): Promise<void> {
  const before = bus.device(name).driver;
  {
    await using _binding = await bindDevice(bus.device(name));
    await using nic = await openNic(bus.device(name), { ...patient, ...options });
    const { mac, version, queues } = nic.inspect();
    tell({ up: mac, version, queues: queues.granted, kernel: before });
    await work(nic);
  }
  tell({ given: bus.device(name).driver });
}

async function ping(): Promise<void> {
  await withCard({}, async (nic) => {
    await using station = await joinNetwork(nic, { address: first, timeoutMs: 60_000 });
    for (const target of others) {
      let answers = 0;
      for (let i = 0; i < Number(second); i += 1) {
        await station.ping(target, { sizeBytes: 56 + (i % 1400) });
        answers += 1;
      }
      tell({ target, answers });
    }
    tell({ malformed: nic.stats().malformed });
  });
}

async function stand(): Promise<void> {
  await withCard({}, async (nic) => {
    await using station = await joinNetwork(nic, { address: first });
    tell({ stands: station.address });
    await once(process.stdin, 'data');
    process.stdin.destroy();
  });
}

/** A frame to everybody, of a flow of its own. */
function frameOf(nic: Nic, flow: number): Uint8Array {
  const frame = new Uint8Array(200);
  frame.fill(0xff, 0, 6);
  frame.set(
    nic.mac.split(':').map((byte) => Number.parseInt(byte, 16)),
    6,
  );
  frame.set([0x08, 0x00, 0x45], 12);
  frame.set([10, 9, 9, 7, 10, 1, flow >>> 8, flow & 0xff], 26);
  return frame;
}

async function queues(): Promise<void> {
  await withCard({ queues: Number(first) }, async (nic) => {
    const frames = Number(second);
    for (let sent = 0; sent < frames; sent += 100)
      await nic.send(Array.from({ length: 100 }, (_, i) => frameOf(nic, sent + i)));
    const { framesOut, malformed, stray, queues: each } = nic.stats();
    tell({ framesOut, malformed, stray, sent: each.map((queue) => queue.framesOut) });
  });
}

async function read(): Promise<void> {
  await bindDevice(bus.device(name));
  const nic = await openNic(bus.device(name), patient);
  tell({ up: nic.mac });
  try {
    for await (const _ of nic.frames());
  } catch (error) {
    tell({ code: VmbusError.is(error) ? error.code : String(error), by: (await nic.closed).by });
  }
  await nic.close();
}

const verbs: Readonly<Record<string, () => Promise<void>>> = { ping, stand, queues, read };
await verbs[verb]?.();
await bus.close();
