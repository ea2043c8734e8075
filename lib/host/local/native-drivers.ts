// SPDX-License-Identifier: MIT
//
// What a Linux guest knows about the classes of devices: the drivers made for them, the class index that sysfs shows, the
// ring size that uio_hv_generic picks. Data only. Source: vmbus_devs in drivers/hv/channel_mgmt.c, the drivers' id tables.

import type { Guid } from '../../guid.js';

/** One class as the kernel's table has it. */
export interface KernelClass {
  readonly guid: Guid;
  /** Value of the `device` attribute. */
  readonly deviceIndex: number;
  /** Driver made for it; null for none. */
  readonly driver: string | null;
  /** Channels are spread over the CPUs, instead of living on CPU 0. */
  readonly performance: boolean;
  /** Ring that uio_hv_generic asks for, in bytes before rounding; 2 MiB where absent. */
  readonly ringBytes?: number;
}

function known(guid: string, deviceIndex: number, driver: string | null, performance: boolean): KernelClass {
  return { guid: guid as Guid, deviceIndex, driver, performance };
}

/** Class of file copy, which current kernels give to uio_hv_generic by themselves. */
export const fcopyClass: KernelClass = {
  ...known('34d14be3-dee4-41c8-9ae7-6b174977c192', 0xd, 'uio_hv_generic', false), ringBytes: 0x4000,
};

const classes: readonly KernelClass[] = [
  known('32412632-86cb-44a2-9b5c-50d1417354f5', 0x0, 'hv_storvsc', true),
  known('ba6163d9-04a1-4d29-b605-72e2ffb1dc7f', 0x1, 'hv_storvsc', true),
  known('2f9bcc4a-0069-4af3-b76b-6fd0be528cda', 0x2, 'hv_storvsc', true),
  known('f8615163-df3e-46c5-913f-f2d2f965ed0e', 0x3, 'hv_netvsc', true),
  known('8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501', 0x4, null, true),
  known('44c4f61d-4444-4400-9d52-802e27ede19f', 0x5, 'hv_pci', false),
  known('da0a7802-e377-4aac-8e77-0558eb1073f8', 0x6, 'hyperv_drm', false),
  known('f912ad6d-2b17-48ea-bd65-f927a61c7684', 0x7, 'hyperv_keyboard', false),
  known('cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a', 0x8, 'hid_hyperv', false),
  known('a9a0f4e7-5a45-4d96-b827-8a841e8c03e6', 0x9, 'hv_utils', false),
  known('9527e630-d0ae-497b-adce-e80ab0175caf', 0xa, 'hv_utils', false),
  known('57164f39-9115-4e78-ab55-382f3bd5422d', 0xb, 'hv_utils', false),
  known('0e0b6031-5213-4934-818b-38d90ced39db', 0xc, 'hv_utils', false),
  fcopyClass,
  known('35fa2e29-ea23-4236-96ae-3a6ebacba440', 0xe, 'hv_utils', false),
  known('525074dc-8985-46e2-8057-a307dc18a502', 0xf, 'hv_balloon', false),
];

const byGuid = new Map(classes.map((entry) => [entry.guid, entry]));

/** The class of a GUID; classes that the kernel does not know share index 0x10 and have no driver. */
export function kernelClass(guid: Guid): KernelClass {
  return byGuid.get(guid) ?? { guid, deviceIndex: 0x10, driver: null, performance: false, ringBytes: 0x11000 };
}

/** Name of the driver that hands channels to user space. */
export const uioDriver = 'uio_hv_generic';

/** Drivers in the order in which a guest registers them, with the classes of their id tables. */
export function kernelDrivers(): { readonly name: string; readonly classes: readonly Guid[] }[] {
  const names = [...new Set(classes.map((entry) => entry.driver))].filter((name) => name !== null && name !== uioDriver);
  return [...names, 'hv_sock', uioDriver].map((name) => ({
    name: name as string, classes: classes.filter((entry) => entry.driver === name).map((entry) => entry.guid),
  }));
}

/** Size of one ring with its header page, as uio_hv_generic makes it for a class. */
export function kernelRingBytes(guid: Guid, pageBytes = 4096): number {
  const wanted = kernelClass(guid).ringBytes ?? 2 * 1024 * 1024;
  const withHeader = wanted >= 8 * pageBytes ? wanted : wanted + pageBytes;
  return Math.ceil(withHeader / pageBytes) * pageBytes;
}
