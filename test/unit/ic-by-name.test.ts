// SPDX-License-Identifier: MIT
//
// The integration services by name: what is offered, and options as plain data.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeProvider, providersByName, timesync } from '../../dist/host/index.js';

const services = [
  ['heartbeat', '57164f39-9115-4e78-ab55-382f3bd5422d', 'fd149e91-82e0-4a7d-afa6-2a4166cbd7c0', 'intervalMs=500'],
  ['shutdown', '0e0b6031-5213-4934-818b-38d90ced39db', 'b6650ff7-33bc-4840-8048-e0676786f393', 'monitorId=3'],
  ['timesync', '9527e630-d0ae-497b-adce-e80ab0175caf', '2dd1ce17-079e-403c-b352-a1921ee207ee', 'offsetMs=-5'],
  ['kvp', 'a9a0f4e7-5a45-4d96-b827-8a841e8c03e6', '242ff919-07db-4180-9c2e-b86cb68c8c55', 'ringBytes=69632'],
  ['vss', '35fa2e29-ea23-4236-96ae-3a6ebacba440', '2450ee40-33bf-4fbd-892e-9fb06e9214cf', 'thawAfterMs=1000'],
  ['fcopy', '34d14be3-dee4-41c8-9ae7-6b174977c192', 'eb765408-105f-49b6-b4aa-c123b64d17d4', 'negotiationTimeoutMs=5'],
] as const;

for (const [name, classGuid, instanceGuid, option] of services) {
  describe(`the integration service ${name}`, () => {
    it('is offered as Hyper-V offers it', () => {
      const provider = makeProvider(name);

      assert.deepEqual([provider.name, provider.classGuid, provider.instanceGuid], [name, classGuid, instanceGuid]);
      assert.deepEqual(provider.offer, { flags: 0x11, userData: Uint8Array.of(4, 0, 0, 0) });
    });

    it('takes its options as plain data, and no others', () => {
      const other = '00000000-1111-2222-3333-444444444444';
      const device = { name, options: { instanceGuid: other, name: 'mine', monitorId: 5 } };
      const provider = makeProvider(JSON.parse(JSON.stringify(device)));

      assert.deepEqual([provider.name, provider.instanceGuid, provider.monitorId], ['mine', other, 5]);
      assert.equal(makeProvider(`${name}:${option}`).classGuid, classGuid);
      assert.ok(providersByName[name]?.options.includes(option.split('=')[0] ?? ''));
      assert.throws(() => makeProvider(`${name}:intervalms=5`), { code: 'ERR_INVALID_ARG_VALUE' });
      assert.throws(() => makeProvider(`${name}:negotiationTimeoutMs=0`), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => makeProvider(`${name}:monitorId=128`), { code: 'ERR_OUT_OF_RANGE' });
    });
  });
}

describe('options of integration services', () => {
  it('that make no sense are refused by their names', () => {
    for (const [device, message] of [
      ['heartbeat:intervalMs=-1', /options\.intervalMs/],
      ['heartbeat:lostAfterMs=0', /options\.lostAfterMs/],
      ['timesync:sampleIntervalMs=1.5', /options\.sampleIntervalMs/],
      ['timesync:offsetMs=far', /options\.offsetMs/],
      ['kvp:values=5', /options\.values/],
      ['vss:thawAfterMs=0', /options\.thawAfterMs/],
    ] as const) {
      assert.throws(() => makeProvider(device), { message }, device);
    }
  });

  it('that are functions are for scripts alone', () => {
    assert.throws(() => makeProvider({ name: 'timesync', options: { clock: () => 0n } }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
    assert.equal(timesync({ clock: () => 0n }).name, 'timesync');
    assert.throws(() => timesync({ clock: 5 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});
