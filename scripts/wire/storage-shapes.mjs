// SPDX-License-Identifier: MIT
//
// Shapes of vstor packets: u32 operation, u32 flags, u32 status, then the body, an SRB among others. An answer is shaped by
// what was asked. Source: struct vstor_packet and struct vmscsi_request in drivers/scsi/storvsc_drv.c of Linux.
const kinds = {
  2: 'removeDevice',
  3: 'executeSrb',
  4: 'resetLun',
  5: 'resetAdapter',
  6: 'resetBus',
  7: 'beginInitialization',
  8: 'endInitialization',
  9: 'queryVersion',
  10: 'queryProperties',
  11: 'enumerateBus',
  12: 'fibreChannelData',
  13: 'createSubchannels',
  14: 'eventNotification',
};
const completion = 11;
const [pages, pageBit] = [0x12, 1];

export function storageShape({ from, type, id, payload }, { requests }) {
  if (from === 'guest') {
    const shape = requestShape(payload);
    requests.set(id, shape);
    return { protocol: 'storvsc', ...shape };
  }
  const operation = payload.readUInt32LE(0);
  if (type !== completion) return { protocol: 'storvsc', kind: kinds[operation] ?? `operation ${operation}` };
  const { kind = 'unasked' } = requests.get(id) ?? {};
  requests.delete(id);
  return { protocol: 'storvsc', kind: `${kind}Reply`, detail: replyDetail(kind, payload) };
}

function requestShape(payload) {
  const operation = payload.readUInt32LE(0);
  const kind = kinds[operation] ?? `operation ${operation}`;
  if (kind === 'queryVersion') return { kind, detail: payload.readUInt16LE(12).toString(16) };
  if (kind !== 'executeSrb') return { kind, detail: `${payload.length} bytes` };
  const command = payload.subarray(28);
  const page = command[0] === pages && (command[1] & pageBit) === 1 ? ` page ${hex(command[2])}` : '';
  return { kind, detail: `${hex(command[0])}${page}, ${payload.length} bytes` };
}

function replyDetail(kind, payload) {
  if (kind !== 'executeSrb') return `status ${payload.readUInt32LE(8).toString(16)}, ${payload.length} bytes`;
  return `srb ${hex(payload[14])} scsi ${hex(payload[15])}, ${payload.length} bytes`;
}

const hex = (byte) => byte.toString(16).padStart(2, '0');
