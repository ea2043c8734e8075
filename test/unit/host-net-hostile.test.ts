// SPDX-License-Identifier: MIT
//
// A guest that breaks the rules of its network card: the channel ends with an error that names what it did, or the one packet
// is answered with a failure; nothing is thrown anywhere else, and other cards go on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VmbusError } from '../../dist/errors.js';
import { encodeGpaRanges } from '../../dist/protocol/gpa-direct.js';
import { encodeRndisControl, encodeRndisPacket, Oid } from '../../dist/protocol/rndis.js';
import { ScriptedNetGuest, success, testFrame, words } from './net-guest.js';
import type { GuestPacket } from './support/scripted-channel.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const message = (hex: string): Uint8Array => bytes(hex.replaceAll(' ', '').padEnd(80, '0'));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const inPages = message('6b000000 01000000 ffffffff 00000000');
const pages = (...ranges: Parameters<typeof encodeGpaRanges>[0]): Uint8Array => encodeGpaRanges(ranges);

async function failure(guest: ScriptedNetGuest, packet: GuestPacket): Promise<VmbusError> {
  guest.primary.say({ flags: 1, transactionId: 77n, ...packet });
  const error = await guest.primary.ended();
  assert.ok(VmbusError.is(error), String(error));
  return error;
}

describe('a guest with its card up ends its channel', () => {
  for (const [what, text, packet] of [
    ['by a packet of no known type', /type 8/, { type: 8, payload: success }],
    ['by a message without a type', /2 bytes, 4 needed/, { payload: bytes('0100') }],
    ['by a message of no known type', /type 999/, { payload: message('e7030000') }],
    ["by a host's message", /type 2/, { payload: message('02000000') }],
    ['by a message cut short', /8 bytes, 12 needed/, { payload: bytes('6b000000 01000000') }],
    ['by a request that is an answer', /rndisPacketComplete/, { payload: message('6c000000 01000000') }],
    ['by starting again', /another start/, { payload: message('01000000 01000600 01000600') }],
    ['by another configuration', /twice/, { payload: message('7d000000 ea050000 00000000 08000000') }],
    ['by another NDIS version', /twice/, { payload: message('64000000 06000000 1e000000') }],
    ['by another receive buffer', /second/, { payload: message('65000000 101e0e00 feca') }],
    ['by another send buffer', /second/, { payload: message('68000000 111e0e00 0000') }],
    ['by the end of a buffer of another id', /there is not/, { payload: message('67000000 beba') }],
    ['by a section behind its send buffer', /section 16/, { payload: message('6b000000 00000000 10000000 01000000') }],
    ['by a section that ends behind it', /6145/, { payload: message('6b000000 00000000 0f000000 01180000') }],
    ['by a section far away', /4294967294/, { payload: message('6b000000 00000000 feffffff 10000000') }],
    ['by too much in a section', /65537/, { payload: message('6b000000 00000000 00000000 01000100') }],
    ['by a message without bytes', /without bytes/, { payload: inPages }],
    ['by pages without a header', /broken ranges/, { type: 9, payload: inPages }],
    [
      'by pages that are missing',
      /broken ranges/,
      { type: 9, payload: inPages, header: bytes('00000000 01000000 00200000 00000000 1000000000000000') },
    ],
    [
      'by too many bytes in pages',
      /65537 bytes/,
      { type: 9, payload: inPages, header: pages({ byteCount: 65_537, byteOffset: 0, pages: new Array(17).fill(1) }) },
    ],
    [
      'by no bytes in pages',
      /without bytes/,
      { type: 9, payload: inPages, header: pages({ byteCount: 0, byteOffset: 0, pages: [] }) },
    ],
    [
      'by pages that it does not have',
      /does not have/,
      { type: 9, payload: inPages, header: pages({ byteCount: 32, byteOffset: 0, pages: [0xfffff] }) },
    ],
    ['by completing what it never got', /packet 5/, { type: 11, flags: 0, transactionId: 5n }],
    ['by completing packet 0', /packet 0/, { type: 11, flags: 0, transactionId: 0n }],
    ['by completing a packet that cannot be', /1844/, { type: 11, flags: 0, transactionId: 0xffff_ffff_ffff_ffffn }],
  ] as const) {
    it(what, async () => {
      const error = await failure(await ScriptedNetGuest.up(), packet);
      assert.match(error.message, text);
      assert.match(error.code, /^ERR_VMBUS_(PROTOCOL|CORRUPT)$/);
    });
  }

  for (const [what, text, rndis] of [
    ['of no known type', /no control message/, bytes('09000000 0c000000 00000000')],
    ['without a type', /bytes/, bytes('0200')],
    ['with a length that lies', /length 255/, bytes('02000000 ff000000 01000000')],
    [
      'with a value that lies',
      /needed/,
      bytes('05000000 20000000 03000000 0e010100 05000000 14000000 00000000 0d000000'),
    ],
    ['of a device', /queryComplete/, bytes('04000080 18000000 09000000 00000000 00000000 10000000')],
  ] as const) {
    it(`by a control message ${what}`, async () => {
      const guest = await ScriptedNetGuest.up();
      guest.sendPages([rndis], { channelType: 1 });
      assert.match(String(await guest.primary.ended()), text);
    });
  }

  it('by completing a packet twice', async () => {
    const guest = await ScriptedNetGuest.up();
    guest.holds = true;
    guest.nic.network.port().frames.write(testFrame(1));
    await guest.frame();
    const transactionId = guest.held[0]?.transactionId ?? 0n;
    guest.completeHeld();
    assert.match((await failure(guest, { type: 11, transactionId })).message, /which it does not have/);
  });

  it('by taking its buffers away without saying so', async () => {
    const guest = await ScriptedNetGuest.up();
    guest.memory.unshare(0xe1e10);
    guest.nic.network.port().frames.write(testFrame(1));
    const error = await guest.primary.ended();
    assert.equal(VmbusError.is(error) && error.code, 'ERR_VMBUS_CORRUPT');
    assert.equal(guest.nic.state, 'closed');
  });

  it('by asking on and on without taking an answer', async () => {
    const guest = await ScriptedNetGuest.up({}, { receiveBytes: 8 * 1806 });
    guest.holds = true;
    const query = encodeRndisControl({ kind: 'query', requestId: 1, oid: Oid.currentAddress, info: new Uint8Array() });
    for (let i = 0; i < 400 && guest.primary.isOpen; i += 1) {
      guest.sendPages([query], { channelType: 1 });
      await turn();
    }
    assert.match(String(guest.primary.failure), /took none of 256 answers/);
  });
});

describe('a guest that comes too early ends its channel', () => {
  for (const [what, text, packet] of [
    ['with a buffer', /before a version/, { payload: message('65000000 101e0e00 feca') }],
    ['with a wish for channels', /before a version/, { payload: message('85000000 01000000 01000000') }],
    ['with a message in no buffer', /no send buffer/, { payload: message('6b000000 01000000 00000000 18000000') }],
  ] as const) {
    it(what, async () => {
      const guest = new ScriptedNetGuest({ queues: 2 });
      guest.open();
      assert.match((await failure(guest, packet)).message, text);
    });
  }

  it('with a control message that nobody could answer', async () => {
    const guest = new ScriptedNetGuest();
    guest.open();
    guest.sendPages([bytes('08000000 0c000000 05000000')], { channelType: 1 });
    assert.match(String(await guest.primary.ended()), /too early/);
  });

  it('with what its version has not', async () => {
    for (const [version, text] of [
      [0x2, '7d000000 ea050000 00000000 08000000'],
      [0x40000, '85000000 01000000 01000000'],
    ] as const) {
      const guest = new ScriptedNetGuest({ queues: 2 });
      guest.open();
      await guest.request({ kind: 'init', minVersion: version, maxVersion: version });
      assert.match((await failure(guest, { payload: message(text) })).message, /which .*version.* has not/);
    }
  });
});

describe('what a guest may do, odd as it is', () => {
  it('gets a completion for all that has a number and no meaning', async () => {
    const guest = await ScriptedNetGuest.up();
    for (const type of [109, 124, 126, 130, 135, 136])
      assert.equal((await guest.completed(guest.tell({ kind: 'unused', type }, { wantsCompletion: true }))).length, 0);
    const other = { kind: 'switchDataPath', isVirtualFunction: true } as const;
    assert.equal((await guest.completed(guest.tell(other, { wantsCompletion: true }))).length, 0);
    const answer = await guest.request({ kind: 'oidQuery', oid: Oid.linkSpeed });
    assert.deepEqual(answer, { kind: 'oidQueryComplete', status: 0xc000_00bb, infoBytes: 0 });
  });

  it('gives its buffers back and shares others', async () => {
    const guest = await ScriptedNetGuest.up();
    guest.holds = true;
    guest.nic.network.port().frames.write(testFrame(1));
    await guest.frame();
    guest.tell({ kind: 'revokeReceiveBuffer', bufferId: 0xcafe });
    guest.tell({ kind: 'revokeSendBuffer', bufferId: 0 });
    guest.completeHeld();
    guest.holds = false;
    guest.memory.share(0x77, 20 * 1806);
    const answer = await guest.request({ kind: 'receiveBuffer', gpadl: 0x77, bufferId: 0xcafe });
    assert.equal(answer.kind === 'receiveBufferComplete' && answer.status, 1);
    assert.equal(guest.primary.failure, null);
  });

  it('sends control messages on a subchannel, and loses that one alone', async () => {
    for (const say of [
      (guest: ScriptedNetGuest) => guest.channels[1]?.say({ payload: message('64000000 06000000') }),
      (guest: ScriptedNetGuest) =>
        guest.sendPages([bytes('08000000 0c000000 05000000')], { channel: guest.channels[1] ?? guest.primary }),
    ]) {
      const guest = await ScriptedNetGuest.up({ queues: 2 });
      await guest.openSubchannels(1);
      say(guest);
      assert.match(String(await guest.channels[1]?.ended()), /on a subchannel/);
      assert.equal(guest.nic.channels, 1);
      assert.deepEqual(await guest.completed(guest.sendFrame(testFrame(1))), success);
    }
  });

  it('leaves its ring full of packets while the host has enough to do', async () => {
    const guest = await ScriptedNetGuest.up();
    const waiting: (() => void)[] = [];
    guest.memory.before = ({ kind }) =>
      kind === 'read' ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined;
    const ids = Array.from({ length: 2000 }, (_, i) => guest.sendFrame(testFrame(i)));
    assert.equal(waiting.length, 512);
    assert.equal(guest.primary.isPaused, true);
    guest.memory.before = () => undefined;
    for (const answer of waiting) answer();
    for (const id of ids) assert.deepEqual(await guest.completed(id), success);
    assert.equal(guest.nic.statistics.sent.frames, 2000);
  });
});

describe('any bytes of a guest', () => {
  const word = fc.oneof(
    fc.constantFrom(0, 1, 2, 8, 12, 20, 24, 36, 44, 60, 104, 0xcafe, 0xffff_ffff),
    fc.nat(0xffff_ffff),
  );
  const body = fc.array(word, { maxLength: 24 }).map((all) => words(...all));
  const nvspTypes = [1, 100, 101, 103, 104, 106, 107, 108, 125, 129, 131, 133, 135];
  const payload = fc
    .tuple(fc.constantFrom(...nvspTypes), body)
    .map(([type, rest]) => Uint8Array.of(...words(type), ...rest));
  const rndisTypes = [1, 2, 3, 4, 5, 6, 7, 8];
  const rndis = fc
    .tuple(fc.constantFrom(...rndisTypes), body, fc.boolean())
    .map(([type, rest, honest]) => Uint8Array.of(...words(type, honest ? 8 + rest.length : 40), ...rest));
  const record = fc.record({
    type: fc.constantFrom(6, 6, 9, 11, 7),
    flags: fc.nat(1),
    transactionId: fc.bigInt({ min: 0n, max: 20n }),
    header: body.map((all) => all.subarray(0, all.length & ~7)),
    payload,
  });
  // Completions name packets of the host, and what is completed is none of the scripted guest's own.
  const packet = record.map((all) =>
    all.type === 11 ? all : { ...all, transactionId: all.transactionId + 0x1_0000n },
  );

  it('end the channel with an error of the guest, or are answered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 1, arbitrary: packet }, { weight: 4, arbitrary: rndis }), { maxLength: 12 }),
        async (packets) => {
          const guest = await ScriptedNetGuest.up({ queues: 4 });
          guest.nic.network.port().frames.write(testFrame(1));
          for (const each of packets) {
            if (each instanceof Uint8Array) guest.sendSection(each);
            else guest.primary.say(each);
            await turn();
          }
          await turn();
          const { failure: error, isOpen } = guest.primary;
          const last = (): bigint => guest.sendPages([encodeRndisPacket(testFrame(2))]);
          if (isOpen) assert.deepEqual(await guest.completed(last()), success);
          else assert.ok(VmbusError.is(error) && /^ERR_VMBUS_(PROTOCOL|CORRUPT)$/.test(error.code), String(error));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('change nothing for another card on the same network', async () => {
    const good = await ScriptedNetGuest.up();
    const bad = await ScriptedNetGuest.up({ switch: good.nic.network, mac: '00:15:5d:01:02:09' });
    bad.sendFrame(testFrame(1));
    assert.equal((await good.frame()).frame.length, 60);
    bad.primary.say({ payload: bytes('ff') });
    await bad.primary.ended();
    const back = encodeRndisPacket(testFrame(3, { to: bytes('00155d010209'), from: bytes('00155d010203') }));
    assert.deepEqual(await good.completed(good.sendSection(back)), success);
    assert.equal(bad.nic.statistics.refused, 1);
  });
});
