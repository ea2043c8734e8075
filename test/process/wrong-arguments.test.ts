// SPDX-License-Identifier: MIT
//
// Wrong arguments of the exports of `vmbus` and `vmbus/host`: each has a code of Node's own and names what is wrong.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import * as host from '../../dist/host/index.js';
import * as vmbus from '../../dist/index.js';

/** The exports as somebody calls them who has no types. */
type Loose = Readonly<Record<string, (...args: unknown[]) => unknown>>;
const surface = { ...vmbus, ...host } as unknown as Loose;
const start = (...args: unknown[]): unknown => host.SimulatedHost.start(...(args as [host.SimulatedHostOptions]));
const provider = host.echo();

/** What is called, with what, and the name that the message must say. */
const wrong: readonly (readonly [call: string, args: readonly unknown[], argument: string])[] = [
  ['doctor', [null], 'options'],
  ['doctor', ['kvp'], 'options'],
  ['doctor', [{ onyl: [] }], 'options'],
  ['doctor', [{ root: 1 }], 'options.root'],
  ['doctor', [{ only: 'kvp' }], 'only'],
  ['doctor', [{ signal: {} }], 'options.signal'],
  ['detect', [null], 'options'],
  ['detect', [{ root: 5 }], 'options.root'],
  ['detect', [{ rot: '/' }], 'options'],
  ['captureSnapshot', [undefined], 'to'],
  ['captureSnapshot', [''], 'to'],
  ['captureSnapshot', ['/nowhere/x', null], 'options'],
  ['captureSnapshot', ['/nowhere/x', { root: {} }], 'options.root'],
  ['captureSnapshot', ['/nowhere/x', { signal: 1 }], 'options.signal'],
  ['readMemoryFigures', [null], 'options'],
  ['readMemoryFigures', [{ root: 1 }], 'options.root'],
  ['readMemoryFigures', [{ borrowedPages: '1' }], 'options.borrowedPages'],
  ['readMemoryFigures', [{ borrowedPages: -1 }], 'options.borrowedPages'],
  ['guidToBytes', [undefined], 'guid'],
  ['guidToBytes', ['no guid'], 'guid'],
  ['guidFromBytes', [undefined], 'bytes'],
  ['guidFromBytes', ['0123456789abcdef'], 'bytes'],
  ['guidFromBytes', [new Uint8Array(15)], 'bytes'],
  ['openMemory', [undefined], 'device'],
  ['openMemory', [{}], 'device'],
  ['openMemory', [{ class: null }], 'device'],
  ['openMemory', [{ class: { guid: host.dynamicMemory().classGuid } }, null], 'options'],
  ['openMemory', [{ class: { guid: host.dynamicMemory().classGuid } }, { channel: 1 }], 'options.channel'],
  ['openStorage', [{ class: null }], 'device'],
  ['openStorage', [{ class: { guid: host.dynamicMemory().classGuid } }], 'device'],
  ['openNic', [{ class: null }], 'device'],
  ['openNic', [{ class: { guid: host.scsi().classGuid } }], 'device'],
  ['serveMemory', [undefined], 'channel'],
  ['serveMemory', [{}], 'channel'],
  ['serveMemory', [{ send() {}, close() {} }], 'channel'],
  ['start', [undefined], 'options'],
  ['start', [{}], 'options.devices'],
  ['start', [{ devices: 'echo' }], 'options.devices'],
  ['start', [{ devices: [provider, 'echo'] }], 'options.devices[1]'],
  ['start', [{ devices: [{ ...provider, onOpen: 1 }] }], 'options.devices[0].onOpen'],
  ['start', [{ devices: [{ ...provider, classGuid: '../../etc' }] }], 'options.devices[0].classGuid'],
  ['start', [{ devices: [{ ...provider, instanceGuid: 'x' }] }], 'options.devices[0].instanceGuid'],
  ['start', [{ devices: [{ ...provider, ringBytes: 4097 }] }], 'options.devices[0].ringBytes'],
  ['start', [{ devices: [], bund: true }], 'options'],
  ['start', [{ devices: [], bound: 'yes' }], 'options.bound'],
  ['start', [{ devices: [], cpus: 0 }], 'options.cpus'],
  ['start', [{ devices: [], root: 1 }], 'options.root'],
  ['echo', [0], 'options'],
  ['echo', [{ bogus: 1 }], 'options'],
  ['echo', [{ ringBytes: 5 }], 'options.ringBytes'],
  ['echo', [{ ringBytes: 8193 }], 'options.ringBytes'],
  ['echo', [{ monitorId: 128 }], 'options.monitorId'],
  ['echo', [{ reply: 'louder' }], 'options.reply'],
  ['echo', [{ name: 1 }], 'options.name'],
  ['echo', [{ instanceGuid: 1 }], 'options.instanceGuid'],
  ['dynamicMemory', ['x'], 'options'],
  ['dynamicMemory', [{ wantsReports: 1 }], 'options.wantsReports'],
  ['dynamicMemory', [{ ramPages: -1 }], 'options.ramPages'],
  ['idle', [undefined], 'options'],
  ['idle', [{}], 'options.class'],
  ['idle', [{ class: 'nets' }], 'options.class'],
  ['startHostProcess', [undefined], 'options'],
  ['startHostProcess', [{}], 'options.devices'],
  ['startHostProcess', [{ devices: ['echo'], bund: true }], 'options'],
  ['startHostProcess', [{ devices: ['echo'], bound: 1 }], 'options.bound'],
  ['startHostProcess', [{ devices: [1] }], 'device'],
  ['makeProvider', [undefined], 'device'],
  ['makeProvider', [{}], 'device.name'],
  ['makeProvider', [{ name: 'echo', options: 1 }], 'device.options'],
  ['parseNamedDevice', [1], 'device'],
];

describe('a wrong argument is refused with a code and its public name', () => {
  for (const [call, args, argument] of wrong) {
    it(`${call}(${args.map((one) => JSON.stringify(one)).join(', ')})`, async () => {
      const called = call === 'start' ? start : surface[call];

      await assert.rejects(
        async () => called?.(...args),
        (error: Error & { code?: string }) => {
          assert.match(String(error.code), /^ERR_(INVALID_ARG|OUT_OF_RANGE)/, error.stack);
          assert.ok(error.message.startsWith(`"${argument}" `), error.message);
          return true;
        },
      );
    });
  }
});

describe('serveMemory with what is no channel', () => {
  for (const text of ['{}', 'undefined', '{ send() {}, async close() {}, closed: Promise.resolve({ by: "user" }) }']) {
    it(`leaves nothing behind that ends the process: ${text}`, async () => {
      const main = new URL('../../dist/index.js', import.meta.url).href;
      const script = `
        import { serveMemory } from ${JSON.stringify(main)};
        await serveMemory(${text}).catch((error) => console.log('caught', error.code));
        await new Promise((resolve) => setImmediate(resolve));
        console.log('alive');`;

      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);

      assert.match(stdout, /^caught .*\nalive\n$/);
    });
  }
});
