// SPDX-License-Identifier: MIT
//
// Type tests: this file passes by compiling. Each `@ts-expect-error` fails the build the day its line becomes legal.

import {
  bindDevice,
  type Channel,
  type Device,
  type Guid,
  IcStatus,
  openBus,
  openChannel,
  parseGuid,
  VmbusError,
} from 'vmbus';
import { echo, type Provider, SimulatedHost } from 'vmbus/host';

export async function surface(signal: AbortSignal): Promise<void> {
  await using host = await SimulatedHost.start({ devices: [echo()], bound: true });
  await using bus = openBus({ root: host.root });
  const device: Device = bus.device('echo');
  await using binding = await bindDevice(device, { dryRun: true, rollbackAfterMs: 1000, signal });
  await using channel = await openChannel(device, { signal, timeoutMs: 1000 });

  const sent: Promise<void> = channel.send(new Uint8Array(8), { transactionId: 5n, signal });
  await sent;
  // @ts-expect-error: text is not a payload
  await channel.send('hello');
  // @ts-expect-error: transaction ids have 64 bits
  await channel.send(new Uint8Array(8), { transactionId: 5 });
  // @ts-expect-error: options are named
  await channel.send(new Uint8Array(8), { timeout: 5 });

  const went: boolean = channel.trySend(new Uint8Array(8));
  const arena = channel.sendArena({ bytes: 64 });
  arena.add(0, 8, 1);
  const howMany: number = channel.trySendArena(arena);
  // @ts-expect-error: the arena's memory stays where it is
  arena.bytes = new Uint8Array(howMany);
  const status: number = IcStatus.noMoreItems;
  void status;
  for await (const packet of channel) {
    const id: bigint = packet.transactionId;
    // @ts-expect-error: packets are read-only
    packet.type = 6;
    if (went && id === 0n) break;
  }
  for await (const batch of channel.batches()) {
    for (let i = 0; i < batch.length; i++) batch.view(i).fill(0);
    break;
  }
  channel.drain(
    (arena, offset, length, type, idLow, idHigh, flags) => arena[offset + length] === type + idLow + idHigh + flags,
  );

  for await (const change of bus.watch({ signal })) {
    const kind: 'added' | 'removed' | 'changed' = change.kind;
    // @ts-expect-error: a device that was removed has no present
    console.log(kind, change.current.id);
  }
  console.log(binding.steps);
}

export function guids(text: string): Guid {
  // @ts-expect-error: a GUID is made by parseGuid
  const wrong: Guid = text;
  return wrong.length > 0 ? parseGuid(text) : wrong;
}

export function errors(error: unknown, channel: Channel): string | undefined {
  if (!VmbusError.is(error)) return undefined;
  // @ts-expect-error: codes are a closed list
  if (error.code === 'ERR_VMBUS_NO_SUCH_CODE') return channel.device;
  return error.hint;
}

export const provider: Provider = {
  name: 'own',
  classGuid: parseGuid('6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5'),
  onOpen: (channel) => ({ onPacket: (packet) => void channel.complete(packet.transactionId, packet.payload) }),
};
