// SPDX-License-Identifier: MIT
//
// The control path byte by byte as a guest of protocol 5.3 sees it, and everything that a guest should not say.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { parseGuid } from '../../dist/guid.js';
import { ControlPath } from '../../dist/host/control/control-path.js';
import type { ControlEvents, OfferedChannel, OfferRequest, Synic } from '../../dist/host/control/types.js';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/[\s|]/g, ''), 'hex');
const zeros = (bytes: number): string => '00'.repeat(bytes);

/** A SynIC that writes down, and events that are written down. */
class Recorder implements Synic, ControlEvents {
  readonly processors = 2;
  readonly posted: string[] = [];
  readonly log: string[] = [];
  readonly path: ControlPath;
  readonly offers: OfferRequest[] = [];
  readonly channels: OfferedChannel[] = [];
  openStatus = 0;

  constructor(isMemory: (page: number) => boolean = () => true, newest?: number) {
    this.path = new ControlPath(this, this, isMemory, newest);
  }

  post(processor: number, sint: number, message: Uint8Array): void {
    this.posted.push(`${processor}/${sint} ${Buffer.from(message).toString('hex')}`);
  }
  interrupt(processor: number, sint: number, relid: number): void {
    this.log.push(`interrupt ${processor}/${sint} ${relid}`);
  }
  listen(connection: number): void {
    this.log.push(`listen ${connection.toString(16)}`);
  }
  unlisten(connection: number): void {
    this.log.push(`unlisten ${connection.toString(16)}`);
  }
  connected(): void {
    this.log.push('connected');
  }
  lost(): void {
    this.log.push('lost');
  }
  offersRequested(): void {
    for (const offer of this.offers) this.channels.push(this.path.offer(offer) as OfferedChannel);
  }
  async open(channel: OfferedChannel): Promise<number> {
    this.log.push(`open ${channel.relid}`);
    return this.openStatus;
  }
  closed(channel: OfferedChannel): void {
    this.log.push(`closed ${channel.relid}`);
  }
  released(channel: OfferedChannel): void {
    this.log.push(`released ${channel.relid}`);
  }
  socketConnect(): boolean {
    this.log.push('socket');
    return false;
  }
  nonsense(what: string): void {
    this.log.push(`nonsense: ${what}`);
  }

  say(text: string): void {
    this.path.onMessage(hex(text));
  }

  /** What was posted since the last call. */
  take(): string[] {
    return this.posted.splice(0);
  }
  takeLog(): string[] {
    return this.log.splice(0);
  }
}

const heartbeat: OfferRequest = {
  classGuid: parseGuid('57164f39-9115-4e78-ab55-382f3bd5422d'),
  instanceGuid: parseGuid('fd149e91-82e0-4a7d-afa6-2a4166cbd7c0'),
  flags: 0,
  mmioMegabytes: 0,
  userData: new Uint8Array(0),
  subchannelIndex: 0,
  monitorId: null,
};

const contact = `0e000000 00000000 | 03000500 | 00000000 | 02 00 0000 00000000 | 0010000000000000 | 0020000000000000`;
const gpadlHeader = `08000000 00000000 | 01000000 | 101e0e00 | 2800 0100 | 00400000 00000000 |
  1000000000000000 1100000000000000 2000000000000000 2100000000000000`;
const open = `05000000 00000000 | 01000000 | 01000000 | 101e0e00 | 01000000 | 02000000 | ${zeros(120)}`;

/** A guest that has asked for its offers: one heartbeat device with relid 1. */
function connected(): Recorder {
  const recorder = new Recorder();
  recorder.offers.push(heartbeat);
  recorder.say(contact);
  recorder.say('03000000 00000000');
  recorder.take();
  recorder.takeLog();
  return recorder;
}

async function opened(): Promise<Recorder> {
  const recorder = connected();
  recorder.say(gpadlHeader);
  recorder.say(open);
  await settled();
  recorder.take();
  recorder.takeLog();
  return recorder;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a guest of protocol 5.3', () => {
  it('is answered byte for byte from contact to unload', async () => {
    const recorder = new Recorder();
    recorder.offers.push(heartbeat);

    recorder.say(contact);
    assert.deepEqual(recorder.take(), ['0/2 0f000000000000000100000004000000']);

    recorder.say('03000000 00000000');
    const offer =
      `0100000000000000 394f16571591784eab55382f3bd5422d 919e14fde0827d4aafa62a4166cbd7c0 ${zeros(16)}` +
      `0000 0000 ${zeros(120)} 0000 0000 01000000 ff 00 0100 01200000`;
    assert.deepEqual(recorder.take(), [`0/2 ${offer.replaceAll(' ', '')}`, '0/2 0400000000000000']);

    recorder.say(gpadlHeader);
    assert.deepEqual(recorder.take(), ['0/2 0a0000000000000001000000101e0e0000000000']);

    recorder.say(open);
    await settled();
    assert.deepEqual(recorder.take(), ['0/2 0600000000000000010000000100000000000000']);
    assert.deepEqual(recorder.takeLog(), ['connected', 'listen 2001', 'open 1', 'interrupt 1/2 1']);
    assert.deepEqual(recorder.path.gpadl(0xe1e10, (relid) => relid === 1)?.pages, [0x10, 0x11, 0x20, 0x21]);
    assert.equal(
      recorder.path.gpadl(0xe1e10, (relid) => relid === 2),
      null,
    );

    recorder.say('16000000 00000000 | 01000000 | 00000000');
    assert.deepEqual(recorder.take(), ['0/2 18000000000000000100000000000000']);
    assert.deepEqual(recorder.takeLog(), ['interrupt 0/2 1']);

    recorder.say('07000000 00000000 | 01000000');
    recorder.say('0b000000 00000000 | 01000000 | 101e0e00');
    assert.deepEqual(recorder.take(), ['0/2 0c00000000000000101e0e00']);
    assert.deepEqual(recorder.takeLog(), ['unlisten 2001', 'closed 1']);

    recorder.say('10000000 00000000');
    assert.deepEqual(recorder.take(), ['0/2 1100000000000000']);
    assert.deepEqual(recorder.takeLog(), ['released 1', 'lost']);
  });

  it('may share more pages than one message holds', () => {
    const recorder = connected();
    const page = (number: number): string => `${number.toString(16).padStart(2, '0')}00000000000000`;
    const pages = Array.from({ length: 60 }, (_, i) => page(i));
    recorder.say(`08000000 00000000 01000000 101e0e00 e801 0100 00c00300 00000000 ${pages.slice(0, 26).join('')}`);
    recorder.say(`09000000 00000000 00000000 101e0e00 ${pages.slice(26, 54).join('')}`);
    assert.deepEqual(recorder.take(), []);
    // The last one is padded by whoever carries it.
    recorder.say(`09000000 00000000 00000000 101e0e00 ${pages.slice(54).join('')} ffffffffffffffff`);
    assert.equal(recorder.take().length, 1);
    assert.deepEqual(
      recorder.path.gpadl(0xe1e10, () => true)?.pages,
      Array.from({ length: 60 }, (_, i) => i),
    );
  });

  it('may start an older protocol, which is not told where to post and gets no answer to a moved channel', async () => {
    const recorder = new Recorder();
    recorder.offers.push(heartbeat);
    recorder.say(`0e000000 00000000 | 00000400 | 01000000 | ${zeros(8)} | ${zeros(16)}`);
    assert.deepEqual(recorder.take(), ['1/2 0f000000000000000100000000000400']);
    recorder.say('03000000 00000000');
    recorder.say(gpadlHeader);
    recorder.say(open);
    await settled();
    recorder.take();
    recorder.say('16000000 00000000 | 01000000 | 00000000');
    assert.deepEqual(recorder.take(), []);
  });

  it('is refused a version that nobody knows, and may try the next', () => {
    const recorder = new Recorder(undefined, 0x40000);
    recorder.say(contact);
    assert.deepEqual(recorder.take(), ['0/2 0f000000000000000000000000000000']);
    assert.deepEqual(recorder.takeLog(), []);
  });
});

describe('a channel that is withdrawn', () => {
  it('is closed at once, forgives what was under way, and frees its relid when released', async () => {
    const recorder = await opened();
    const [channel] = recorder.channels;
    assert.ok(channel);

    recorder.path.rescind(channel);
    assert.deepEqual(recorder.take(), ['0/2 020000000000000001000000']);
    assert.deepEqual(recorder.takeLog(), ['unlisten 2001', 'closed 1']);
    recorder.say('07000000 00000000 | 01000000');
    recorder.say(open);
    recorder.say(gpadlHeader.replace('101e0e00', '111e0e00'));
    await settled();
    // A request for memory that crossed the rescind is answered, or the guest would wait for ever.
    assert.deepEqual(recorder.take(), ['0/2 0a0000000000000001000000111e0e0000000000']);
    assert.deepEqual(recorder.takeLog(), []);

    recorder.say('0d000000 00000000 | 01000000');
    assert.deepEqual(recorder.takeLog(), ['released 1']);
    assert.equal(
      recorder.path.gpadl(0xe1e10, () => true),
      null,
    );
  });

  it('stays open for what is in flight where it shall, until the guest closes it', async () => {
    const recorder = await opened();
    const [channel] = recorder.channels;
    assert.ok(channel);

    recorder.path.rescind(channel, { staysOpen: true });
    assert.deepEqual(recorder.take(), ['0/2 020000000000000001000000']);
    assert.deepEqual(recorder.takeLog(), []);
    assert.equal(recorder.path.channelOf(channel.offer.connectionId), channel);
    recorder.say('07000000 00000000 | 01000000');
    assert.deepEqual(recorder.takeLog(), ['unlisten 2001', 'closed 1']);
    recorder.say('0d000000 00000000 | 01000000');
    assert.deepEqual(recorder.takeLog(), ['released 1']);
  });

  it('has another relid when it comes again, so that late words about the old one find nothing', () => {
    const recorder = connected();
    const [channel] = recorder.channels;
    assert.ok(channel);
    recorder.path.rescind(channel);
    recorder.say('0d000000 00000000 | 01000000');

    assert.equal(recorder.path.offer(heartbeat)?.relid, 2);
  });
});

describe('a guest that sends nonsense', () => {
  const cases: readonly [string, string, RegExp, readonly string[]][] = [
    ['an open of an open channel', open, /which is open/, ['06000000000000000100000001000000010000c0']],
    [
      'an open of a channel that was never offered',
      open.replace('01000000', '09000000'),
      /never offered/,
      ['06000000000000000900000001000000010000c0'],
    ],
    ['a close of a channel that was never offered', '07000000 00000000 09000000', /not open/, []],
    ['a second request for offers', '03000000 00000000', /twice/, []],
    [
      'a GPADL for nobody',
      gpadlHeader.replace('01000000', '09000000'),
      /never offered/,
      ['0a0000000000000009000000101e0e00ffff0080'],
    ],
    ['a GPADL again', gpadlHeader, /in use/, ['0a0000000000000001000000101e0e00ffff0080']],
    [
      'a GPADL without pages',
      '08000000 00000000 01000000 ff1e0e00 0800 0100 00000000 00000000',
      /without pages/,
      ['0a0000000000000001000000ff1e0e00ffff0080'],
    ],
    [
      'a GPADL whose count contradicts its pages',
      '08000000 00000000 01000000 ff1e0e00 1000 0100 00300000 00000000 1000000000000000',
      /contradict/,
      ['0a0000000000000001000000ff1e0e00ffff0080'],
    ],
    [
      'a teardown of memory that is not the channel’s',
      '0b000000 00000000 01000000 ff1e0e00',
      /does not have/,
      ['0c00000000000000ff1e0e00'],
    ],
    [
      'a processor that does not exist',
      '16000000 00000000 01000000 40000000',
      /processor 64/,
      ['180000000000000001000000010000c0'],
    ],
    ['a release of a channel that was never offered', '0d000000 00000000 09000000', /never offered/, []],
    ['a message of no type', '63000000 00000000', /which no guest sends/, []],
    ['a message of the host', '01000000 00000000', /which no guest sends/, []],
    ['a message that is too short', '05000000 00000000 01000000', /12 bytes, 148 needed/, []],
    ['less than a header', '0500', /2 bytes/, []],
  ];
  for (const [name, bytes, says, answers] of cases) {
    it(`is told what it can be told: ${name}`, async () => {
      const recorder = await opened();
      recorder.say(bytes);
      await settled();

      assert.deepEqual(
        recorder.take(),
        answers.map((answer) => `0/2 ${answer}`),
      );
      const log = recorder.takeLog();
      assert.equal(log.length, 1);
      assert.match(log[0] ?? '', says);
      assert.equal(recorder.channels[0]?.isOpen, true);
    });
  }

  it('loses a channel whose rings it tears down while they are open', async () => {
    const recorder = await opened();
    recorder.say('0b000000 00000000 | 01000000 | 101e0e00');
    assert.deepEqual(recorder.take(), ['0/2 0c00000000000000101e0e00']);
    assert.deepEqual(recorder.takeLog().slice(1), ['unlisten 2001', 'closed 1']);
  });

  it('is not listened to before a contact, nor by one monitor page alone', () => {
    const recorder = new Recorder();
    recorder.say('03000000 00000000');
    recorder.say(contact.replace('0020000000000000', zeros(8)));
    assert.deepEqual(recorder.take(), ['0/2 0f000000000000000000000000000000']);
    assert.deepEqual(recorder.takeLog(), [
      'nonsense: message 3 before any contact',
      'nonsense: contact with one monitor page instead of two',
    ]);
  });

  it('cannot make the host fail, whatever it says', () => {
    const type = fc.constantFrom(3, 5, 7, 8, 9, 11, 13, 16, 21, 22);
    const small = fc.oneof(
      fc.integer({ min: 0, max: 4 }),
      fc.constant(0xe1e10),
      fc.integer({ min: 0, max: 0xffff_ffff }),
    );
    const said = fc.tuple(type, fc.array(small, { maxLength: 58 }));
    fc.assert(
      fc.property(fc.array(said, { maxLength: 30 }), (messages) => {
        const recorder = connected();
        for (const [number, words] of messages) {
          const bytes = Buffer.alloc(8 + 4 * words.length);
          bytes.writeUInt32LE(number, 0);
          for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 8 + 4 * i);
          recorder.path.onMessage(bytes);
        }
        // Whatever happened, a new contact begins anew.
        recorder.take();
        recorder.say(contact);
        assert.ok(recorder.take().some((post) => post.endsWith('0f000000000000000100000004000000')));
      }),
    );
  });
});
