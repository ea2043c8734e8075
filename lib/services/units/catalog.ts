// SPDX-License-Identifier: MIT
//
// The files that `hv service` can install: systemd units, OpenRC scripts and udev rules, kept as they are under contrib/.
// Called by plan.ts.

/** What starts services in a root. */
export type InitSystem = 'systemd' | 'openrc' | 'unknown';

/** A file of the package and its place under a root. */
export interface UnitFile {
  /** Path under contrib/. */
  readonly source: string;
  /** Path under the root. */
  readonly target: string;
  readonly mode: number;
}

/** Something that can be installed. */
export interface UnitInfo {
  readonly name: string;
  readonly title: string;
  readonly kind: 'service' | 'rule';
  /** The command of `hv` that it runs; null for a rule. */
  readonly command: string | null;
  /** Units of distributions that serve the same, and are stopped while ours runs. */
  readonly conflicts: readonly string[];
}

/** An entry of the catalog. */
export interface CatalogEntry extends UnitInfo {
  /** Files for each kind of system; a sentence where there are none, and why. */
  readonly files: Readonly<Record<Exclude<InitSystem, 'unknown'>, readonly UnitFile[] | string>>;
}

const systemd = (name: string): UnitFile => ({
  source: `systemd/${name}.service`,
  target: `etc/systemd/system/${name}.service`,
  mode: 0o644,
});
const rule = (name: string): UnitFile => ({
  source: `udev/${name}.rules`,
  target: `etc/udev/rules.d/${name}.rules`,
  mode: 0o644,
});

const withoutScript = (service: string): string =>
  `there is no script for OpenRC: run \`hv ${service} serve\` under supervise-daemon, and rc-update del hv_${service}_daemon`;

/** Everything there is, in the order of the list. */
export const catalog: readonly CatalogEntry[] = [
  {
    name: 'on-shutdown',
    title: 'run /etc/vmbus/on-shutdown before the guest shuts down',
    kind: 'service',
    command: 'on shutdown',
    conflicts: [],
    files: {
      systemd: [systemd('vmbus-on-shutdown')],
      openrc:
        'OpenRC has nothing that waits for it: put the command into /etc/local.d/vmbus.stop, and rc-update add local default',
    },
  },
  {
    name: 'kvp',
    title: "serve key-value pairs in the place of the distribution's daemon",
    kind: 'service',
    command: 'kvp serve',
    conflicts: ['hv-kvp-daemon.service', 'hypervkvpd.service', 'hv_kvp_daemon.service'],
    files: { systemd: [systemd('vmbus-kvp')], openrc: withoutScript('kvp') },
  },
  {
    name: 'vss',
    title: 'serve backups with the hooks in /etc/vmbus/backup.d',
    kind: 'service',
    command: 'vss serve',
    conflicts: ['hv-vss-daemon.service', 'hypervvssd.service', 'hv_vss_daemon.service'],
    files: { systemd: [systemd('vmbus-vss')], openrc: withoutScript('vss') },
  },
  {
    name: 'fcopy',
    title: 'receive files of the host in /srv/inbox',
    kind: 'service',
    command: 'fcopy serve',
    conflicts: [
      'hv-fcopy-daemon.service',
      'hypervfcopyd.service',
      'hv_fcopy_daemon.service',
      'hv_fcopy_uio_daemon.service',
    ],
    files: { systemd: [systemd('vmbus-fcopy')], openrc: withoutScript('fcopy') },
  },
  {
    name: 'ptp-link',
    title: "name the host's clock /dev/ptp_hyperv",
    kind: 'rule',
    command: null,
    conflicts: [],
    files: { systemd: [rule('60-vmbus-ptp')], openrc: [rule('60-vmbus-ptp')] },
  },
  {
    name: 'memory-online',
    title: 'take memory into use that the host adds',
    kind: 'rule',
    command: null,
    conflicts: [],
    files: { systemd: [rule('60-vmbus-memory')], openrc: [rule('60-vmbus-memory')] },
  },
];
