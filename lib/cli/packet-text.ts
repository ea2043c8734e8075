// SPDX-License-Identifier: MIT
//
// A packet on one line: for people with spaces, for machines as JSON.

import type { Packet } from '../index.js';
import { PacketType } from '../index.js';
import type { Paint } from './paint.js';

const typeNames = new Map(Object.entries(PacketType).map(([name, value]) => [value as number, name]));

/** Fields of a packet as JSON; bytes are lower-case hex, the transaction id is decimal text. */
export function packetJson({ type, transactionId, wantsCompletion, header, payload }: Packet): Record<string, unknown> {
  return {
    type,
    typeName: typeNames.get(type) ?? null,
    transactionId: transactionId.toString(),
    wantsCompletion,
    header: hex(header),
    payload: hex(payload),
  };
}

/** `inband  id 0  64 bytes  68 65 6c 6c 6f` */
export function packetText({ type, transactionId, wantsCompletion, header, payload }: Packet, paint: Paint): string {
  const asks = wantsCompletion ? ' wants completion' : '';
  const extra = header.length > 0 ? `  header ${hex(header)}` : '';
  const name = typeNames.get(type) ?? `type ${type}`;
  return `${paint.bold(name)}${asks}  id ${transactionId}  ${payload.length} bytes${extra}  ${paint.dim(hex(payload))}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
