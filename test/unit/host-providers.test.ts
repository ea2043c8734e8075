// SPDX-License-Identifier: MIT
//
// Providers by name, and the protocol of the echo device.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeProvider, parseNamedDevice } from '../../dist/host/providers/by-name.js';
import { decodeEchoCommand, echoClass, encodeEchoCommand } from '../../dist/protocol/echo.js';

describe('a device in one word', () => {
  it('is a name, or a name with options', () => {
    assert.deepEqual(parseNamedDevice('echo'), { name: 'echo', options: {} });
    assert.deepEqual(parseNamedDevice('echo:reply=source,sourceBytes=128'), {
      name: 'echo',
      options: { reply: 'source', sourceBytes: 128 },
    });
    assert.deepEqual(parseNamedDevice('balloon:wantsReports=false').options, { wantsReports: false });
  });

  it('is refused when an option has no value', () => {
    assert.throws(() => parseNamedDevice('echo:reply'), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('a named provider', () => {
  it('is made with its options', () => {
    const provider = makeProvider({ name: 'echo', options: { monitorId: 3, ringBytes: 69_632 } });

    assert.deepEqual([provider.classGuid, provider.monitorId, provider.ringBytes], [echoClass, 3, 69_632]);
  });

  it('stands in for any class', () => {
    const provider = makeProvider('idle:class=net,monitorId=1');

    assert.deepEqual(
      [provider.name, provider.classGuid, provider.monitorId],
      ['net', 'f8615163-df3e-46c5-913f-f2d2f965ed0e', 1],
    );
    assert.throws(() => makeProvider('idle'), { code: 'ERR_INVALID_ARG_TYPE', message: /class/ });
    assert.throws(() => makeProvider('idle:class=nets'), { code: 'ERR_INVALID_ARG_VALUE', message: /net, / });
  });

  it('can be a keyboard, a mouse or a screen', () => {
    const made = ['keyboard', 'mouse:name=pad', 'video:vramMegabytes=16'].map((device) => makeProvider(device));

    assert.deepEqual(
      made.map(({ name, offer }) => [name, offer?.mmioMegabytes]),
      [
        ['keyboard', undefined],
        ['pad', undefined],
        ['video', 16],
      ],
    );
  });

  it('is refused by an unknown name, also one that every object has', () => {
    for (const name of ['ech', 'toString', '__proto__']) {
      assert.throws(() => makeProvider(name), { code: 'ERR_INVALID_ARG_VALUE', message: /echo, balloon/ }, name);
    }
  });

  it('is refused with an unknown option or a value that makes no sense', () => {
    assert.throws(() => makeProvider('echo:replay=sink'), { code: 'ERR_INVALID_ARG_VALUE', message: /reply/ });
    assert.throws(() => makeProvider('echo:reply=louder'), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => makeProvider('echo:subchannels=65'), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => makeProvider('balloon:ramPages=-1'), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('a command to the echo device', () => {
  it('has the documented bytes', () => {
    const bytes = encodeEchoCommand({ verb: 2, argument: 1, second: 0x01020304 });

    assert.equal(
      Buffer.from(bytes).toString('hex'),
      '766d627573' + '63746c' + '02000000' + '01000000' + '04030201' + '00000000',
    );
  });

  it('is recognised by length and mark only', () => {
    const bytes = encodeEchoCommand({ verb: 3, argument: 0, second: 0 });

    assert.deepEqual(decodeEchoCommand(bytes), { verb: 3, argument: 0, second: 0 });
    assert.equal(decodeEchoCommand(bytes.subarray(0, 16)), null);
    assert.equal(decodeEchoCommand(Uint8Array.of(...bytes, 0)), null);
    assert.equal(decodeEchoCommand(bytes.fill(0x56, 0, 1)), null);
  });
});
