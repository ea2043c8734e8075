// SPDX-License-Identifier: MIT
//
// Shapes of NVSP messages, and of the RNDIS messages that they point to. Sources: drivers/net/hyperv/hyperv_net.h and
// include/linux/rndis.h of Linux.
const nvspKinds = {
  1: 'init',
  2: 'initComplete',
  100: 'ndisVersion',
  101: 'receiveBuffer',
  102: 'receiveBufferComplete',
  103: 'revokeReceiveBuffer',
  104: 'sendBuffer',
  105: 'sendBufferComplete',
  106: 'revokeSendBuffer',
  107: 'rndisPacket',
  108: 'rndisPacketComplete',
  125: 'ndisConfig',
  128: 'virtualFunction',
  129: 'switchDataPath',
  131: 'oidQuery',
  132: 'oidQueryComplete',
  133: 'subchannel',
  134: 'indirectionTable',
};
const rndisKinds = {
  1: 'packet',
  2: 'initialize',
  3: 'halt',
  4: 'query',
  5: 'set',
  6: 'reset',
  7: 'indicateStatus',
  8: 'keepalive',
  2147483650: 'initializeComplete',
  2147483652: 'queryComplete',
  2147483653: 'setComplete',
  2147483654: 'resetComplete',
  2147483656: 'keepaliveComplete',
};
/** The object that sets up receive side scaling; its flags are 4 bytes into it. */
const scalingParameters = '10204';
const disableBit = 0x10;
const noSection = 0xffffffff;

export function nvspShape({ payload }) {
  const type = payload.readUInt32LE(0);
  const kind = nvspKinds[type] ?? `type ${type}`;
  return { protocol: 'nvsp', kind, detail: nvspDetail(kind, payload) };
}

function nvspDetail(kind, payload) {
  if (kind === 'init') return `version ${payload.readUInt32LE(4).toString(16)}`;
  if (kind !== 'rndisPacket') return `${payload.length} bytes`;
  const where = payload.readUInt32LE(8) === noSection ? 'no section' : 'section';
  return `${payload.readUInt32LE(4) === 0 ? 'data' : 'control'}, ${where}, ${payload.length} bytes`;
}

/** RNDIS messages in memory that was moved. A frame's part in pages of its own is none. */
export function* rndisMessages(bytes, from, { requests }) {
  if (bytes.length < 12) return;
  const kind = rndisKinds[bytes.readUInt32LE(0)];
  const length = bytes.readUInt32LE(4);
  if (kind === undefined || length < 12 || length > bytes.length) return;
  const payload = bytes.subarray(0, length);
  yield {
    protocol: 'rndis',
    from,
    kind,
    detail: rndisDetail(kind, payload, requests),
    payload,
    isBulk: kind === 'packet',
  };
}

function rndisDetail(kind, payload, requests) {
  const word = (at) => payload.readUInt32LE(at).toString(16);
  switch (kind) {
    case 'query':
    case 'set':
      requests.set(word(8), word(12));
      return `oid ${word(12)}${word(12) === scalingParameters && (payload[32] & disableBit) !== 0 ? ' disable' : ''}`;
    case 'queryComplete':
    case 'setComplete':
      return `oid ${requests.get(word(8))} status ${word(12)}`;
    case 'indicateStatus':
      return `status ${word(8)}`;
    case 'packet':
      return [...elements(payload)].join(', ');
    default:
      return '';
  }
}

/** Types of a packet's elements: u32 size, u32 type, u32 offset of the value. */
function* elements(payload) {
  const end = 8 + payload.readUInt32LE(28) + payload.readUInt32LE(32);
  for (let at = 8 + payload.readUInt32LE(28); at + 12 <= end; at += payload.readUInt32LE(at))
    yield `element ${payload.readUInt32LE(at + 4)}`;
}
