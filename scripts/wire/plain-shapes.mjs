// SPDX-License-Identifier: MIT
//
// Shapes of protocols whose messages are one of few types each: dynamic memory, keyboard, mouse, video, sockets.
// Sources: drivers/hv/hv_balloon.c, drivers/input/serio/hyperv-keyboard.c, drivers/hid/hid-hyperv.c,
// drivers/gpu/drm/hyperv/hyperv_drm_proto.c, net/vmw_vsock/hyperv_transport.c of Linux.
const memoryKinds = {
  1: 'versionRequest',
  2: 'versionResponse',
  3: 'capabilitiesReport',
  4: 'capabilitiesResponse',
  5: 'statusReport',
  6: 'balloonRequest',
  7: 'balloonResponse',
  8: 'unballoonRequest',
  9: 'unballoonResponse',
  10: 'hotAddRequest',
  11: 'hotAddResponse',
  12: 'info',
  13: 'hotRemoveRequest',
  14: 'hotRemoveResponse',
};
const keyboardKinds = { 1: 'protocolRequest', 2: 'protocolResponse', 3: 'keystroke', 4: 'setLeds' };
const mouseKinds = ['protocolRequest', 'protocolResponse', 'deviceInfo', 'deviceInfoAck', 'inputReport'];
const videoKinds = {
  1: 'versionRequest',
  2: 'versionResponse',
  3: 'vramLocation',
  4: 'vramLocationAck',
  5: 'situationUpdate',
  6: 'situationAck',
  7: 'pointerPosition',
  8: 'pointerShape',
  9: 'featureChange',
  10: 'dirt',
  11: 'biosInfoRequest',
  12: 'biosInfoResponse',
  13: 'resolutionsRequest',
  14: 'resolutionsResponse',
  15: 'capabilityRequest',
  16: 'capabilityResponse',
};
const flagNames = ['unicode', 'release', 'e0', 'e1'];

/** Header: u16 type, u16 size, u32 id. */
export function memoryShape({ payload }) {
  const type = payload.readUInt16LE(0);
  const kind = memoryKinds[type] ?? `type ${type}`;
  const isList = kind === 'balloonResponse' || kind === 'unballoonRequest';
  const more = isList && (payload[kind === 'balloonResponse' ? 12 : 8] & 1) === 1 ? 'more to come' : 'last';
  const version = kind === 'versionRequest' ? payload.readUInt32LE(8).toString(16) : '';
  return { protocol: 'dynamic-memory', kind, detail: isList ? more : version, isBulk: isList };
}

export function keyboardShape({ payload }) {
  const type = payload.readUInt32LE(0);
  const kind = keyboardKinds[type] ?? `type ${type}`;
  const flags = kind === 'keystroke' ? payload.readUInt32LE(8) : 0;
  return { protocol: 'keyboard', kind, detail: flagNames.filter((_, bit) => (flags >> bit) & 1).join(' ') };
}

/** Behind the pipe's header: u32 type, u32 size. */
export function mouseShape({ payload }) {
  const type = payload.readUInt32LE(8);
  const kind = mouseKinds[type] ?? `type ${type}`;
  if (kind !== 'inputReport') return { protocol: 'mouse', kind };
  const [buttons] = payload.subarray(16);
  return { protocol: 'mouse', kind, detail: `buttons ${buttons}${payload[21] === 0 ? '' : ' wheel'}` };
}

export function videoShape({ payload }) {
  const type = payload.readUInt32LE(8);
  const kind = videoKinds[type] ?? `type ${type}`;
  const isBulk = kind === 'dirt' || kind === 'pointerShape' || kind === 'pointerPosition';
  return { protocol: 'video', kind, detail: isBulk ? '' : `${payload.length} bytes`, isBulk };
}

export function socketShape({ payload }) {
  const type = payload.readUInt32LE(0);
  const bytes = payload.readUInt32LE(4);
  const kind = bytes === 0 ? 'end' : 'data';
  return { protocol: 'hvsock', kind: type === 1 ? kind : `type ${type}`, isBulk: true };
}
