// SPDX-License-Identifier: MIT
// Runs in a hosted guest: a script over uio_hv_generic, as a user of the library writes it. Prints a JSON line per step.
//   uio.js echo DEVICE PACKETS     every channel of the device, the primary one first
//   uio.js read DEVICE             until the device is gone
//   uio.js lend DEVICE             binds, opens, closes and gives back
//   uio.js watch DEVICE            until the device is there
// Started by uio.test.ts.
import fs from 'node:fs';
import process from 'node:process';
import { bindDevice, type Channel, openBus, openChannel, VmbusError } from '../../../../dist/index.js';

const [verb = '', name = '', packets = '0'] = process.argv.slice(2);
const bus = openBus();

const tell = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const device = () => bus.device(name);
const subchannels = (): number[] => device().channels.flatMap(({ isPrimary, relid }) => (isPrimary ? [] : [relid]));

/** The host offers them when the primary channel opens. */
async function offered(count: number): Promise<number[]> {
  const changes = bus.watch();
  for (let relids = subchannels(); ; relids = subchannels()) {
    if (relids.length >= count) return relids;
    await changes.next();
  }
}

/** As many requests as told, a few at a time, of all lengths. @returns how many answers were what was asked */
async function exchange(channel: Channel): Promise<number> {
  const count = Number(packets);
  let right = 0;
  for (let at = 0; at < count; at += 16) {
    const asked = Array.from({ length: Math.min(16, count - at) }, (_, i) =>
      Buffer.alloc(8 * (1 + ((at + i) % 100)), at + i),
    );
    const answers = await Promise.all(asked.map((bytes) => channel.request(bytes)));
    right += answers.filter(({ payload }, i) => asked[i]?.equals(payload)).length;
  }
  return right;
}

async function echo(): Promise<void> {
  await using _binding = await bindDevice(device());
  const primary = await openChannel(device());
  const relids = await offered(3);
  const channels = [primary, ...(await Promise.all(relids.map((relid) => primary.openSubchannel(relid))))];
  const started = performance.now();
  const right = await Promise.all(channels.map(exchange));
  const ms = Math.round(performance.now() - started);
  tell({ right, ms, relids: channels.map(({ relid }) => relid), signalling: primary.inspect().signalling });
  await primary.close();
}

/** What this process still has of UIO. */
const held = (): string[] =>
  fs.readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${fd}`);
      return target.includes('uio') ? [target] : [];
    } catch {
      return []; // readdir's own
    }
  });

async function read(): Promise<void> {
  await bindDevice(device());
  const channel = await openChannel(device());
  tell({ relid: channel.relid });
  let received = 0;
  try {
    for await (const _ of channel) received += 1;
  } catch (error) {
    const code = VmbusError.is(error) ? error.code : String(error);
    tell({ code, by: (await channel.closed).by, received: received > 0 });
  }
  await channel.close();
  tell({ held: held() });
}

async function lend(): Promise<void> {
  const previous = device().driver;
  {
    await using _binding = await bindDevice(device());
    const channel = await openChannel(device());
    await channel.close();
  }
  tell({ previous, now: device().driver });
}

async function watch(): Promise<void> {
  const changes = bus.watch();
  const next = changes.next();
  tell({ watching: true });
  for (let { value: change } = await next; ; { value: change } = await changes.next()) {
    if (change.kind === 'added' && change.subject === 'device' && change.device === name) break;
  }
  tell({ added: name, state: device().stateName });
}

const verbs: Readonly<Record<string, () => Promise<void>>> = { echo, read, lend, watch };
const run = verbs[verb];
if (run === undefined) throw new Error(`no such verb: ${verb}`);
await run();
process.exit(0); // a watch would go on, and what the host took away nobody gives back
