// SPDX-License-Identifier: MIT
//
// The UUID of the firmware's tables and its two byte orders. Pure.
// Called by host.ts. Source of the facts: SMBIOS 7.2.1; dmi_save_uuid in drivers/firmware/dmi_scan.c: from SMBIOS 2.6 on the
// kernel turns the first three fields round, before that it prints bytes as they lie, and Hyper-V lays them little-endian always.

import type { VmIdCheck } from './host-types.js';

const pattern = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4}-[0-9a-f]{12})$/;

/** The UUID in lower case; null for what is none, or is one that says "none": all zeros, all ones. */
export function parseUuid(text: string): string | null {
  const plain = text
    .trim()
    .replace(/^\{(.*)\}$/, '$1')
    .toLowerCase();
  if (!pattern.test(plain)) return null;
  return /^[0-]+$/.test(plain) || /^[f-]+$/.test(plain) ? null : plain;
}

/** The first three fields in the other byte order. */
export function swapUuid(uuid: string): string {
  const [, a = '', b = '', c = '', rest = ''] = pattern.exec(uuid) ?? [];
  const turn = (digits: string): string => (digits.match(/../g) ?? []).reverse().join('');
  return `${turn(a)}-${turn(b)}-${turn(c)}-${rest}`;
}

/** Version of SMBIOS in its entry point, as 2.6 → 0x206; null for what is none. */
export function smbiosVersion(entryPoint: Uint8Array): number | null {
  const text = Buffer.from(entryPoint.subarray(0, 5)).toString('latin1');
  const at = text === '_SM3_' ? 7 : text.startsWith('_SM_') ? 6 : null;
  const [major, minor] = at === null ? [] : entryPoint.subarray(at, at + 2);
  return major === undefined || minor === undefined ? null : (major << 8) | minor;
}

/** What was found. */
export interface FoundIds {
  /** As the host tells it. */
  readonly vmId: string | null;
  /** As the kernel prints it. */
  readonly printed: string | null;
  readonly smbios: number | null;
}

/** The firmware's UUID in the usual order, and how it goes together with the host's id. */
export function judgeIds({ vmId, printed, smbios }: FoundIds): {
  readonly uuid: string | null;
  readonly check: VmIdCheck;
} {
  if (printed === null) return { uuid: null, check: unknown("the firmware's UUID can't be had") };
  const isOld = smbios !== null && smbios < 0x206;
  const usual = isOld ? swapUuid(printed) : printed;
  if (vmId === null) return { uuid: usual, check: unknown('the host does not tell the id of this machine') };
  if (vmId === printed) return { uuid: printed, check: { verdict: 'same', says: "the firmware's UUID is the id" } };
  if (vmId === swapUuid(printed)) {
    const says = "the firmware's UUID is the id, with its first three fields in the other byte order";
    return { uuid: vmId, check: { verdict: 'swapped', says } };
  }
  const says = `the firmware has ${usual}: tell machines apart by one of the two, never by both`;
  return { uuid: usual, check: { verdict: 'different', says } };
}

function unknown(says: string): VmIdCheck {
  return { verdict: 'unknown', says };
}
