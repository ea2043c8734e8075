// SPDX-License-Identifier: MIT
//
// Whether a guest's first word can be the beginning of a connection. Pure.
// Called by: control-path.ts. Source: drivers/hv/connection.c of Linux (vmbus_negotiate_version).

import { BusVersion, type InitiateContact } from '../../protocol/control/types.js';

/** Versions spoken here. */
const versions: readonly number[] = Object.values(BusVersion).filter((version) => version >= BusVersion.win8);
/** Guests before this one have messages on processor 0, whatever they say. */
const firstWithProcessor: number = BusVersion.win8r2;
const lines = 16;
const usualLine = 2;

/** The contact as it is meant. */
export function settled(contact: InitiateContact): InitiateContact {
  return contact.version < firstWithProcessor ? { ...contact, processor: 0 } : contact;
}

/** `accept`, `unknown version` (the guest tries an older one), or a sentence that says what makes no sense. */
export function judge(contact: InitiateContact, processors: number, newest: number): string {
  const { version, processor, sint, monitorToGuest, monitorToHost } = contact;
  if (!versions.includes(version) || version > newest) return 'unknown version';
  if (processor >= processors) return `contact from processor ${processor}, which does not exist`;
  if (sint >= lines) return `contact on interrupt line ${sint}, which does not exist`;
  if ((monitorToGuest === 0) !== (monitorToHost === 0)) return 'contact with one monitor page instead of two';
  return 'accept';
}

/** Where an answer can be sent even to a contact that makes no sense. */
export function reachable(
  { processor, sint }: InitiateContact,
  processors: number,
): { readonly processor: number; readonly sint: number } {
  return { processor: processor < processors ? processor : 0, sint: sint < lines ? sint : usualLine };
}
