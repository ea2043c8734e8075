// SPDX-License-Identifier: MIT
//
// What a script would use instead, one packet at a time as people write it: a Unix stream socket and a message port to another
// thread, until the last packet arrived there; and a C function called through koffi for each packet.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { koffiRing } from './koffi-ring.mjs';
import { Samples } from './samples.mjs';

const sizes = [64, 4096];
const packets = 10_000;

async function openPeer() {
  const folder = mkdtempSync(path.join(tmpdir(), 'vmbus-bench-'));
  const address = path.join(folder, 'socket');
  const worker = new Worker(new URL('peer-worker.mjs', import.meta.url), { workerData: { path: address } });
  await once(worker, 'message');
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ port: port2 }, [port2]);
  const socket = connect(address);
  await once(socket, 'connect');
  return {
    socket,
    port: port1,
    /** Tells the peer what comes. Resolves when it knows, with a function that resolves when all of it came. */
    async expect(bytes) {
      worker.postMessage({ packets, bytes });
      await once(worker, 'message');
      const done = once(worker, 'message');
      return () => done;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      port1.close();
      const ended = once(worker, 'exit');
      worker.postMessage(null);
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

const ways = {
  'instead: net, a write per packet': async ({ socket }, payload) => {
    for (let i = 0; i < packets; i++) if (!socket.write(payload)) await once(socket, 'drain');
  },
  'instead: MessagePort, a message per packet': async ({ port }, payload) => {
    for (let i = 0; i < packets; i++) port.postMessage(payload);
  },
};

/** The end of `work`, in nanoseconds per packet. */
async function timed(work) {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / packets;
}

// As many as fit, then all of them taken; both halves by themselves.
async function throughKoffi(ring, size, add) {
  const payload = new Uint8Array(size).fill(7);
  const room = new Uint8Array(size);
  let send = 0;
  let receive = 0;
  for (let left = packets; left > 0; ) {
    const count = Math.min(left, Math.floor((1 << 20) / (size + 24)));
    send += await timed(() => {
      for (let i = 0; i < count; i++) ring.send(payload, size);
    });
    receive += await timed(() => {
      for (let i = 0; i < count; i++) ring.receive(room, size);
    });
    left -= count;
  }
  add('instead: koffi, a C call per packet sent', size, send);
  add('instead: koffi, a C call per packet received', size, receive);
}

async function koffiOrNote(options) {
  try {
    return { ring: await koffiRing(options), note: null };
  } catch (error) {
    return { ring: null, note: { name: 'instead: koffi', note: error.message } };
  }
}

/** Rows of ns per packet by payload size. */
export async function alternativeRows({ rounds, fetch }) {
  const samples = new Samples();
  const { ring, note } = await koffiOrNote({ fetch });
  const peer = await openPeer();
  try {
    for (let round = -1; round < rounds; round++) {
      const add = (...figure) => round >= 0 && samples.add(...figure);
      for (const size of sizes) {
        const payload = new Uint8Array(size).fill(7);
        for (const [name, give] of Object.entries(ways)) {
          const arrived = await peer.expect(size);
          const ns = await timed(() => give(peer, payload).then(arrived));
          add(name, size, ns);
        }
        if (ring) await throughKoffi(ring, size, add);
      }
    }
  } finally {
    await peer[Symbol.asyncDispose]();
  }
  return [...samples.rows(), ...(note ? [note] : [])];
}
