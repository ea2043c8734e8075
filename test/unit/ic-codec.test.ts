// SPDX-License-Identifier: MIT
//
// The frame of the integration services and the small bodies: bytes as hosts and guests exchange them, byte for byte; lies in
// headers; any bytes at all.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VmbusError } from '../../dist/errors.js';
import * as heartbeat from '../../dist/protocol/heartbeat.js';
import {
  decodeIcMessage,
  encodeIcMessage,
  encodeIcReply,
  IcStatus,
  IcType,
  icStatusName,
  icVersion,
  icVersionName,
} from '../../dist/protocol/ic.js';
import {
  chooseVersions,
  decodeNegotiation,
  decodeNegotiationReply,
  encodeNegotiation,
  encodeNegotiationReply,
  negotiationReplyBytes,
} from '../../dist/protocol/ic-negotiation.js';
import * as shutdown from '../../dist/protocol/shutdown.js';
import * as timesync from '../../dist/protocol/timesync.js';
import { decodedOrRefused, hex, ringPayload, unhex } from './ic-bytes.js';

const v = icVersion;
const plain = { noNullPrototype: true } as const;
const header = { framework: v(3, 0), transactionId: 0, flags: 3, status: 0 };

describe('a negotiation', () => {
  const asked =
    '01000000 2c000000 00000000 0000 00000000 1800 00000000 00 03 0000' +
    '0200 0200 00000000 01000000 03000000 01000000 03000000';
  const answered =
    '01000000 2c000000 00000000 0000 00000000 1000 00000000 00 05 0000' +
    '0100 0100 00000000 03000000 03000000 01000000 03000000';
  const versions = { frameworks: [v(1, 0), v(3, 0)], messages: [v(1, 0), v(3, 0)] };

  it('has the bytes of a host that offers 1.0 and 3.0 of both', () => {
    const message = { framework: 0, type: IcType.negotiate, version: 0, body: encodeNegotiation(versions) };

    assert.equal(hex(encodeIcMessage(message)), hex(unhex(asked)));
    const { body } = decodeIcMessage(ringPayload(asked));
    assert.deepEqual(decodeNegotiation(body), versions);
  });

  it('is answered with the bytes of a Linux guest', () => {
    const request = ringPayload(asked);
    const offered = decodeNegotiation(decodeIcMessage(request).body);
    const choice = chooseVersions(offered, { frameworks: [v(3, 0), v(1, 0)], messages: [v(3, 0), v(1, 0)] });
    const body = encodeNegotiationReply(decodeIcMessage(request).body, choice);

    const reply = encodeIcReply(request, { status: 0, body, bodyBytes: negotiationReplyBytes });

    assert.equal(hex(reply), hex(ringPayload(answered)));
    assert.deepEqual(decodeNegotiationReply(decodeIcMessage(reply).body), { framework: v(3, 0), message: v(3, 0) });
  });

  it('chooses the newest of its own versions that the host knows, and none where one list has no match', () => {
    const own = { frameworks: [v(3, 0), v(1, 0)], messages: [v(4, 0), v(3, 0), v(1, 0)] };

    assert.deepEqual(chooseVersions(versions, own), { framework: v(3, 0), message: v(3, 0) });
    assert.equal(chooseVersions(versions, { ...own, messages: [v(5, 0)] }), null);
    assert.equal(chooseVersions({ frameworks: [], messages: [] }, own), null);
  });

  it('can be answered with nothing, also where nothing was offered', () => {
    const request = encodeNegotiation({ frameworks: [], messages: [] });

    assert.equal(decodeNegotiationReply(encodeNegotiationReply(request, null)), null);
    assert.throws(() => encodeNegotiationReply(request, { framework: 1, message: 1 }), { code: 'ERR_OUT_OF_RANGE' });
  });

  for (const [what, body] of [
    ['less than its counts', '0100'],
    ['more than 100 versions', `65000100 00000000 ${'01000000'.repeat(102)}`],
    ['a table past the end', '0200 0200 00000000 01000000 03000000 01000000'],
  ] as const) {
    it(`is not decoded from ${what}`, () => {
      assert.throws(() => decodeNegotiation(unhex(body)), { code: 'ERR_VMBUS_PROTOCOL' });
    });
  }

  it('is refused as an answer with two versions, or with a table past the end', () => {
    assert.throws(() => decodeNegotiationReply(encodeNegotiation(versions)), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => decodeNegotiationReply(unhex('0100 0100 00000000 03000000')), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('comes back as it was, whatever the versions', () => {
    const list = fc.array(fc.nat(0xffff_ffff), { maxLength: 100 });
    fc.assert(
      fc.property(list, list, (frameworks, messages) => {
        assert.deepEqual(decodeNegotiation(encodeNegotiation({ frameworks, messages })), { frameworks, messages });
      }),
    );
  });
});

describe('a heartbeat', () => {
  const asked = '01000000 24000000 03000000 0100 03000000 1000 00000000 00 03 0000 0700000000000000 00000000 00000000';
  const answered =
    '01000000 24000000 03000000 0100 03000000 1000 00000000 00 05 0000 0800000000000000 01000000 00000000';

  it('has the bytes of a host', () => {
    const body = heartbeat.encodeHeartbeat({ sequence: 7n, applicationState: 0 });

    const payload = encodeIcMessage({ framework: v(3, 0), type: IcType.heartbeat, version: v(3, 0), body });

    assert.equal(hex(payload), hex(unhex(asked)));
    assert.deepEqual(decodeIcMessage(ringPayload(asked)), { ...header, type: 1, version: v(3, 0), body });
  });

  it('is answered with the next number', () => {
    const request = ringPayload(asked);
    const body = heartbeat.encodeHeartbeatReply(
      decodeIcMessage(request).body,
      heartbeat.heartbeatStateNumber('healthy'),
    );

    const reply = encodeIcReply(request, { status: 0, body });

    assert.equal(hex(reply), hex(ringPayload(answered)));
    const { sequence, applicationState } = heartbeat.decodeHeartbeat(decodeIcMessage(reply).body);
    assert.deepEqual([sequence, heartbeat.heartbeatHealth(applicationState)], [8n, 'healthy']);
  });

  it('wraps, has a state only where there is room, and a name for every number', () => {
    const last = heartbeat.encodeHeartbeat({ sequence: 2n ** 64n - 1n, applicationState: 2 });

    assert.equal(heartbeat.decodeHeartbeat(heartbeat.encodeHeartbeatReply(last, 3)).sequence, 0n);
    assert.deepEqual(heartbeat.decodeHeartbeat(last.subarray(0, 8)).applicationState, 0);
    assert.equal(heartbeat.encodeHeartbeatReply(last.subarray(0, 8), 1).length, 8);
    assert.equal(heartbeat.heartbeatHealth(4), 'unknown');
    assert.throws(() => heartbeat.decodeHeartbeat(last.subarray(0, 7)), { code: 'ERR_VMBUS_PROTOCOL' });
  });
});

describe('a shutdown request', () => {
  const golden = `01000000 20080000 03000000 0300 03000200 0c08 00000000 00 03 0000 00000080 00000000 00000000 ${'00'.repeat(2048)}`;
  const request = { reason: shutdown.plannedReason, timeoutSeconds: 0, flags: 0, text: '' };

  it('has the bytes of a host, and comes back with the flags of an answer', () => {
    const body = shutdown.encodeShutdown(request);
    const payload = encodeIcMessage({ framework: v(3, 0), type: IcType.shutdown, version: v(3, 2), body });

    assert.equal(hex(payload), hex(unhex(golden)));
    assert.deepEqual(shutdown.decodeShutdown(decodeIcMessage(ringPayload(golden)).body), request);
    const reply = encodeIcReply(payload, { status: IcStatus.done });
    assert.equal(hex(reply), hex(unhex(golden.replace('00 03 0000', '00 05 0000'))));
  });

  it('is refused when it is a byte too short, or its text a unit too long', () => {
    assert.throws(() => shutdown.decodeShutdown(new Uint8Array(2059)), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => shutdown.encodeShutdown({ ...request, text: 'x'.repeat(1024) }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => shutdown.encodeShutdown({ ...request, text: 'a\0b' }), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('comes back as it was, whatever it says', () => {
    const u32 = fc.nat(0xffff_ffff);
    const text = fc.string({ unit: 'binary', maxLength: 60 }).map((all) => all.replaceAll('\0', ''));
    fc.assert(
      fc.property(fc.record({ reason: u32, timeoutSeconds: u32, flags: u32, text }, plain), (any) => {
        assert.deepEqual(shutdown.decodeShutdown(shutdown.encodeShutdown(any)), any);
      }),
    );
  });
});

describe('a time message', () => {
  const hostTime = timesync.hostTimeOfUnix(1_700_000_000n * 10_000_000n);

  it('has, for 4.0, the bytes of a host that names its reference counter', () => {
    const message = { hostTime, referenceTime: 0x1122n, flags: timesync.TimesyncFlag.sync, leap: 0, stratum: 0 };
    const body = timesync.encodeTimesync(message, v(4, 0));
    const payload = encodeIcMessage({ framework: v(3, 0), type: IcType.timesync, version: v(4, 0), body });

    const golden =
      '01000000 2c000000 03000000 0400 04000000 1800 00000000 00 03 0000' +
      '00006dc64717da01 2211000000000000 01 00 00 0000000000';
    assert.equal(hex(payload), hex(unhex(golden)));
    assert.deepEqual(timesync.decodeTimesync(decodeIcMessage(payload).body, v(4, 0)), message);
  });

  it('has no reference counter before 4.0', () => {
    const message = { hostTime, referenceTime: null, flags: timesync.TimesyncFlag.sample, leap: 0, stratum: 0 };
    const body = timesync.encodeTimesync(message, v(3, 0));

    assert.equal(hex(body), hex(unhex(`00006dc64717da01 ${'00'.repeat(16)} 02`)));
    assert.deepEqual(timesync.decodeTimesync(body, v(3, 0)), message);
    assert.equal(timesync.unixOfHostTime(hostTime), 17_000_000_000_000_000n);
    assert.equal(timesync.hostTimeOfUnix(0n), 0x019d_b1de_d53e_8000n);
  });

  it('is refused when it is shorter than its version needs', () => {
    assert.throws(() => timesync.decodeTimesync(new Uint8Array(21), v(4, 0)), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => timesync.decodeTimesync(new Uint8Array(24), v(3, 0)), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.equal(timesync.decodeTimesync(new Uint8Array(22), v(4, 0)).hostTime, 0n);
  });
});

describe('the header of an integration service', () => {
  const good = '01000000 24000000 03000000 0100 03000000 1000 00000000 00 03 0000 0700000000000000 00000000 00000000';

  for (const [what, payload] of [
    ['nothing', ''],
    ['a packet of 27 bytes', good.replaceAll(' ', '').slice(0, 54)],
    ['a pipe packet that is no data', good.replace('01000000', '02000000')],
    ['a pipe size past the end', good.replace('24000000', '25000000')],
    ['a pipe size of 2^32 - 1', good.replace('24000000', 'ffffffff')],
    ['a pipe size less than a header', good.replace('24000000', '13000000')],
    ['a body past the pipe size', good.replace(' 1000 ', ' 1100 ')],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(
        () => decodeIcMessage(unhex(payload)),
        (error) => VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL' && error.facts.service === 'ic',
      );
    });
  }

  it('is answered in place, and never with more than it had', () => {
    const request = ringPayload(`${good.replace('24000000', '26000000')} 0000`);

    const reply = encodeIcReply(request, { status: 0x8000_4005 });

    assert.equal(reply.length, request.length);
    assert.deepEqual([...decodeIcMessage(reply).body], [...decodeIcMessage(request).body]);
    assert.deepEqual([decodeIcMessage(reply).status, decodeIcMessage(reply).flags], [0x8000_4005, 5]);
    assert.throws(() => encodeIcReply(request, { status: 0, body: new Uint8Array(17) }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => encodeIcReply(request, { status: 0, bodyBytes: 17 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => encodeIcReply(request, { status: -1 }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('comes back as it was', () => {
    const u32 = fc.nat(0xffff_ffff);
    const message = fc.record(
      {
        framework: u32,
        type: fc.nat(0xffff),
        version: u32,
        status: u32,
        transactionId: fc.nat(0xff),
        flags: fc.nat(0xff),
        body: fc.uint8Array({ maxLength: 300 }),
      },
      plain,
    );
    fc.assert(fc.property(message, (any) => assert.deepEqual(decodeIcMessage(encodeIcMessage(any)), any)));
  });

  it('is decoded from any bytes, or refused with ERR_VMBUS_PROTOCOL, nothing else', () => {
    const sized = fc.tuple(fc.uint8Array({ maxLength: 120 }), fc.nat(130), fc.nat(130)).map(([bytes, pipe, body]) => {
      bytes.set([1, 0, 0, 0, pipe, 0, 0, 0].slice(0, bytes.length));
      if (bytes.length > 19) bytes.set([body, 0], 18);
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(sized, fc.uint8Array({ maxLength: 120 })), (bytes) => {
        const message = decodedOrRefused('ic', () => decodeIcMessage(bytes));
        if (message) assert.ok(message.body.byteOffset + message.body.length <= bytes.byteOffset + bytes.length);
      }),
    );
  });

  it('has bodies that are decoded from any bytes, or refused with ERR_VMBUS_PROTOCOL, nothing else', () => {
    const body = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ minLength: 2050, maxLength: 2070 }));
    fc.assert(
      fc.property(body, (bytes) => {
        decodedOrRefused('ic', () => decodeNegotiation(bytes));
        decodedOrRefused('ic', () => decodeNegotiationReply(bytes));
        decodedOrRefused('heartbeat', () => heartbeat.encodeHeartbeatReply(bytes, 1));
        decodedOrRefused('shutdown', () => shutdown.decodeShutdown(bytes));
        for (const version of [v(3, 0), v(4, 0)])
          decodedOrRefused('timesync', () => timesync.decodeTimesync(bytes, version));
      }),
    );
  });

  it('has versions and statuses that people can read', () => {
    assert.equal(icVersionName(v(3, 2)), '3.2');
    assert.throws(() => v(0x1_0000, 0), { code: 'ERR_OUT_OF_RANGE' });
    assert.deepEqual([0, 0x8007_0103, 0x8000_4004].map(icStatusName), ['done', 'noMoreItems', '0x80004004']);
  });
});
