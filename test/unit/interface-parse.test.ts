// SPDX-License-Identifier: MIT
// Proves that what `ip` says is read as it is meant, from what iproute2 6.1 really printed, and that nothing hostile in a
// record becomes a word of a command.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isRecord } from '../../dist/bus/binding/record-format.js';
import { freshInterface, missingCommands } from '../../dist/bus/interface/commands.js';
import { parseLink } from '../../dist/bus/interface/parse-link.js';
import { parseRoutes } from '../../dist/bus/interface/parse-routes.js';
import { isInterfaceState } from '../../dist/bus/interface/state-format.js';

/** `ip -N -json address show dev v0`, iproute2 6.1 on Linux 6.18. */
const printed =
  '[{"ifindex":3,"link":"v1","ifname":"v0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1400,"qdisc":"noqueue",' +
  '"operstate":"UP","group":"0","txqlen":1000,"link_type":"[1]","address":"12:5d:d3:fb:0e:1c","broadcast":"ff:ff:ff:ff:ff:ff",' +
  '"altnames":["long-name-of-it"],"addr_info":[{"family":"inet","local":"10.1.0.1","prefixlen":24,"broadcast":"10.1.0.255",' +
  '"scope":"0","label":"v0:x","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet",' +
  '"local":"10.2.0.1","address":"10.2.0.2","prefixlen":32,"scope":"0","label":"v0","valid_life_time":4294967295,' +
  '"preferred_life_time":4294967295},{"family":"inet","local":"10.3.0.1","prefixlen":16,"metric":77,"scope":"0",' +
  '"dynamic":true,"label":"v0","valid_life_time":998,"preferred_life_time":898},{"family":"inet6","local":"2001:db8::1",' +
  '"prefixlen":64,"scope":"0","nodad":true,"noprefixroute":true,"valid_life_time":4294967295,' +
  '"preferred_life_time":4294967295},{"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"253",' +
  '"valid_life_time":4294967295},{"family":"inet6","local":"fe80::105d:d3ff:fefb:e1c","prefixlen":64,"scope":"253",' +
  '"valid_life_time":4294967295,"preferred_life_time":4294967295}]}]';

/** `ip -N -json -4 route show table all`, the same. */
const printedRoutes =
  '[{"dst":"10.99.0.0/16","gateway":"10.77.0.1","dev":"v0","table":"77","protocol":"200","flags":["onlink"]},' +
  '{"dst":"default","gateway":"10.1.0.9","dev":"v0","prefsrc":"10.1.0.1","metric":5,"flags":[],"metrics":[{"mtu":1300}]},' +
  '{"dst":"10.1.0.0/24","dev":"v0","protocol":"2","scope":"253","prefsrc":"10.1.0.1","flags":[]},' +
  '{"type":"7","dst":"10.93.0.0/16","flags":[]},{"dst":"10.96.0.0/16","nhid":9,"gateway":"10.1.0.5","dev":"v0","flags":[]},' +
  '{"dst":"10.97.0.0/16","via":{"family":"inet6","host":"fe80::77"},"dev":"v0","flags":[]},' +
  '{"type":"2","dst":"10.95.0.0/16","dev":"v0","table":"255","scope":"254","flags":[]},' +
  '{"dst":"10.44.0.0/16","dev":"v1","flags":[]}]';

describe('what ip prints', () => {
  test("is read: static, leased and the kernel's own addresses are told apart", () => {
    assert.deepEqual(parseLink(printed, 'v0'), {
      name: 'v0',
      index: 3,
      altNames: ['long-name-of-it'],
      isUp: true,
      mtu: 1400,
      master: null,
      addresses: [
        { family: 4, address: '10.1.0.1', prefixLength: 24, broadcast: '10.1.0.255', label: 'v0:x' },
        { family: 4, address: '10.2.0.1', prefixLength: 32, peer: '10.2.0.2' },
        { family: 6, address: '2001:db8::1', prefixLength: 64, flags: ['noprefixroute', 'nodad'] },
        { family: 6, address: 'fe80::1', prefixLength: 64 },
      ],
      leased: ['10.3.0.1/16'],
      kernels: ['fe80::105d:d3ff:fefb:e1c/64'],
      unknown: [],
    });
  });

  test('is read: routes that somebody set, of this interface only, with all that makes them', () => {
    const { kept, others, unknown } = parseRoutes(printedRoutes, 4, 'v0', false);
    const common = { family: 4, protocol: 3 };
    assert.deepEqual(kept, [
      { ...common, destination: '10.99.0.0/16', table: 77, protocol: 200, gateway: '10.77.0.1', onlink: true },
      {
        ...common,
        destination: 'default',
        table: 254,
        metric: 5,
        gateway: '10.1.0.9',
        source: '10.1.0.1',
        options: { mtu: 1300 },
      },
      { ...common, destination: '10.97.0.0/16', table: 254, gateway: 'fe80::77' },
      { ...common, type: 'local', destination: '10.95.0.0/16', table: 255, scope: 254 },
    ]);
    assert.deepEqual(
      others.map(({ destination }) => destination),
      ['10.1.0.0/24'],
    );
    assert.deepEqual(unknown, ['the route to 10.96.0.0/16 by a next hop object']);
  });

  test('may be nothing, empty objects, or no JSON at all', () => {
    for (const text of ['', '[]', '[{},{}]', '{', 'Object "address" is unknown', '[null,3]'])
      assert.deepEqual([parseLink(text, 'v0'), parseRoutes(text, 6, 'v0', true).kept], [null, []]);
  });
});

const sound = {
  name: 'lan0',
  altNames: ['storage'],
  isUp: true,
  mtu: 9000,
  master: 'br0',
  addresses: [{ family: 4, address: '10.1.0.7', prefixLength: 24, label: 'lan0:1', metric: 3, scope: 253 }],
  routes: [{ family: 6, destination: 'default', table: 254, protocol: 4, gateway: 'fe80::1', options: { mtu: 1400 } }],
  leased: ['10.2.0.9/24'],
};

describe('a record of an interface', () => {
  const record = {
    schema: 1,
    device: '52510a2d-0000-4000-8000-000000000002',
    class: 'f8615163-df3e-46c5-913f-f2d2f965ed0e',
    driver: 'uio_hv_generic',
    previousDriver: 'hv_netvsc',
    previousOverride: null,
    wroteOverride: true,
    addedId: false,
    pid: 1,
    pidStart: 1,
    bootId: 'x',
    since: new Date(0).toISOString(),
    persist: true,
    rollbackAt: null,
    children: [],
  };
  const [address] = sound.addresses;
  const [route] = sound.routes;

  test('is believed when it is sound, and when there is none', () => {
    assert.deepEqual([isRecord(record), isRecord({ ...record, interface: sound })], [true, true]);
  });

  for (const [what, change] of [
    ['a name that is an option', { name: '-all' }],
    ['a name with a space', { name: 'eth0 up' }],
    ['a name that leaves its folder', { name: '../eth0' }],
    ['a name too long', { name: 'a234567890123456' }],
    ['an escape sequence as a second name', { altNames: ['\u001b[2J'] }],
    ['a master that is an option', { master: '-x' }],
    ['an MTU that is a word', { mtu: '9000' }],
    ['an MTU of nothing', { mtu: 0 }],
    ['an address that is a word', { addresses: [{ ...address, address: 'any' }] }],
    ['an address with a zone', { addresses: [{ family: 6, address: 'fe80::1%-x', prefixLength: 64 }] }],
    ['a prefix too long', { addresses: [{ ...address, prefixLength: 33 }] }],
    ['a flag that is no flag', { addresses: [{ ...address, flags: ['dev'] }] }],
    ['a label that is an option', { addresses: [{ ...address, label: '-4' }] }],
    ['a destination that is a word', { routes: [{ ...route, destination: 'exact' }] }],
    ['a destination of many parts', { routes: [{ ...route, destination: '::/0/0' }] }],
    ['a table that is a word', { routes: [{ ...route, table: 'main' }] }],
    ['a gateway that is a word', { routes: [{ ...route, gateway: 'dev' }] }],
    ['an unknown option', { routes: [{ ...route, options: { via: 1 } }] }],
    ['an option that is a word', { routes: [{ ...route, options: { mtu: 'lock' } }] }],
    ['a lease that is a word', { leased: ['$(reboot)'] }],
    ['no routes', { routes: null }],
    ['a list for an interface', null],
  ] as const) {
    test(`is not believed with ${what}`, () => {
      const state = change === null ? [] : { ...sound, ...change };
      assert.equal(isRecord({ ...record, interface: state }), false);
    });
  }

  test('never becomes anything but plain words, whatever is written into it', () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '-batch',
        'dev',
        'eth0',
        '10.0.0.1',
        '::1',
        'default',
        'a\nb',
        '$(id)',
        '10.0.0.0/8',
        'fe80::1%-x',
      ),
      fc.integer(),
      fc.double(),
      fc.constantFrom(null, undefined, true, [], {}),
    );
    const maybe = <T>(own: T) =>
      fc.oneof({ weight: 4, arbitrary: fc.constant(own) }, { weight: 1, arbitrary: hostile });
    const like = (fields: object) =>
      fc.record(Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, maybe(value)])));
    const states = fc.record({
      ...Object.fromEntries(Object.entries(sound).map(([key, value]) => [key, maybe<unknown>(value)])),
      addresses: fc.array(like({ ...address, peer: '10.0.0.1', broadcast: '10.0.0.2', flags: ['nodad'] }), {
        maxLength: 2,
      }),
      routes: fc.array(like({ ...route, type: 'local', source: '::1', preference: 'low' }), { maxLength: 2 }),
    });
    let sounds = 0;
    fc.assert(
      fc.property(states, (state) => {
        if (!isInterfaceState(state)) return;
        sounds += 1;
        for (const { argv } of missingCommands(freshInterface('eth0'), state)) {
          for (const word of argv) assert.match(word, /^(?:-4|-6|[^\s\p{C}-][^\s\p{C}]*)$/u);
        }
      }),
      { numRuns: 5000 },
    );
    assert.ok(sounds > 50, `only ${sounds} states were sound`);
  });
});
