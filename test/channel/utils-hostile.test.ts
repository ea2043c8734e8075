// SPDX-License-Identifier: MIT
//
// The simulated kernel's hv_utils, told nonsense by its host: it goes on, as the kernel does.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Provider, SimulatedHost } from '../../dist/host/index.js';
import { classOfName } from '../../dist/protocol/classes.js';
import { decodeIcMessage, encodeIcMessage, IcFlag, IcType, icVersion } from '../../dist/protocol/ic.js';
import { decodeNegotiationReply, encodeNegotiation, type IcChoice } from '../../dist/protocol/ic-negotiation.js';
import { EventLog } from './native-pair.js';

const flags = IcFlag.transaction | IcFlag.request;
const versions = { framework: 0, version: 0 };

function negotiation(body: Uint8Array): Uint8Array {
  return encodeIcMessage({ ...versions, type: IcType.negotiate, flags, body });
}

const whole = negotiation(encodeNegotiation({ frameworks: [icVersion(3, 0)], messages: [icVersion(5, 0)] }));
const nonsense: readonly (readonly [string, Uint8Array])[] = [
  ['nothing at all', new Uint8Array()],
  ['half a header', whole.subarray(0, 10)],
  ['a body longer than the packet', whole.subarray(0, 32)],
  ['versions that are not there', negotiation(Uint8Array.of(9, 0, 9, 0))],
  ['a negotiation without a body', negotiation(new Uint8Array())],
];

describe("a simulated kernel's hv_utils", () => {
  for (const [what, packet] of nonsense) {
    it(`is not brought down by ${what}`, async () => {
      const chosen = new EventLog<IcChoice>();
      const vss: Provider = {
        name: 'vss',
        classGuid: classOfName('vss')?.guid ?? assert.fail('no class'),
        onOpen: (channel) => {
          channel.send(packet);
          channel.send(whole);
          return {
            onPacket: ({ payload }) => {
              const choice = decodeNegotiationReply(decodeIcMessage(payload).body);
              if (choice !== null) chosen.push(choice);
            },
          };
        },
      };
      await using _host = await SimulatedHost.start({ devices: [vss] });
      await chosen.reach(1);

      assert.deepEqual(chosen.seen, [{ framework: icVersion(3, 0), message: icVersion(5, 0) }]);
    });
  }
});
