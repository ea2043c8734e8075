// SPDX-License-Identifier: MIT
//
// What chrony is called where: packages and units, so that a fix can be pasted.
// Called by advice.ts.

import type { Distribution } from '../doctor/distribution.js';

/** Commands for chrony's unit. */
export function chronyUnit({ family, init }: Distribution): { readonly enable: string; readonly restart: string } {
  if (init === 'openrc')
    return {
      enable: 'rc-update add chronyd default && rc-service chronyd start',
      restart: 'rc-service chronyd restart',
    };
  const name = family === 'debian' || family === 'ubuntu' ? 'chrony' : 'chronyd';
  return { enable: `systemctl enable --now ${name}.service`, restart: `systemctl restart ${name}.service` };
}

/** Command that installs chrony and starts it. */
export function installChrony(distribution: Distribution): string {
  const { enable } = chronyUnit(distribution);
  switch (distribution.family) {
    case 'debian':
    case 'ubuntu':
      return `apt-get install chrony && ${enable}`;
    case 'fedora':
      return `dnf install chrony && ${enable}`;
    case 'suse':
      return `zypper install chrony && ${enable}`;
    case 'alpine':
      return `apk add chrony && ${enable}`;
    case 'arch':
      return `pacman -S chrony && ${enable}`;
    case 'nixos':
      return '# set services.chrony.enable = true; in configuration.nix, then run nixos-rebuild switch';
    case 'unknown':
      return '# install chrony and start it';
    default:
      return distribution.family satisfies never;
  }
}
