// SPDX-License-Identifier: MIT
//
// The network card: frames received and sent, next to packets of the same channel size on a raw channel of the same run.
// The host's packets are written and its answers read outside the timed part.
import { netvsp, SimulatedHost } from '../dist/host/index.js';
import { openBus, openNic } from '../dist/index.js';
import { encodeRndisPacket } from '../dist/protocol/rndis.js';
import { encodeTransferPages } from '../dist/protocol/transfer-pages.js';
import { Samples } from './samples.mjs';
import { openWorld } from './world.mjs';

const frameSizes = [64, 1514];
/** Frames in one packet of the host. */
const perPacket = [1, 32];
const completion = 11;
/** Ids of packets that the card of our host knows nothing of. */
const forgedId = 0x1_0000_0000n;
const completed = new Uint8Array(Uint32Array.of(108, 1).buffer);
const announcement = new Uint8Array(40);
new DataView(announcement.buffer).setUint32(0, 107, true);
new DataView(announcement.buffer).setUint32(8, 0xffff_ffff, true);

/** A card that is up, and its host's end in the hands of the benchmark. */
async function openNicWorld() {
  const card = netvsp();
  let channel;
  let isOurs = false;
  let answered = 0;
  const sent = [];
  const provider = {
    ...{ name: card.name, classGuid: card.classGuid, bufferBytes: card.bufferBytes },
    onOpen(opened) {
      channel = opened;
      const session = card.onOpen(opened);
      return {
        onPacket(packet) {
          if (packet.type === completion && packet.transactionId >= forgedId) answered += 1;
          else if (isOurs) sent.push(packet.transactionId);
          else session.onPacket(packet);
        },
        onSpace: () => session.onSpace?.(),
        onClose: (reason) => session.onClose?.(reason),
      };
    },
  };
  const host = await SimulatedHost.start({ devices: [provider], bound: true });
  const device = openBus({ root: host.root }).device('net');
  const nic = await openNic(device);
  const gpadl = Number(device.uio.maps.find(({ index }) => index === 3).name.split(':')[1]);
  return {
    nic,
    /** Fills the ring with frames of a size; answers how many. The host looks at the answers only after `resume`. */
    async fill(frameBytes, frames) {
      const { pieceBytes, pieces } = nic.inspect().receiveBuffer;
      const message = encodeRndisPacket(new Uint8Array(frameBytes).fill(7));
      const ranges = [];
      for (let i = 0; i < frames; i += 1) {
        const byteOffset = pieceBytes * (pieces - 1 - i);
        await channel.memory.buffer(gpadl).write(byteOffset, message);
        ranges.push({ byteCount: message.length, byteOffset });
      }
      const options = {
        type: 7,
        flags: 1,
        transactionId: forgedId,
        header: encodeTransferPages({ setId: 0xcafe, ranges }),
      };
      channel.pause();
      let total = 0;
      // Completions of all of them must fit the other ring.
      while (total < 16_384 * frames && channel.send(announcement, options)) total += frames;
      return total;
    },
    /** The host takes the answers to so many packets. */
    async resume(packets) {
      channel.resume();
      while (answered < packets) await new Promise((resolve) => setImmediate(resolve));
      answered = 0;
    },
    /** From now on the host's card sees nothing of what is sent. */
    takeOver() {
      isOurs = true;
    },
    /** Completes all that was sent, and waits until it is known. */
    async completeAll(total) {
      while (sent.length < total) await new Promise((resolve) => setImmediate(resolve));
      for (const id of sent.splice(0)) channel.send(completed, { type: completion, transactionId: id });
      while (nic.stats().queues[0].sectionsHeld > 0) await new Promise((resolve) => setImmediate(resolve));
    },
    async [Symbol.asyncDispose]() {
      host.rescind('net');
      await nic.close();
      await host.close();
    },
  };
}

async function receive(nic, total) {
  let seen = 0;
  for await (const batch of nic.frames()) {
    seen += batch.length;
    if (seen >= total) break;
  }
}

async function receiveRaw(channel, total) {
  let seen = 0;
  for await (const batch of channel.batches()) {
    seen += batch.length;
    if (seen >= total) break;
  }
}

async function timed(work, total) {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / total;
}

/** Rows of ns per frame by its size. */
export async function netRows({ rounds }) {
  const samples = new Samples();
  const world = await openNicWorld();
  const raw = await openWorld();
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const size of frameSizes) {
        for (const frames of perPacket) {
          const total = await world.fill(size, frames);
          const ns = await timed(() => receive(world.nic, total), total);
          await world.resume(total / frames);
          if (round >= 0) samples.add(`net receive: batches(), ${frames} a packet`, size, ns);
        }
        const payload = new Uint8Array(size);
        let total = 0;
        while (total < 16_384 && raw.host.send(payload, { transactionId: 5n })) total += 1;
        const ns = await timed(() => receiveRaw(raw.channel, total), total);
        if (round >= 0) samples.add('raw receive: batches()', size, ns);
      }
    }
    world.takeOver();
    for (let round = -1; round < rounds; round += 1) {
      for (const size of frameSizes) {
        const list = new Array(64).fill(new Uint8Array(size).fill(7));
        const total = 1024;
        const ns = await timed(async () => {
          for (let i = 0; i < total; i += 64) await world.nic.send(list);
        }, total);
        if (round >= 0) samples.add('net send: send() of 64', size, ns);
        await world.completeAll(total);
        const payload = new Uint8Array(size);
        const many = new Array(64).fill(payload);
        const rawNs = await timed(() => {
          for (let i = 0; i < total; i += 64) raw.channel.trySendMany(many);
        }, total);
        await raw.taken(total);
        if (round >= 0) samples.add('raw send: trySendMany of 64', size, rawNs);
      }
    }
  } finally {
    await raw[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  }
  return samples.rows();
}
