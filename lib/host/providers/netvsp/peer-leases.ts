// SPDX-License-Identifier: MIT
//
// The address book of a DHCP server: which client has which address of one network.
// Called by: network-peer.ts.

import { formatMac, maskOf } from '../../../protocol/ethernet/address.js';

/** Clients beyond this get nothing: a guest can make up any number of MAC addresses. */
const mostLeases = 4096;

/** Leases of one network. A client keeps its address until it gives it back. */
export class PeerLeases {
  readonly #network: number;
  readonly #broadcast: number;
  readonly #server: number;
  readonly #byMac = new Map<string, number>();
  /** Addresses in use, also those that a client found to be somebody else's. */
  readonly #taken = new Set<number>();

  constructor(server: number, prefix: number) {
    this.#server = server;
    this.#network = (server & maskOf(prefix)) >>> 0;
    this.#broadcast = (this.#network | ~maskOf(prefix)) >>> 0;
  }

  /** Addresses by MAC address. */
  get byMac(): ReadonlyMap<string, number> {
    return this.#byMac;
  }

  /** The address for a client: its own, else the one it wishes, else the next; null when there is none left. */
  give(mac: Uint8Array, wished: number | null): number | null {
    const client = formatMac(mac);
    const own = this.#byMac.get(client);
    if (own !== undefined) return own;
    const address = wished !== null && this.#isFree(wished) ? wished : this.#next();
    if (address === null || this.#byMac.size >= mostLeases) return null;
    this.#byMac.set(client, address);
    this.#taken.add(address);
    return address;
  }

  /** The client does not want its address any more. */
  release(mac: Uint8Array): void {
    const client = formatMac(mac);
    const address = this.#byMac.get(client);
    if (address === undefined) return;
    this.#byMac.delete(client);
    this.#taken.delete(address);
  }

  /** The client found its address in use: nobody shall get it. */
  decline(mac: Uint8Array): void {
    const client = formatMac(mac);
    const address = this.#byMac.get(client);
    this.release(mac);
    if (address !== undefined && this.#taken.size < mostLeases) this.#taken.add(address);
  }

  #next(): number | null {
    const last = Math.min(this.#broadcast - 1, this.#network + 2 * mostLeases);
    for (let address = this.#network + 1; address <= last; address += 1) if (this.#isFree(address)) return address;
    return null;
  }

  #isFree(address: number): boolean {
    const isInside = address > this.#network && address < this.#broadcast;
    return isInside && address !== this.#server && !this.#taken.has(address);
  }
}
