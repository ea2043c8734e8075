// SPDX-License-Identifier: MIT
//
// What things are called where: packages, units and commands of each distribution, so that a fix can be pasted.
// Called by checks. Source: os-release(5); package and unit names as the distributions ship tools/hv of the kernel.

import { existsSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { readOsRelease } from '../../bus/read/os-release.js';

export type DistributionFamily = 'debian' | 'ubuntu' | 'fedora' | 'alpine' | 'suse' | 'arch' | 'nixos' | 'unknown';

/** The distribution of a root. */
export interface Distribution {
  readonly family: DistributionFamily;
  /** Name for people; null where there is no os-release. */
  readonly name: string | null;
  readonly init: 'systemd' | 'openrc' | 'unknown';
}

/** Integration services with a daemon in user space. */
export type DaemonService = 'kvp' | 'vss' | 'fcopy';

const families: Readonly<Record<string, DistributionFamily>> = {
  ubuntu: 'ubuntu',
  debian: 'debian',
  fedora: 'fedora',
  rhel: 'fedora',
  centos: 'fedora',
  alpine: 'alpine',
  suse: 'suse',
  opensuse: 'suse',
  arch: 'arch',
  nixos: 'nixos',
};

/** Names a daemon's unit has been shipped under, today's first. */
const units: Readonly<Record<DaemonService, readonly string[]>> = {
  kvp: ['hv-kvp-daemon', 'hypervkvpd', 'hv_kvp_daemon', 'hyperv-daemons.hv-kvp-daemon'],
  vss: ['hv-vss-daemon', 'hypervvssd', 'hv_vss_daemon', 'hyperv-daemons.hv-vss-daemon'],
  fcopy: [
    'hv-fcopy-daemon',
    'hypervfcopyd',
    'hv_fcopy_daemon',
    'hv_fcopy_uio_daemon',
    'hyperv-daemons.hv-fcopy-daemon',
  ],
};
const unitOfFamily: Readonly<Record<DistributionFamily, (service: DaemonService) => string>> = {
  debian: (service) => `hv-${service}-daemon`,
  ubuntu: (service) => `hv-${service}-daemon`,
  fedora: (service) => `hyperv${service}d`,
  alpine: (service) => `hv_${service}_daemon`,
  suse: (service) => `hv_${service}_daemon`,
  arch: (service) => `hv_${service}_daemon`,
  nixos: (service) => `hv-${service}`,
  unknown: (service) => `hv_${service}_daemon`,
};
const unitFolders = ['etc/systemd/system', 'run/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system'];

/** The distribution of a root, by its os-release. Never throws. */
export function readDistribution(root: string): Distribution {
  const fields = readOsRelease(root);
  const ids = [fields.get('ID') ?? '', ...(fields.get('ID_LIKE') ?? '').split(/\s+/)].map((id) =>
    id.replace(/-(leap|tumbleweed|microos)$/, ''),
  );
  const family = ids.map((id) => families[id]).find((found) => found !== undefined) ?? 'unknown';
  return { family, name: fields.get('PRETTY_NAME') ?? fields.get('NAME') ?? null, init: initOf(root, family) };
}

/** Command that installs the daemons. */
export function installDaemons({ family }: Distribution): string {
  switch (family) {
    case 'debian':
      return 'apt-get install hyperv-daemons';
    case 'ubuntu':
      return 'apt-get install linux-cloud-tools-$(uname -r) linux-cloud-tools-common';
    case 'fedora':
      return 'dnf install hyperv-daemons';
    case 'alpine':
      return 'apk add hvtools';
    case 'suse':
      return 'zypper install hyper-v';
    case 'arch':
      return 'pacman -S hyperv';
    case 'nixos':
      return '# set virtualisation.hypervGuest.enable = true; in configuration.nix, then run nixos-rebuild switch';
    case 'unknown':
      return "# install your distribution's package of the Hyper-V daemons (tools/hv of the kernel)";
    default:
      return family satisfies never;
  }
}

/** Command that brings a kernel module which this kernel has not got. */
export function installModule({ family }: Distribution, module: string): string {
  switch (family) {
    case 'ubuntu':
      return 'apt-get install linux-modules-extra-$(uname -r)';
    case 'debian':
      return 'apt-get install linux-image-$(dpkg --print-architecture)';
    case 'fedora':
      return 'dnf install kernel-modules-extra-$(uname -r)';
    case 'alpine':
      return 'apk add linux-lts';
    case 'suse':
      return 'zypper install kernel-default';
    default:
      return `# install a kernel that has the module ${module}`;
  }
}

/** Name of the daemon's unit here: the one that is installed, else the one this distribution would ship. */
export function unitOf(
  root: string,
  distribution: Distribution,
  service: DaemonService,
): { readonly name: string; readonly isInstalled: boolean } {
  const name = units[service].find((unit) =>
    distribution.init === 'openrc'
      ? existsSync(path.join(root, 'etc/init.d', unit))
      : unitFolders.some((folder) => existsSync(path.join(root, folder, `${unit}.service`))),
  );
  return { name: name ?? unitOfFamily[distribution.family](service), isInstalled: name !== undefined };
}

/** Command that starts a unit now and at every boot. */
export function enableUnit({ init }: Distribution, unit: string): string {
  return init === 'openrc'
    ? `rc-update add ${unit} default && rc-service ${unit} start`
    : `systemctl enable --now ${unit}.service`;
}

/** Command that starts a unit anew. */
export function restartUnit({ init }: Distribution, unit: string): string {
  return init === 'openrc' ? `rc-service ${unit} restart` : `systemctl restart ${unit}.service`;
}

/** Command that loads a module now and at every boot. */
export function loadModule(module: string): string {
  return `modprobe ${module} && echo ${module} > /etc/modules-load.d/${module}.conf`;
}

/** Where the init system notes that it has started a unit, without asking it; null for a mark that is not there. */
export function startedMark(root: string, { init }: Distribution, unit: string): string | null {
  const marks =
    init === 'openrc'
      ? [`run/openrc/started/${unit}`]
      : [`run/systemd/units/invocation:${unit}.service`, `sys/fs/cgroup/system.slice/${unit}.service`];
  return marks.find((mark) => hasEntry(path.join(root, mark))) ?? null;
}

function initOf(root: string, family: DistributionFamily): Distribution['init'] {
  if (existsSync(path.join(root, 'run/systemd/system'))) return 'systemd';
  if (existsSync(path.join(root, 'run/openrc')) || family === 'alpine') return 'openrc';
  return family === 'unknown' ? 'unknown' : 'systemd';
}

/** Like existsSync, but a link is there whatever it points to. */
function hasEntry(file: string): boolean {
  try {
    lstatSync(file);
    return true;
  } catch {
    return false;
  }
}
