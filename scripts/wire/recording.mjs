// SPDX-License-Identifier: MIT
//
// Takes a recording apart: which message of which protocol each line of it is.
// The numbers here are the protocols' own, written down a second time: a decoder that is wrong must not choose its own tests.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { controlShape } from './control-shapes.mjs';
import { gpaShape, transferShape } from './header-shapes.mjs';
import { icShape } from './ic-shapes.mjs';
import { nvspShape, rndisMessages } from './net-shapes.mjs';
import { keyboardShape, memoryShape, mouseShape, socketShape, videoShape } from './plain-shapes.mjs';
import { storageShape } from './storage-shapes.mjs';

const socketClass = /-facb-11e6-bd58-64006a7986d3$/;
/** What speaks on the channels of a class. */
const shapeByClass = {
  '57164f39-9115-4e78-ab55-382f3bd5422d': icShape('heartbeat'),
  '0e0b6031-5213-4934-818b-38d90ced39db': icShape('shutdown'),
  '9527e630-d0ae-497b-adce-e80ab0175caf': icShape('timesync'),
  'a9a0f4e7-5a45-4d96-b827-8a841e8c03e6': icShape('kvp'),
  '35fa2e29-ea23-4236-96ae-3a6ebacba440': icShape('vss'),
  '34d14be3-dee4-41c8-9ae7-6b174977c192': icShape('fcopy'),
  '525074dc-8985-46e2-8057-a307dc18a502': memoryShape,
  'f912ad6d-2b17-48ea-bd65-f927a61c7684': keyboardShape,
  'cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a': mouseShape,
  'da0a7802-e377-4aac-8e77-0558eb1073f8': videoShape,
  'f8615163-df3e-46c5-913f-f2d2f965ed0e': nvspShape,
  'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f': storageShape,
  '32412632-86cb-44a2-9b5c-50d1417354f5': storageShape,
};
const netClass = 'f8615163-df3e-46c5-913f-f2d2f965ed0e';

const bytesOf = (hex) => Buffer.from(hex ?? '', 'hex');

/** Every message of a file that a fixture could be made of: `{ protocol, from, kind, detail, type, flags, header, payload, isBulk }`. */
export async function* messagesOf(file) {
  const channels = new Map();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event = JSON.parse(line);
    if (event.what?.startsWith('control-')) {
      const payload = bytesOf(event.bytes);
      yield { ...controlShape(payload, event.what === 'control-from-guest'), payload };
    } else if (event.what === 'open') {
      // The state of a channel: requests that wait for their answers.
      channels.set(event.channel, { class: event.class, requests: new Map() });
    } else if (channels.has(event.channel)) yield* messagesOn(channels.get(event.channel), event);
  }
}

function* messagesOn(channel, event) {
  const shapeOf = shapeByClass[channel.class] ?? (socketClass.test(channel.class) ? socketShape : undefined);
  if (shapeOf === undefined) return; // ours alone, such as echo
  if (event.what === 'memory-read' || event.what === 'memory-written') {
    const from = event.what === 'memory-read' ? 'guest' : 'host';
    if (channel.class === netClass) yield* rndisMessages(bytesOf(event.bytes), from, channel);
    return;
  }
  if (event.what !== 'from-guest' && event.what !== 'to-guest') return;
  const { type, flags, id } = event;
  const from = event.what === 'from-guest' ? 'guest' : 'host';
  const message = { from, type, flags, id, header: bytesOf(event.header), payload: bytesOf(event.payload) };
  const shape = shapeOf(message, channel);
  const { header, payload } = message;
  yield { from, ...shape, type, flags, header, payload };
  if (type === 9) yield { from, ...gpaShape(header, shape.protocol), type, flags, header, payload: Buffer.alloc(0) };
  if (type === 7) yield { from, ...transferShape(header), type, flags, header, payload: Buffer.alloc(0) };
}
