// SPDX-License-Identifier: MIT
//
// An integration service served over its own channel, against the host's side of it and against messages that no host sends.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { openChannel } from '../../dist/channel/index.js';
import { type IcHandlers, IcService, type IcServiceDialect } from '../../dist/devices/ic-service.js';
import { type HostChannel, heartbeat, type Provider, SimulatedHost } from '../../dist/host/index.js';
import { decodeIcMessage, encodeIcMessage, IcStatus, IcType, icVersion } from '../../dist/protocol/ic.js';
import { decodeNegotiationReply, encodeNegotiation } from '../../dist/protocol/ic-negotiation.js';
import { EventLog } from './native-pair.js';

const dialect: IcServiceDialect = {
  name: 'heartbeat',
  type: IcType.heartbeat,
  frameworks: [icVersion(3, 0), icVersion(1, 0)],
  versions: [icVersion(3, 0), icVersion(1, 0)],
};

async function serve(provider: Provider, handlers: IcHandlers): Promise<{ host: SimulatedHost; service: IcService }> {
  const host = await SimulatedHost.start({ devices: [provider], bound: true });
  const channel = await openChannel(openBus({ root: host.root }).device(provider.name));
  return { host, service: IcService.open(channel, dialect, handlers) };
}

/** A host that sends what the test says, and keeps what it hears. */
function scripted(): { provider: Provider; channel(): HostChannel; heard: EventLog<Uint8Array> } {
  const { classGuid, instanceGuid } = heartbeat();
  const heard = new EventLog<Uint8Array>();
  let opened: HostChannel | undefined;
  const provider: Provider = {
    name: 'heartbeat',
    classGuid,
    ...(instanceGuid ? { instanceGuid } : {}),
    onOpen: (channel) => {
      opened = channel;
      return { onPacket: ({ payload }) => heard.push(Uint8Array.from(payload)) };
    },
  };
  const channel = (): HostChannel => {
    assert.ok(opened, 'the guest has not opened the channel');
    return opened;
  };
  return { provider, channel, heard };
}

const negotiation = encodeIcMessage({
  framework: 0,
  type: IcType.negotiate,
  version: 0,
  body: encodeNegotiation({ frameworks: [icVersion(1, 0), icVersion(3, 0)], messages: [icVersion(3, 0)] }),
});
const beat = (type: number = IcType.heartbeat): Uint8Array =>
  encodeIcMessage({ framework: icVersion(3, 0), type, version: icVersion(3, 0), body: new Uint8Array(16) });

describe('an integration service on its channel', () => {
  it('agrees on versions with the host and answers it', async () => {
    const device = heartbeat({ intervalMs: 5 });
    const seen = new EventLog<number>();
    const { host, service } = await serve(device, {
      answer: ({ body, version }) => {
        seen.push(version);
        const next = Uint8Array.from(body.subarray(0, 8));
        const view = new DataView(next.buffer);
        view.setBigUint64(0, view.getBigUint64(0, true) + 1n, true);
        return { status: IcStatus.done, body: next };
      },
    });
    await using _host = host;
    await device.ready({ timeoutMs: 10_000 });
    await seen.reach(3);

    assert.deepEqual(seen.seen.slice(0, 3), [icVersion(3, 0), icVersion(3, 0), icVersion(3, 0)]);
    assert.deepEqual(service.inspect().choice, { framework: '3.0', version: '3.0' });
    await service.close();
    assert.deepEqual([service.state, await service.closed], ['closed', { by: 'user' }]);
  });

  it('says failed before versions are agreed on, and for messages of other services', async () => {
    const { provider, channel, heard } = scripted();
    const { host, service } = await serve(provider, { answer: () => ({ status: IcStatus.done }) });
    await using _host = host;
    for (const message of [beat(), negotiation, beat(IcType.kvp), beat()]) channel().send(message);
    await heard.reach(4);

    const replies = heard.seen.map((payload) => decodeIcMessage(payload));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [IcStatus.failed, 0, IcStatus.failed, 0],
    );
    assert.deepEqual(
      heard.seen.map((payload) => payload.length),
      [beat().length, negotiation.length, beat().length, beat().length].map((length) => Math.ceil(length / 8) * 8),
    );
    assert.deepEqual(decodeNegotiationReply(replies[1]?.body ?? new Uint8Array()), {
      framework: icVersion(3, 0),
      message: icVersion(3, 0),
    });
    await service.close();
  });

  it('drops what is no message, and answers a list of versions that ends too early with none', async () => {
    const { provider, channel, heard } = scripted();
    const { host, service } = await serve(provider, { answer: () => ({ status: IcStatus.done }) });
    await using _host = host;
    channel().send(new Uint8Array(8));
    channel().send(new Uint8Array(40).fill(0xff));
    const short = Uint8Array.from(negotiation);
    short[28] = 101;
    channel().send(short);
    await heard.reach(1);

    const [reply] = heard.seen.map((payload) => decodeIcMessage(payload));
    assert.equal(decodeNegotiationReply(reply?.body ?? new Uint8Array()), null);
    assert.equal(service.inspect().dropped, 2);
    assert.equal(service.state, 'registering');
    await service.close();
  });

  it('forgets what it was asked when the host begins anew', async () => {
    const { provider, channel, heard } = scripted();
    const asked = new EventLog<AbortSignal>();
    const { host, service } = await serve(provider, {
      answer: (_, signal) => {
        asked.push(signal);
        if (asked.seen.length > 1) return { status: IcStatus.done };
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve({ status: IcStatus.diskFull })));
      },
    });
    await using _host = host;
    for (const message of [negotiation, beat(), negotiation, beat()]) channel().send(message);
    await heard.reach(3);

    assert.deepEqual(
      heard.seen.map((payload) => decodeIcMessage(payload)).map(({ type, status }) => [type, status]),
      [
        [IcType.negotiate, 0],
        [IcType.negotiate, 0],
        [IcType.heartbeat, 0],
      ],
    );
    assert.equal(asked.seen[0]?.aborted, true);
    await service.close();
  });

  it('ends with the channel when the device is withdrawn, and when answering fails', async () => {
    const { provider, channel } = scripted();
    const { host, service } = await serve(provider, {
      answer: () => {
        throw new Error('broken');
      },
    });
    await using _host = host;
    channel().send(negotiation);
    channel().send(beat());
    const failed = await service.closed;
    assert.deepEqual([failed.by, failed.error?.message], ['error', 'broken']);

    const again = IcService.open(await openChannel(openBus({ root: host.root }).device('heartbeat')), dialect, {
      answer: () => ({ status: IcStatus.done }),
    });
    host.rescind('heartbeat');
    assert.equal((await again.closed).by, 'rescind');
  });
});
