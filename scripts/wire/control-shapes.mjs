// SPDX-License-Identifier: MIT
//
// Shapes of the bus's control messages. Source of the numbers: enum vmbus_channel_message_type in include/linux/hyperv.h.
const kinds = {
  1: 'offer',
  2: 'rescind',
  3: 'requestOffers',
  4: 'allOffersDelivered',
  5: 'open',
  6: 'openResult',
  7: 'close',
  8: 'gpadlHeader',
  9: 'gpadlBody',
  10: 'gpadlCreated',
  11: 'gpadlTeardown',
  12: 'gpadlTorndown',
  13: 'relidReleased',
  14: 'initiateContact',
  15: 'versionResponse',
  16: 'unload',
  17: 'unloadResponse',
  21: 'socketConnect',
  22: 'modifyChannel',
  23: 'socketConnectResult',
  24: 'modifyChannelResponse',
};

/** Of an offer's flags. Who connects a socket is the fifth byte of its user data. */
const socketFlag = 0x2000;

export function controlShape(bytes, isFromGuest) {
  const type = bytes.readUInt32LE(0);
  const kind = kinds[type] ?? `type ${type}`;
  return { protocol: 'control', from: isFromGuest ? 'guest' : 'host', kind, detail: detailOf(kind, bytes) };
}

function detailOf(kind, bytes) {
  switch (kind) {
    case 'initiateContact':
      return `version ${bytes.readUInt16LE(10)}.${bytes.readUInt16LE(8)}`;
    case 'versionResponse':
      return bytes[8] === 1 ? 'accepted' : 'refused';
    case 'offer': {
      const flags = bytes.readUInt16LE(56);
      const traits = {
        subchannel: bytes.readUInt16LE(180) > 0,
        monitored: bytes.readUInt8(189) === 1,
        'from host': (flags & socketFlag) !== 0 && bytes[64] === 1,
      };
      const names = Object.keys(traits).filter((name) => traits[name]);
      return [`flags ${flags.toString(16)}`, ...names].join(' ');
    }
    case 'gpadlHeader': // how much of it fits here, and whether it goes on in bodies
      return bytes.readUInt16LE(16) > bytes.length - 20 ? 'with bodies' : 'whole';
    case 'gpadlBody':
      return bytes.length === 240 ? 'full' : 'last';
    case 'open':
      return bytes.subarray(28, 148).some((byte) => byte !== 0) ? 'with user data' : '';
    case 'socketConnectResult':
      return `status ${bytes.readUInt32LE(40).toString(16)}`;
    default:
      return `${bytes.length} bytes`;
  }
}
