// SPDX-License-Identifier: MIT
//
// What a network interface was before its card was taken, and how it is made so again: shapes, and nothing that runs.
// Exported with the others by lib/bus/types.ts. Numbers are those of rtnetlink(7).

/** An address that somebody set: none that a DHCP client or a router's advertisement owns, none that the kernel makes by itself. */
export interface InterfaceAddress {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  /** The other end, where it is no network but a line between two; `prefixLength` is the peer's then. */
  readonly peer?: string;
  readonly broadcast?: string;
  /** 253: this link, 254: this machine. Left out for everywhere, and for IPv6, where the address itself tells. */
  readonly scope?: number;
  /** Where it is another than the interface's name. */
  readonly label?: string;
  /** Of the route that the kernel makes for it. */
  readonly metric?: number;
  readonly flags?: readonly AddressFlag[];
}

/** Words of ip-address(8). */
export type AddressFlag = 'noprefixroute' | 'nodad' | 'home' | 'mngtmpaddr' | 'autojoin' | 'deprecated';

/** A route that somebody set through an interface: none of the kernel's own, of a DHCP client or of a routing daemon. */
export interface InterfaceRoute {
  readonly family: 4 | 6;
  /** Left out for a plain one. */
  readonly type?: 'local' | 'broadcast' | 'anycast' | 'multicast';
  /** `default`, `10.1.0.0/16`, `10.1.0.7`. */
  readonly destination: string;
  /** 254 is the main one. */
  readonly table: number;
  /** Who set it: 3 an administrator, 4 a network service. */
  readonly protocol: number;
  readonly scope?: number;
  readonly metric?: number;
  /** Of the other family, too: an IPv4 route may lead to an IPv6 neighbour. */
  readonly gateway?: string;
  /** Address that packets leave with. */
  readonly source?: string;
  /** The gateway is on the link, whatever its address says. */
  readonly onlink?: true;
  readonly preference?: 'low' | 'high';
  /** `mtu`, `advmss` and the like. */
  readonly options?: Readonly<Partial<Record<RouteOption, number>>>;
}

/** Words of ip-route(8). */
export type RouteOption = 'mtu' | 'advmss' | 'hoplimit' | 'initcwnd' | 'initrwnd' | 'window' | 'quickack';

/** What goes on record of a card's interface. */
export interface InterfaceState {
  readonly name: string;
  readonly altNames: readonly string[];
  readonly isUp: boolean;
  readonly mtu: number;
  /** Bridge, bond or VRF that it is part of. */
  readonly master: string | null;
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly InterfaceRoute[];
  /** `10.0.0.5/24`: what a DHCP client or router advertisements own, for the report: it comes back with them. */
  readonly leased: readonly string[];
}

/** A command that puts back a piece of an interface. */
export interface InterfaceCommand {
  /** What it does, e.g. "set the MTU of eth1". */
  readonly what: string;
  /** Program and words, to be run without a shell. */
  readonly argv: readonly string[];
}

/** What became of a card's interface when the card went back. */
export interface InterfaceReturn {
  /** Its name now; the one on record as long as there is none. */
  readonly name: string;
  /** What was run, or would be. */
  readonly commands: readonly InterfaceCommand[];
  /** What is missing all the same, each with the command to type; also among the warnings. */
  readonly missing: readonly string[];
}
