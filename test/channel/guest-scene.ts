// SPDX-License-Identifier: MIT
//
// Services of a guest on a real ring: with the host's own side of them, or with a host that sends what a test says.

import assert from 'node:assert/strict';
import { type Device, openBus } from '../../dist/bus/index.js';
import { type HostChannel, type Provider, SimulatedHost } from '../../dist/host/index.js';
import { decodeIcMessage, encodeIcMessage, IcType, icVersion } from '../../dist/protocol/ic.js';
import { encodeNegotiation } from '../../dist/protocol/ic-negotiation.js';
import { EventLog } from './native-pair.js';

const opened: AsyncDisposable[] = [];

/** Closes every service and its host. */
export async function closeAll(): Promise<void> {
  for (const thing of opened.splice(0).reverse()) await thing[Symbol.asyncDispose]();
}

/** A device of a host with this one provider, bound to user space. */
export async function deviceOf(provider: Provider): Promise<Device> {
  const host = await SimulatedHost.start({ devices: [provider], bound: true });
  opened.push(host);
  return openBus({ root: host.root }).device(provider.name);
}

/** Closes it with {@link closeAll}. */
export const keep = <S extends AsyncDisposable>(service: S): S => {
  opened.push(service);
  return service;
};

/** What {@link scripted} answers. */
export interface ScriptedHost {
  readonly provider: Provider;
  readonly heard: EventLog<Uint8Array>;
  send(...messages: readonly Uint8Array[]): void;
  /** Of each message heard. */
  statuses(): readonly number[];
}

/** A host that sends what the test says, in the place of a provider, and keeps what it hears. */
export function scripted({ name, classGuid, instanceGuid }: Provider): ScriptedHost {
  const heard = new EventLog<Uint8Array>();
  let opening: HostChannel | undefined;
  const provider: Provider = {
    name,
    classGuid,
    ...(instanceGuid ? { instanceGuid } : {}),
    onOpen: (channel) => {
      opening = channel;
      return { onPacket: ({ payload }) => heard.push(Uint8Array.from(payload)) };
    },
  };
  return {
    provider,
    heard,
    send: (...messages: readonly Uint8Array[]): void => {
      for (const message of messages)
        assert.ok(opening?.send(message), 'the guest has not opened the channel, or is full');
    },
    statuses: (): readonly number[] => heard.seen.map((payload) => decodeIcMessage(payload).status),
  };
}

/** The host's first message: framework 1.0 and 3.0, and versions of the service, the oldest first. */
export function negotiate(...versions: readonly number[]): Uint8Array {
  const body = encodeNegotiation({ frameworks: [icVersion(1, 0), icVersion(3, 0)], messages: versions });
  return encodeIcMessage({ framework: 0, type: IcType.negotiate, version: 0, body });
}
export const v3: number = icVersion(3, 0);
/** A request of the host. */
export const request = (type: number, body: Uint8Array, version = v3): Uint8Array =>
  encodeIcMessage({ framework: v3, type, version, body });
