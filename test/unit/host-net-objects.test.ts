// SPDX-License-Identifier: MIT
//
// What Linux and Windows ask their network card for and tell it, and cards made by name.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeProvider, netvsp } from '../../dist/host/index.js';
import {
  decodeNdisObject,
  decodeScalingCapabilities,
  encodeConfigParameter,
  encodeNdisObject,
  Oid,
  offloadObjectType,
  RndisStatus,
} from '../../dist/protocol/rndis.js';
import { numberOf, ScriptedNetGuest, testFrame, words } from './net-guest.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (array: Uint8Array): string => Buffer.from(array).toString('hex');

describe('objects', () => {
  it('are what Linux asks for', async () => {
    const guest = await ScriptedNetGuest.up({ mtu: 4000, queues: 4, linkSpeedMbps: 25_000, name: 'lan' });
    const read = async (oid: number): Promise<string> => hex((await guest.query(oid)).info);

    assert.equal(await read(Oid.permanentAddress), '00155d010203');
    assert.equal(await read(Oid.currentAddress), '00155d010203');
    assert.equal(await read(Oid.maxFrameSize), hex(words(4000)));
    assert.equal(await read(Oid.maxTotalSize), hex(words(4014)));
    assert.equal(await read(Oid.mediaConnectStatus), hex(words(0)));
    assert.equal(await read(Oid.linkSpeed), hex(words(250_000_000)));
    assert.equal(await read(Oid.packetFilter), hex(words(0x0d)));
    assert.equal(await read(Oid.friendlyName), hex(Buffer.from('lan\0', 'utf16le')));
    const scaling = (
      await guest.query(Oid.scalingCapabilities, encodeNdisObject({ type: 0x88, revision: 2, sizeBytes: 18 }))
    ).info;
    assert.equal(scaling.length, 18);
    assert.equal(decodeScalingCapabilities(scaling).receiveQueues, 4);
    for (const [revision, sizeBytes] of [
      [1, 112],
      [2, 144],
      [3, 156],
    ] as const) {
      const header = encodeNdisObject({ type: offloadObjectType, revision, sizeBytes });
      const { status, info } = await guest.query(Oid.offloadCapabilities, header);
      assert.equal(status, RndisStatus.success);
      assert.deepEqual(decodeNdisObject(info), { type: 0xa7, revision, sizeBytes });
      assert.equal(info.length, sizeBytes);
    }
    assert.equal(await guest.set(Oid.offloadParameters, new Uint8Array(40)), RndisStatus.success);
  });

  it('are listed, and each that is listed can be asked for', async () => {
    const guest = await ScriptedNetGuest.up();
    const { info } = await guest.query(Oid.supportedList);
    const list = new Uint32Array(info.buffer.slice(info.byteOffset, info.byteOffset + info.length));
    assert.ok(list.length > 25);
    for (const oid of list) assert.equal((await guest.query(oid)).status, RndisStatus.success, oid.toString(16));
  });

  it('are refused where there is none of the number, or the value makes no sense', async () => {
    const guest = await ScriptedNetGuest.up();
    assert.deepEqual((await guest.query(0x00010299)).status, RndisStatus.notSupported);
    assert.equal(await guest.set(Oid.permanentAddress, new Uint8Array(6)), RndisStatus.notSupported);
    assert.equal(await guest.set(Oid.packetFilter, bytes('0d')), RndisStatus.bufferTooShort);
    assert.equal(await guest.set(Oid.multicastList, new Uint8Array(7)), RndisStatus.invalidData);
    assert.equal(await guest.set(Oid.scalingParameters, bytes('89022800')), RndisStatus.invalidData);
    assert.equal(await guest.set(Oid.configParameter, bytes('ffffffff')), RndisStatus.invalidData);
    assert.equal(guest.nic.state, 'up');
    assert.equal(guest.primary.failure, null);
  });

  it('change the address, as Linux does it', async () => {
    const guest = await ScriptedNetGuest.up();
    const set = (value: string): Promise<number> =>
      guest.set(Oid.configParameter, encodeConfigParameter({ name: 'NetworkAddress', value }));

    assert.equal(await set('02aabbccddee'), RndisStatus.success);
    assert.equal(await set('01aabbccddee'), RndisStatus.invalidData, 'the address of a group');
    assert.equal(hex((await guest.query(Oid.currentAddress)).info), '02aabbccddee');
    assert.equal(hex((await guest.query(Oid.permanentAddress)).info), '00155d010203');
    guest.nic.network.port().frames.write(testFrame(7, { to: bytes('02aabbccddee') }));
    assert.equal(numberOf((await guest.frame()).frame), 7);
  });

  it('cannot be asked for before the device is initialised or after it was halted', async () => {
    const guest = new ScriptedNetGuest();
    guest.open();
    await guest.negotiate();
    assert.equal((await guest.query(Oid.permanentAddress)).status, RndisStatus.failure);
    await guest.initialize();
    assert.equal((await guest.query(Oid.permanentAddress)).status, RndisStatus.success);
    await guest.completed(guest.sendPages([bytes('03000000 0c000000 63000000')], { channelType: 1 }));
    assert.equal(await guest.set(Oid.packetFilter, words(1)), RndisStatus.failure);
  });

  it('survive a keepalive and a reset, which forgets the filter', async () => {
    const guest = await ScriptedNetGuest.up();
    const alive = await guest.ask({ kind: 'keepalive', requestId: 0 });
    assert.equal(alive.kind === 'keepaliveComplete' && alive.status, 0);
    guest.sendPages([bytes('06000000 0c000000 00000000')], { channelType: 1 });
    await guest.until(() => guest.indications.length > 0);
    assert.deepEqual(guest.indications, [{ kind: 'resetComplete', status: 0, addressingReset: true }]);
    assert.equal(guest.nic.state, 'initialized');
  });
});

describe('a card by name', () => {
  it('takes its options as plain data', () => {
    const nic = makeProvider(
      'net:mac=00155daabbcc,mtu=9000,queues=4,maxVersion=6.1,peer=10.9.9.1/16,monitorId=2,name=lan',
    );
    assert.deepEqual(
      [nic.name, nic.classGuid, nic.monitorId, (nic as ReturnType<typeof netvsp>).mac],
      ['lan', 'f8615163-df3e-46c5-913f-f2d2f965ed0e', 2, '00:15:5d:aa:bb:cc'],
    );
    assert.equal((nic as ReturnType<typeof netvsp>).peer?.address, '10.9.9.1');
    assert.notEqual(netvsp().mac, netvsp().mac, 'cards have addresses of their own');
  });

  it('refuses what makes no sense', () => {
    for (const [device, message] of [
      ['net:mac=7', /mac/],
      ['net:mac=01155daabbcc', /group/],
      ['net:mtu=67', /mtu/],
      ['net:mtu=9203', /mtu/],
      ['net:queues=65', /queues/],
      ['net:maxVersion=3', /maxVersion/],
      ['net:peer=10.9.9', /address/],
      ['net:peer=10.9.9.1/x', /peer/],
      ['net:peer=10.9.9.1/31', /prefix/],
      ['net:dhcp=true', /dhcp/],
      ['net:connected=1', /connected/],
      ['net:switch=lan', /switch/],
      ['net:queueFrames=0', /queueFrames/],
    ] as const)
      assert.throws(() => makeProvider(device), { message }, device);
    assert.throws(() => netvsp({ switch: {} as never }), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});
