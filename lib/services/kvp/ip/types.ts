// SPDX-License-Identifier: MIT
//
// The shapes of setting addresses as a host asks for. Nothing runs here.

/** Programs that set up networks, by the files that they read. */
export type NetworkManagerName = 'netplan' | 'network-manager' | 'networkd' | 'ifupdown';

/** An address with the length of its prefix. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
}

/** What a host wants, checked: nothing in it can be more than an address. */
export interface IpSettings {
  readonly interface: string;
  /** IPv4 addresses are to come from DHCP. */
  readonly isDhcp: boolean;
  readonly addresses: readonly IpAddress[];
  readonly gateways: readonly { readonly family: 4 | 6; readonly address: string }[];
  readonly dnsServers: readonly string[];
}

/** Where one of the programs is told. */
export interface IpPlace {
  readonly manager: NetworkManagerName;
  readonly interface: string;
  /** The one file that is written; other files of the program stay as they are. */
  readonly file: { readonly path: string; readonly mode: number };
  /** Run one after the other, once the file is there; and again when it was taken back. */
  readonly commands: readonly (readonly string[])[];
}

/** What it is told. */
export interface IpPlan extends IpPlace {
  readonly file: IpPlace['file'] & { readonly content: string };
}
