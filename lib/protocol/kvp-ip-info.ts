// SPDX-License-Identifier: MIT
//
// A network adapter's addresses in the key-value service. Until version 4.0 they are texts, lists with semicolons; from 5.0
// on they are binary (kvp-ip-binary.ts).
// Called by kvp.ts. Source of the facts: struct hv_kvp_ipaddr_value in include/uapi/linux/hyperv.h.
//
// Until 4.0, offsets in the body: 2 adapter id u16[128], 258 u8 family, 259 u8 DHCP, 260 addresses u16[1024],
// 2308 subnets u16[1024], 4356 gateways u16[512], 5380 DNS servers u16[1024].

import { type IcVersion, icVersion } from './ic.js';
import { getText, putText } from './ic-text.js';
import { decodeBinaryIpInfo, encodeBinaryIpInfo } from './kvp-ip-binary.js';
import { familyNumber, familyOfNumber, ipLists, joinEntries, type KvpIpInfo, splitEntries } from './kvp-ip-types.js';
import { needBytes, viewOf } from './wire-fields.js';

export type { IpFamily, IpOrigin, KvpIpInfo } from './kvp-ip-types.js';

/** Bytes of a body with IP information, in every version. */
export const ipInfoBodyBytes = 7428;
/** From here on the information is binary. */
export const binaryIpVersion: IcVersion = icVersion(5, 0);

const field = {
  adapterId: { offset: 2, bytes: 256 },
  addresses: { offset: 260, bytes: 2048 },
  subnets: { offset: 2308, bytes: 2048 },
  gateways: { offset: 4356, bytes: 1024 },
  dnsServers: { offset: 5380, bytes: 2048 },
} as const;
const familyOffset = 258;
const dhcpOffset = 259;

/** Writes the information over a body of {@link ipInfoBodyBytes}, but for its operation. @throws TypeError, RangeError */
export function encodeIpInfo(body: Uint8Array, info: KvpIpInfo, version: IcVersion): void {
  if (version >= binaryIpVersion) {
    encodeBinaryIpInfo(body, info);
    return;
  }
  putText(body, field.adapterId.offset, field.adapterId.bytes, info.adapterId, 'adapterId');
  body[familyOffset] = familyNumber(info.family);
  body[dhcpOffset] = info.isDhcp ? 1 : 0;
  for (const name of ipLists) putText(body, field[name].offset, field[name].bytes, joinEntries(name, info[name]), name);
}

/** The information in a body. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeIpInfo(body: Uint8Array, version: IcVersion): KvpIpInfo {
  if (version >= binaryIpVersion) return decodeBinaryIpInfo(body);
  needBytes(viewOf(body), ipInfoBodyBytes, 'kvp', 'IP information');
  return {
    adapterId: getText(body, field.adapterId.offset, field.adapterId.bytes),
    family: familyOfNumber(body[familyOffset] ?? 0),
    isDhcp: body[dhcpOffset] !== 0,
    ...splitEntries((name) => getText(body, field[name].offset, field[name].bytes)),
    origins: [],
  };
}
