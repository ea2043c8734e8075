// SPDX-License-Identifier: MIT
//
// Shapes of the integration services' messages. Source: struct vmbuspipe_hdr and struct icmsg_hdr in include/linux/hyperv.h:
// u32 u32 of the pipe, then at 8 framework u16 u16, 12 type, 14 version u16 u16, 18 body bytes, 20 status, 24 id, 25 flags, 28 body.
const kvpOperations = ['get', 'set', 'delete', 'enumerate', 'getIpInfo', 'setIpInfo'];
const vssOperations = {
  0: 'createSnapshot',
  1: 'deleteSnapshot',
  2: 'hotBackup',
  3: 'directMappedInfo',
  4: 'backupComplete',
  5: 'freeze',
  6: 'thaw',
};
const answerFlag = 4;

export function icShape(service) {
  return ({ payload }) => {
    const kind = (payload[25] & answerFlag) === 0 ? 'request' : 'answer';
    const status = payload.readUInt32LE(20);
    const ending = status === 0 ? '' : ` status ${status.toString(16)}`;
    if (payload.readUInt16LE(12) === 0) return { protocol: 'ic-negotiation', kind, detail: `${service}${ending}` };
    const version = `${payload.readUInt16LE(14)}.${payload.readUInt16LE(16)}`;
    return { protocol: service, kind, detail: `${version} ${aboutBody(service, payload)}`.trim() + ending };
  };
}

function aboutBody(service, payload) {
  const body = payload.subarray(28);
  switch (service) {
    case 'kvp': {
      const operation = kvpOperations[body[0]] ?? `operation ${body[0]}`;
      return operation.endsWith('IpInfo') ? operation : `${operation} pool ${body[1]}`;
    }
    case 'vss':
      return vssOperations[body[0]] ?? `operation ${body[0]}`;
    case 'shutdown':
      return `flags ${body.readUInt32LE(8)}`;
    case 'timesync':
      return `flags ${body[payload.readUInt16LE(14) >= 4 ? 16 : 24]}`;
    case 'fcopy':
      return `operation ${body.readUInt32LE(0)}`;
    default:
      return '';
  }
}
