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
async function openNicWorld(queues) {
  const card = netvsp({ queues });
  const channels = [];
  let isOurs = false;
  let answered = 0;
  const sent = [];
  const provider = {
    ...{ name: card.name, classGuid: card.classGuid, bufferBytes: card.bufferBytes },
    onOpen(opened) {
      channels.push(opened);
      const session = card.onOpen(opened);
      return {
        onPacket(packet) {
          if (packet.type === completion && packet.transactionId >= forgedId) answered += 1;
          else if (isOurs) sent.push({ channel: opened, transactionId: packet.transactionId });
          else session.onPacket(packet);
        },
        onSpace: () => session.onSpace?.(),
        onClose: (reason) => session.onClose?.(reason),
      };
    },
  };
  const host = await SimulatedHost.start({ devices: [provider], bound: true });
  const device = openBus({ root: host.root }).device('net');
  const nic = await openNic(device, { queues });
  const gpadl = Number(device.uio.maps.find(({ index }) => index === 3).name.split(':')[1]);
  return {
    nic,
    /** Fills the rings with frames of a size; answers how many. The host looks at the answers only after `resume`. */
    async fill(frameBytes, frames) {
      const { pieceBytes, pieces } = nic.inspect().receiveBuffer;
      const message = encodeRndisPacket(new Uint8Array(frameBytes).fill(7));
      const ranges = [];
      for (let i = 0; i < frames; i += 1) {
        const byteOffset = pieceBytes * (pieces - 1 - i);
        await channels[0].memory.buffer(gpadl).write(byteOffset, message);
        ranges.push({ byteCount: message.length, byteOffset });
      }
      const options = {
        type: 7,
        flags: 1,
        transactionId: forgedId,
        header: encodeTransferPages({ setId: 0xcafe, ranges }),
      };
      let total = 0;
      for (const channel of channels) {
        channel.pause();
        // Completions of all of them must fit the other ring.
        const most = total + 16_384 * frames;
        while (total < most && channel.send(announcement, options)) total += frames;
      }
      return total;
    },
    /** The host takes the answers to so many packets. */
    async resume(packets) {
      for (const channel of channels) channel.resume();
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
      for (const { channel, transactionId } of sent.splice(0))
        channel.send(completed, { type: completion, transactionId });
      while (nic.stats().queues.some((queue) => queue.sectionsHeld > 0))
        await new Promise((resolve) => setImmediate(resolve));
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

/** So many frames, each of a flow of its own: addresses in IPv4's place. */
const framesOf = (count, bytes) =>
  Array.from({ length: count }, (_, flow) => {
    const frame = new Uint8Array(bytes).fill(7);
    frame.set([0x08, 0x00, 0x45], 12);
    frame.set([10, 1, 0, flow], 30);
    return frame;
  });

async function rowsOf(queues, rounds, raw, samples) {
  const world = await openNicWorld(queues);
  const suffix = queues === 1 ? '' : `, ${queues} queues`;
  const add = (round, row, size, ns) => round >= 0 && samples.add(row, size, ns);
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const size of frameSizes) {
        for (const frames of perPacket) {
          const total = await world.fill(size, frames);
          const ns = await timed(() => receive(world.nic, total), total);
          await world.resume(total / frames);
          add(round, `net receive: batches(), ${frames} a packet${suffix}`, size, ns);
        }
        const payload = new Uint8Array(size);
        let total = 0;
        while (total < 16_384 && raw.host.send(payload, { transactionId: 5n })) total += 1;
        const ns = await timed(() => receiveRaw(raw.channel, total), total);
        add(round, `raw receive: batches()${suffix && ', then'}`, size, ns);
      }
    }
    world.takeOver();
    for (let round = -1; round < rounds; round += 1) {
      for (const size of frameSizes) {
        const list = framesOf(64, size);
        const total = 1024;
        const ns = await timed(async () => {
          for (let i = 0; i < total; i += 64) await world.nic.send(list);
        }, total);
        add(round, `net send: send() of 64${suffix}`, size, ns);
        await world.completeAll(total);
        const many = new Array(64).fill(new Uint8Array(size));
        const rawNs = await timed(() => {
          for (let i = 0; i < total; i += 64) raw.channel.trySendMany(many);
        }, total);
        await raw.taken(total);
        add(round, `raw send: trySendMany of 64${suffix && ', then'}`, size, rawNs);
      }
    }
  } finally {
    await world[Symbol.asyncDispose]();
  }
}

/** Rows of ns per frame by its size. */
export async function netRows({ rounds }) {
  const samples = new Samples();
  const raw = await openWorld();
  try {
    for (const queues of [1, 2]) await rowsOf(queues, rounds, raw, samples);
  } finally {
    await raw[Symbol.asyncDispose]();
  }
  return samples.rows();
}
