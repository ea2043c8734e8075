// SPDX-License-Identifier: MIT
//
// Devices in one word: values without a name, flags, options that are objects; what is said of each provider; the verbs.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeProvider, parseNamedDevice, providersByName, type ScsiProvider } from '../../dist/host/index.js';
import { bytes, number, oneOf, optional, several, text, verb } from '../../dist/host/providers/named/verb.js';

const folder = mkdtempSync(join(tmpdir(), 'vmbus-named-'));
const [one, two] = [join(folder, 'one.img'), join(folder, 'two.img')] as const;
before(() => {
  for (const path of [one, two]) {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 20);
  }
});
after(() => rmSync(folder, { recursive: true }));

describe('a device in one word', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['scsi:disk.img', { file: 'disk.img' }],
    ['scsi:disk.img,readonly', { file: 'disk.img', readonly: true }],
    ['scsi:readonly,disk.img', { file: 'disk.img', readonly: true }],
    [
      'scsi:a.img,b.img,readonly,name=s',
      { name: 's', disks: ['a.img', 'b.img'].map((file) => ({ readonly: true, file })) },
    ],
    ['scsi:with,,comma.img', { file: 'with,comma.img' }],
    ['scsi:123', { file: '123' }],
    ['scsi:file=a=b.img', { file: 'a=b.img' }],
    ['ide:disk.img,device=1', { file: 'disk.img', device: 1 }],
    ['net:10.9.9.1/24,dhcp=false', { peer: '10.9.9.1/24', dhcp: false }],
    ['idle:net,monitorId=1', { class: 'net', monitorId: 1 }],
    [
      'video:800x600,1024x768',
      {
        resolutions: [
          { width: 800, height: 600 },
          { width: 1024, height: 768 },
        ],
      },
    ],
    ['kvp:values.Host=x,values.Build=5', { values: { Host: 'x', Build: '5' } }],
    ['video:wants.dirt=false', { wants: { dirt: false } }],
    ['echo:name=5', { name: '5' }],
    ['scsi:', {}],
  ];
  for (const [word, options] of cases) {
    it(`${word} has the options that are meant`, () => {
      assert.deepEqual(parseNamedDevice(word).options, options);
    });
  }

  it('is refused where it says nothing clear', () => {
    for (const [word, message] of [
      ['scsi:file', /has file without a value/],
      ['scsi:a.img,file=b.img', /file twice/],
      ['scsi:readonly,readonly=false', /readonly twice/],
      ['kvp:values=1,values.a=1', /values.a twice/],
      ['ide:a.img,b.img', /takes one FILE/],
      ['echo:sink', /each part option=value/],
      ['scsi:,', /FILE or option=value/],
      ['scsi:=x', /FILE or option=value/],
      ['video:large', /1024x768/],
      ['scs:disk.img', /did you mean scsi/],
    ] as const) {
      assert.throws(() => parseNamedDevice(word), { code: 'ERR_INVALID_ARG_VALUE', message }, word);
    }
  });
});

describe('a named disk', () => {
  it('is made of each image that is named', () => {
    const controller = makeProvider(`scsi:${one},${two},readonly`) as ScsiProvider;

    assert.deepEqual(controller.luns, [0, 1]);
  });

  it('that does not exist is refused with its name and the command that makes it', () => {
    const path = join(folder, 'none.img');

    assert.throws(() => makeProvider(`scsi:${path}`), {
      code: 'ERR_VMBUS_SYSTEM',
      path,
      errnoName: 'ENOENT',
      hint: new RegExp(`truncate -s 1G ${path}.*sizeMegabytes`),
    });
  });

  it('of another size than is said is refused', () => {
    assert.throws(() => makeProvider(`ide:${one},sizeMegabytes=5`), { code: 'ERR_VMBUS_UNSUPPORTED', path: one });
  });
});

describe('what is said of each provider', () => {
  it('is true of its options', () => {
    for (const [name, { options, flags = [], bare }] of Object.entries(providersByName)) {
      for (const option of [...flags, ...(bare ? [bare.option] : [])]) assert.ok(options.includes(option), name);
    }
  });

  it('lets a world of Linux 6.1 be played: what has monitor pages on Hyper-V takes a monitor id', () => {
    for (const device of ['net', 'scsi', 'ide', 'echo', 'heartbeat', 'idle:pci']) {
      const { name, options = {} } = parseNamedDevice(device);

      assert.equal(makeProvider({ name, options: { ...options, monitorId: 7 } }).monitorId, 7, device);
    }
  });
});

describe('a verb', () => {
  const heard: unknown[][] = [];
  const hear = (_: unknown, ...values: readonly unknown[]): number => heard.push([...values]);
  const provider = makeProvider('echo');
  const call = (args: Parameters<typeof verb>[1], words: readonly unknown[]): unknown[] => {
    verb('', args, hear).call(provider, words);
    return heard.pop() ?? [];
  };

  it('reads words of a command line, and values of scripts', () => {
    assert.deepEqual(call([text('A'), number('B'), bytes('C')], ['x', '-1.5', '2M']), ['x', -1.5, 2 ** 21]);
    assert.deepEqual(call([text('A'), number('B'), bytes('C')], ['', 3, 4096]), ['', 3, 4096]);
    assert.deepEqual(call([optional(oneOf('A', ['up', 'down']))], ['down']), ['down']);
    assert.deepEqual(call([optional(text('A'))], []), [undefined]);
    assert.deepEqual(call([several(text('A'))], ['x', 'y']), [['x', 'y']]);
    assert.equal(verb('', [text('A'), several(text('B')), optional(text('C'))], hear).usage, 'A B... [C]');
  });

  it('refuses others, and says what it takes', () => {
    for (const [args, words, message] of [
      [[text('KEY')], [], /needs KEY: a text/],
      [[text('KEY')], [{}], /takes a text as KEY/],
      [[number('X')], ['1e3'], /takes a number as X, not '1e3'/],
      [[bytes('SIZE')], ['5X'], /512M as SIZE/],
      [[oneOf('TO', ['up', 'down'])], ['sideways'], /one of up, down/],
      [[text('KEY')], ['a', 'b'], /takes KEY, and 'b' is one too many/],
      [[], ['a'], /takes no arguments/],
      [[several(text('KEY'))], [], /needs KEY/],
    ] as const) {
      assert.throws(() => call(args, words), { code: 'ERR_INVALID_ARG_VALUE', message });
    }
  });
});
