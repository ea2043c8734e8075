// SPDX-License-Identifier: MIT
//
// Sockets over a whole machine's bus and real rings: who connects, what arrives, and what is left in the ring at the end.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import { guidToBytes } from '../../dist/guid.js';
import { type HvSock, type HvSocket, hvSock, QemuHost, serviceOfPort } from '../../dist/host/index.js';
import { FakeMachine, type GuestChannel, message, type SeenOffer, word } from './fake-machine.js';

const machines: FakeMachine[] = [];
const hosts: QemuHost[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
  for (const machine of machines.splice(0)) machine.close();
});

/** A machine that takes its time to answer questions about its memory, as one at the end of a real stream does. */
class SlowMachine extends FakeMachine {
  override event(operation: number, tag: number, ...parts: readonly Uint8Array[]): void {
    if (operation !== 5) super.event(operation, tag, ...parts);
    else setTimeout(() => super.event(operation, tag, ...parts), 2);
  }
}

/** A machine whose guest has connected to the bus. */
async function world(isMapped: boolean, Machine = FakeMachine): Promise<{ machine: FakeMachine; sockets: HvSock }> {
  const machine = new Machine();
  machines.push(machine);
  const sockets = hvSock({ openTimeoutMs: 60_000 });
  const host = await QemuHost.start({
    devices: [],
    services: [sockets],
    stream: machine.stream,
    ...(isMapped ? { memoryFile: machine.memoryFile } : {}),
    onTrouble: ({ error }) => assert.fail(String(error)),
  });
  hosts.push(host);
  await machine.connect();
  return { machine, sockets };
}

/** The guest connects from one port to another. */
function ask(machine: FakeMachine, from: number, to: number): void {
  machine.post(Buffer.concat([message(21), guidToBytes(serviceOfPort(from)), guidToBytes(serviceOfPort(to))]));
}

function frame(bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(1, 0);
  header.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

/** Bytes up to the end of the host's half. */
async function readAll(guest: GuestChannel): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const { type, payload } = await guest.receive();
    assert.deepEqual([type, word(payload, 0)], [6, 1]);
    const bytes = payload.subarray(8, 8 + word(payload, 4));
    if (bytes.length === 0) return Buffer.concat(parts);
    parts.push(bytes);
  }
}

async function write(guest: GuestChannel, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += 4088) {
    const packet = frame(bytes.subarray(at, at + 4088));
    while (!guest.send(packet)) await new Promise(setImmediate);
  }
}

async function withdrawn(machine: FakeMachine, offer: SeenOffer): Promise<void> {
  assert.equal(word(await machine.expect(2), 8), offer.relid);
}

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

for (const isMapped of [true, false]) {
  describe(isMapped ? 'sockets in mapped memory' : 'sockets over the stream', () => {
    it('let the guest connect, and refuse it where nobody listens', async () => {
      const { machine, sockets } = await world(isMapped);
      sockets.listen(5000, (socket) => {
        // The machine is switched off at the end.
        socket.on('error', () => undefined).pipe(socket);
      });

      ask(machine, 1030, 5000);
      const offer = await machine.expectOffer();
      assert.deepEqual([offer.classGuid, offer.instanceGuid], [serviceOfPort(5000), serviceOfPort(1030)]);
      assert.equal(Buffer.from(offer.bytes.subarray(56, 58)).toString('hex'), '1120');
      const guest = await machine.open(offer, 7);
      await write(guest, Buffer.from('echo'));
      assert.equal(Buffer.from((await guest.receive()).payload.subarray(8, 12)).toString(), 'echo');
      ask(machine, 1031, 5001);
      const refused = await machine.expect(23);
      assert.equal(word(refused, 40), 0xc000_0236);
    });

    it('carry a megabyte each way at once', async () => {
      const { machine, sockets } = await world(isMapped);
      const connecting = sockets.connect(1024);
      const guest = await machine.open(await machine.expectOffer(), 7);
      const host = await connecting;
      const [down, up] = [randomBytes(2 ** 20), randomBytes(2 ** 20)];
      const chunks: Buffer[] = [];
      host.on('data', (chunk: Buffer) => chunks.push(chunk));
      host.end(down);

      const [received] = await Promise.all([readAll(guest), write(guest, up)]);
      const ended = once(host, 'end');
      guest.send(frame(new Uint8Array(0)));
      await ended;
      assert.deepEqual([sha(received), sha(Buffer.concat(chunks))], [sha(down), sha(up)]);
      await withdrawn(machine, guest.offer);
    });

    it('have everything in the guest before they are withdrawn', async () => {
      const { machine, sockets } = await world(isMapped, SlowMachine);
      const taken = new Promise<HvSocket>((resolve) => {
        sockets.listen(5000, resolve);
      });
      ask(machine, 1030, 5000);
      const guest = await machine.open(await machine.expectOffer(), 7);
      const host = await taken;
      guest.send(frame(Buffer.from('request')));
      guest.send(frame(new Uint8Array(0)));
      host.resume();
      await once(host, 'end');
      const answer = randomBytes(10_000);
      host.end(answer);
      await withdrawn(machine, guest.offer);

      // Nothing more comes from the host: what is here now is all there ever will be.
      const received = await readAll(guest);
      assert.equal(sha(received), sha(answer));
    });
  });
}
