// SPDX-License-Identifier: MIT
//
// Reads the UIO side of a bound device: `<device>/uio/uioN` with its maps.
// Called by device-reader.ts and driver-binding.ts.
// Source: Documentation/driver-api/uio-howto.rst (attributes); `addr` of map 0 is physical, of the others a kernel address.

import { under } from '../root.js';
import type { UioAttributes, Unreadable } from '../types.js';
import { AttributeFolder, listFolder } from './attributes.js';

const uioName = /^uio(?:0|[1-9]\d{0,6})$/;
const mapName = /^map(\d)$/;

/** The UIO device of a device folder; null while there is none. */
export function readUio(root: string, devicePath: string, unreadable: Unreadable[]): UioAttributes | null {
  const name = listFolder(`${devicePath}/uio`).find((entry) => uioName.test(entry));
  if (name === undefined) return null;
  const path = `${devicePath}/uio/${name}`;
  const folder = new AttributeFolder(path, listFolder(path), unreadable, `uio/${name}/`);
  return {
    name,
    node: under(root, 'dev', name),
    version: folder.text('version'),
    // The counter wraps at 32 bits and is printed with %u.
    event: folder.word('event'),
    maps: readMaps(path, name, unreadable),
  };
}

function readMaps(uioPath: string, name: string, unreadable: Unreadable[]): UioAttributes['maps'] {
  const indexes = listFolder(`${uioPath}/maps`).flatMap((entry) => mapName.exec(entry)?.[1] ?? []);
  return indexes
    .map(Number)
    .sort((a, b) => a - b)
    .map((index) => {
      const path = `${uioPath}/maps/map${index}`;
      const folder = new AttributeFolder(path, listFolder(path), unreadable, `uio/${name}/maps/map${index}/`);
      return {
        index,
        name: folder.text('name'),
        sizeBytes: folder.hex('size'),
        offset: folder.hex('offset'),
        addr: folder.matching('addr', /^0x[0-9a-f]{1,16}$/),
      };
    });
}
