// SPDX-License-Identifier: MIT
//
// Takes what surrounds the bus into a snapshot: kernel, modules, distribution, DMI. Nothing that names a machine or its owner.
// Called by snapshot.ts.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { azureAssetTag, dmiFields } from '../evidence.js';
import type { Redactor } from './redactor.js';
import type { TreeWriter } from './tree-writer.js';

const osReleaseKeys = /^(?:ID|ID_LIKE|NAME|PRETTY_NAME|VERSION|VERSION_ID|VERSION_CODENAME|VARIANT|VARIANT_ID)=/;
const hyperVModule = /(?:^|\/)(?:hv_|hyperv|hid[-_]hyperv|pci[-_]hyperv|uio|mlx[45])/;
/** Serial numbers and the like, which other texts may repeat. Root reads them, others need not be protected from them. */
const serials = ['product_uuid', 'product_serial', 'board_serial', 'chassis_serial'];

/** Tells the redactor what names this machine. */
export function learnNames(root: string, redactor: Redactor): void {
  const hostname = read(root, 'proc/sys/kernel/hostname')?.trim() ?? '';
  redactor.learn('host', hostname);
  redactor.learn('host', hostname.split('.')[0] ?? '');
  redactor.learn('serial', read(root, 'etc/machine-id'));
  for (const field of serials) redactor.learn('serial', read(root, `sys/class/dmi/id/${field}`));
}

/** Writes the system's side of the snapshot. */
export function captureSystem(root: string, writer: TreeWriter, redactor: Redactor): void {
  const put = (relative: string, text: string | null | undefined): void => {
    if (text) writer.text(relative, text);
  };
  const release = read(root, 'proc/sys/kernel/osrelease');
  put('proc/sys/kernel/osrelease', release);
  // "(user@machine)" is where the kernel was built.
  put(
    'proc/version',
    read(root, 'proc/version')?.replace(
      /\(([^()\s]+@[^()\s]+)\)/,
      (_, builder: string) => `(${redactor.word(builder)})`,
    ),
  );
  put('proc/version_signature', read(root, 'proc/version_signature'));
  put(
    'proc/modules',
    lines(read(root, 'proc/modules'), () => true)?.replace(/0x[0-9a-f]{9,16}/g, '0x0000000000000000'),
  );
  put(
    'etc/os-release',
    lines(read(root, 'etc/os-release') ?? read(root, 'usr/lib/os-release'), (line) => osReleaseKeys.test(line)),
  );
  for (const field of dmiFields) {
    const text = read(root, `sys/class/dmi/id/${field}`)?.trim();
    if (text)
      put(
        `sys/class/dmi/id/${field}`,
        `${field === 'chassis_asset_tag' && text !== azureAssetTag ? redactor.word(text) : redactor.text(text)}\n`,
      );
  }
  captureModuleLists(root, release?.trim() ?? '', put);
}

/** Filesystem types that are mounted, with their number: paths and devices stay behind. */
export function mountTypes(root: string): Record<string, number> {
  const types: Record<string, number> = {};
  for (const line of read(root, 'proc/mounts')?.split('\n') ?? []) {
    const type = line.split(' ')[2];
    if (type !== undefined) types[type] = (types[type] ?? 0) + 1;
  }
  return types;
}

function captureModuleLists(root: string, release: string, put: (relative: string, text: string | null) => void): void {
  if (!/^[\w.+~-]+$/.test(release)) return;
  for (const list of ['modules.builtin', 'modules.dep']) {
    const text = read(root, `lib/modules/${release}/${list}`) ?? read(root, `usr/lib/modules/${release}/${list}`);
    // An empty list still says that the lists were there, and that nothing of ours is in them.
    if (text !== null)
      put(`lib/modules/${release}/${list}`, lines(text, (line) => hyperVModule.test(line.split(':')[0] ?? '')) || '\n');
  }
}

function lines(text: string | null, wanted: (line: string) => boolean): string | null {
  if (text === null) return null;
  const kept = text.split('\n').filter((line) => line !== '' && wanted(line));
  return kept.map((line) => `${line}\n`).join('');
}

function read(root: string, relative: string): string | null {
  try {
    return readFileSync(path.join(root, relative), 'latin1');
  } catch {
    return null;
  }
}
