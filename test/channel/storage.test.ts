// SPDX-License-Identifier: MIT
//
// Storage devices on a machine without QEMU: real rings, data in the machine's memory, subchannels, a ring that is full; and on
// a served folder, where there is no memory to move data to.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';

import {
  type HostTrouble,
  ide,
  memoryDisk,
  type Provider,
  QemuHost,
  SimulatedHost,
  scsi,
} from '../../dist/host/index.js';
import { openBus, openChannel } from '../../dist/index.js';
import { encodeGpaRanges, gpaDirectType } from '../../dist/protocol/gpa-direct.js';
import { encodeCdb } from '../../dist/protocol/scsi/cdb-encode.js';
import type { ScsiCommand } from '../../dist/protocol/scsi/commands.js';
import {
  decodeSrbReply,
  decodeVstorReply,
  encodeVstorRequest,
  type SrbReply,
  type VstorRequest,
} from '../../dist/protocol/storvsc.js';
import { FakeMachine, type GuestChannel, pageBytes, type SeenOffer } from './fake-machine.js';

const machines: FakeMachine[] = [];
const hosts: QemuHost[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
  for (const machine of machines.splice(0)) machine.close();
});

async function world(device: Provider, isMapped: boolean): Promise<{ machine: FakeMachine; offer: SeenOffer }> {
  const machine = new FakeMachine();
  machines.push(machine);
  const memory = isMapped ? { memoryFile: machine.memoryFile } : {};
  hosts.push(await QemuHost.start({ devices: [device], stream: machine.stream, ...memory }));
  const [offer] = await machine.connect();
  assert.ok(offer);
  return { machine, offer };
}

async function ask(guest: GuestChannel, request: VstorRequest): Promise<Uint8Array> {
  assert.ok(guest.send(encodeVstorRequest(request), 5n, 1));
  return decodeVstorReply((await guest.receive()).payload).body;
}

async function initialise(guest: GuestChannel): Promise<void> {
  await ask(guest, { kind: 'beginInitialization' });
  await ask(guest, { kind: 'queryVersion', version: 0x0602 });
  await ask(guest, { kind: 'queryProperties' });
  await ask(guest, { kind: 'endInitialization' });
}

/** The request for a command whose data are in pages anywhere. */
function srbOf(command: ScsiCommand, transferBytes: number): VstorRequest {
  const cdb = encodeCdb(command);
  const direction = command.kind === 'write' ? 0 : 1;
  const place = { path: 0, target: 0, lun: 0, flags: 0, timeoutSeconds: 60 };
  return { kind: 'executeSrb', srb: { ...place, cdb, cdbLength: cdb.length, direction, transferBytes } };
}

async function move(
  guest: GuestChannel,
  command: ScsiCommand,
  pages: readonly number[],
  bytes: number,
): Promise<SrbReply> {
  const header = Uint8Array.from(encodeGpaRanges([{ byteCount: bytes, byteOffset: 512, pages }]));
  assert.ok(guest.send(encodeVstorRequest(srbOf(command, bytes)), 6n, 1, gpaDirectType, header));
  return decodeSrbReply(decodeVstorReply((await guest.receive()).payload).body);
}

for (const isMapped of [true, false]) {
  describe(isMapped ? 'storage in mapped memory' : 'storage over the stream', () => {
    it('moves data to and from pages that lie apart, on the primary and a subchannel', async () => {
      const { machine, offer } = await world(
        scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 24 })], subchannels: 1 }),
        isMapped,
      );
      const guest = await machine.open(offer);
      await initialise(guest);
      await ask(guest, { kind: 'createSubchannels', count: 1 });
      const second = await machine.open(await machine.expectOffer());
      const blocks = 40;
      const bytes = randomBytes(blocks * 512);
      const [from, to] = [machine.pages(6), machine.pages(6)];
      const place = { form: 10, lba: 77n, blocks, forceUnitAccess: false } as const;
      for (const [i, page] of from.entries()) {
        const start = Math.max(0, i * pageBytes - 512);
        machine.write(page * pageBytes + (i === 0 ? 512 : 0), bytes.subarray(start, (i + 1) * pageBytes - 512));
      }

      const written = await move(guest, { kind: 'write', ...place }, from, bytes.length);
      const read = await move(second, { kind: 'read', ...place }, to, bytes.length);

      assert.deepEqual([written.srbStatus, written.transferBytes], [1, bytes.length]);
      assert.deepEqual([read.srbStatus, read.transferBytes], [1, bytes.length]);
      const seen = Buffer.concat(to.map((page) => machine.read(page * pageBytes, pageBytes)));
      assert.ok(seen.subarray(512, 512 + bytes.length).equals(bytes));
      assert.ok(seen.subarray(512 + bytes.length).every((byte) => byte === 0));
    });

    it('answers every request of a guest that reads late, from a small ring', async () => {
      const { machine, offer } = await world(scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 20 })] }), isMapped);
      const guest = await machine.open(offer, 2);
      await initialise(guest);
      const payload = encodeVstorRequest(srbOf({ kind: 'testUnitReady' }, 0));
      const wanted = 300;
      let sent = 0;
      const fill = (): void => {
        while (sent < wanted && guest.send(payload, BigInt(sent + 1), 1)) sent += 1;
      };

      await machine.until(() => {
        fill();
        return machine.word(guest.header('in', 12)) !== 0;
      });
      const ids: bigint[] = [];
      while (ids.length < wanted) {
        fill();
        ids.push((await guest.receive()).id);
      }

      assert.deepEqual(
        ids,
        Array.from({ length: wanted }, (_, i) => BigInt(i + 1)),
      );
    });
  });
}

describe('an IDE disk on a machine', () => {
  it('is offered with its place', async () => {
    const { offer } = await world(ide({ sizeMegabytes: 1, channel: 1, device: 1 }), true);

    assert.equal(offer.instanceGuid, '00000001-0001-8899-0000-000000000000');
    assert.equal(
      Buffer.from(offer.bytes.subarray(56, 84)).toString('hex'),
      `01000000${'0000010100000000'}02000000${'00'.repeat(12)}`,
    );
  });
});

describe('a SCSI controller on a served folder', () => {
  it('comes to terms, and ends the channel with a hint when data are to be moved', async () => {
    let tell = (_: HostTrouble): void => undefined;
    const trouble = new Promise<HostTrouble>((resolve) => {
      tell = resolve;
    });
    const device = scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 20 })] });
    await using host = await SimulatedHost.start({
      devices: [device],
      bound: true,
      onTrouble: tell,
    });
    await using channel = await openChannel(openBus({ root: host.root }).device('scsi'));
    const request = async (one: VstorRequest): Promise<Uint8Array> =>
      decodeVstorReply((await channel.request(encodeVstorRequest(one))).payload).body;

    await request({ kind: 'beginInitialization' });
    await request({ kind: 'queryVersion', version: 0x0602 });
    await request({ kind: 'queryProperties' });
    await request({ kind: 'endInitialization' });
    assert.equal(device.state, 'ready');
    assert.equal(decodeSrbReply(await request(srbOf({ kind: 'testUnitReady' }, 0))).srbStatus, 1);
    const read = { kind: 'read', form: 10, lba: 0n, blocks: 1, forceUnitAccess: false } as const;
    const header = encodeGpaRanges([{ byteCount: 512, byteOffset: 0, pages: [1] }]);
    await channel.send(encodeVstorRequest(srbOf(read, 512)), {
      type: gpaDirectType,
      wantsCompletion: true,
      transactionId: 77n,
      header,
    });

    assert.match(String(((await trouble).error as { hint?: string }).hint), /openStorage/);
    assert.equal(device.state, 'closed');
  });
});
