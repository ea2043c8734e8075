// SPDX-License-Identifier: MIT
//
// The folder `uio/uioN` of a device bound to uio_hv_generic, and its link in sys/class/uio.
// Called by: local/device.ts. Source: drivers/uio/uio.c.

import { type UioMap, uioMajor, uioTexts } from './attributes.js';
import type { Tree } from './tree.js';
import type { Uevent } from './uevents.js';

/** Shows the UIO device of a device. */
export function showUio(tree: Tree, deviceFolder: string, minor: number, maps: readonly UioMap[], event: number): void {
  const folder = `${deviceFolder}/uio/uio${minor}`;
  for (const map of maps.keys()) tree.folder(`${folder}/maps/map${map}`);
  for (const [name, text] of Object.entries(uioTexts(minor, maps, event))) tree.put(`${folder}/${name}`, text);
  tree.link(`${folder}/device`, deviceFolder);
  tree.link(`${folder}/subsystem`, 'sys/class/uio');
  tree.link(`sys/class/uio/uio${minor}`, folder);
}

/** Writes the event counter. */
export function uioEvent(tree: Tree, deviceFolder: string, minor: number, event: number): void {
  tree.put(`${deviceFolder}/uio/uio${minor}/event`, `${event}\n`);
}

export function hideUio(tree: Tree, deviceFolder: string, minor: number): void {
  tree.remove(`sys/class/uio/uio${minor}`);
  tree.remove(`${deviceFolder}/uio`);
}

/** The uevent of a UIO device that comes or goes. */
export function uioUevent(action: 'add' | 'remove', deviceFolder: string, minor: number): Uevent {
  const devpath = `${deviceFolder.slice('sys'.length)}/uio/uio${minor}`;
  return { action, devpath, subsystem: 'uio', variables: { MAJOR: uioMajor, MINOR: minor, DEVNAME: `uio${minor}` } };
}
