// SPDX-License-Identifier: MIT
//
// `hv chan send`: one packet from an argument, hex digits, a file or standard input.

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Context } from '../context.js';
import { openDevice } from '../open-device.js';
import { packetJson, packetText } from '../packet-text.js';
import { UsageError } from '../usage-error.js';

interface Options {
  readonly hex?: Uint8Array;
  readonly file?: string;
  readonly request?: boolean;
  readonly timeout: number;
}

/** Runs `hv chan send`. */
export async function send(context: Context, name: string, text: string | undefined, options: Options): Promise<void> {
  const { out, signal } = context;
  const payload = await readPayload(text, options);
  const { device, channel } = await openDevice(context, name);
  const limits = { signal, timeoutMs: options.timeout };
  const facts = { device: device.id, channel: channel.relid, sentBytes: payload.length };
  if (!options.request) {
    await channel.send(payload, limits);
    if (out.json) out.document('vmbus.send/1', { ...facts, completion: null });
    else out.line(`sent ${payload.length} bytes on channel ${channel.relid} of ${device.class.name}`);
    return;
  }
  const completion = await channel.request(payload, limits);
  if (out.json) out.document('vmbus.send/1', { ...facts, completion: packetJson(completion) });
  else out.line(packetText(completion, out.paint));
}

async function readPayload(text: string | undefined, { hex, file }: Options): Promise<Uint8Array> {
  const given = [text, hex, file].filter((source) => source !== undefined);
  if (given.length > 1) throw new UsageError('one payload only: text, --hex or --file', 'hv chan send --help');
  if (text !== undefined) return new TextEncoder().encode(text);
  if (hex !== undefined) return hex;
  if (file !== undefined && file !== '-') return readFile(file);
  if (process.stdin.isTTY)
    throw new UsageError('there is no payload', 'hv chan send DEVICE TEXT, --hex, --file, or a pipe');
  return buffer(process.stdin);
}
