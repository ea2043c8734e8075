// SPDX-License-Identifier: MIT
//
// A tree of files as the kernel shows a bus, written into a temporary folder: what the bus tests read instead of a guest.
// Texts are those of real kernels (6.12, 7.2) with a QEMU balloon, and of Hyper-V guests where QEMU has no such device.

import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** Shorter than the kernel's path, so that a socket can stand for an attribute. */
export const acpi = 'sys/devices/VMBUS:00';

/** Instance GUIDs of the devices made here. */
export const balloonId = '52510a2d-0000-4000-8000-000000000001';
export const netId = '52510a2d-0000-4000-8000-000000000002';
export const scsiId = '52510a2d-0000-4000-8000-000000000003';
export const kvpId = '52510a2d-0000-4000-8000-000000000004';

const classes: Readonly<Record<string, { guid: string; modalias: string; index: string }>> = {
  balloon: { guid: '525074dc-8985-46e2-8057-a307dc18a502', modalias: 'dc7450528589e2468057a307dc18a502', index: '0xf' },
  net: { guid: 'f8615163-df3e-46c5-913f-f2d2f965ed0e', modalias: '635161f83edfc546913ff2d2f965ed0e', index: '0x3' },
  scsi: { guid: 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f', modalias: 'd96361baa104294db60572e2ffb1dc7f', index: '0x1' },
  kvp: { guid: 'a9a0f4e7-5a45-4d96-b827-8a841e8c03e6', modalias: 'e7f4a0a9455a964db8278a841e8c03e6', index: '0x9' },
};

/** What a device is made with. */
export interface FixtureDevice {
  readonly id: string;
  readonly className: 'balloon' | 'net' | 'scsi' | 'kvp';
  readonly relid: number;
  readonly driver?: string;
  readonly monitorId?: number;
}

export class BusTree implements Disposable {
  /** In memory where there is such a folder: some tests write thousands of files. */
  readonly root: string = realpathSync(mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'vmbus-bus-')));

  constructor() {
    for (const folder of ['sys/bus/vmbus/devices', 'sys/bus/vmbus/drivers', acpi, 'proc', 'dev', 'run'])
      this.folder(folder);
    this.write('sys/bus/vmbus/hibernation', '0\n');
    // No kernel stands behind this tree; what binds in it does so on purpose.
    this.write('run/vmbus/test-tree', '');
    this.write('proc/sys/kernel/osrelease', '6.12.107+deb13-cloud-amd64\n');
  }

  path(entry: string): string {
    return join(this.root, entry);
  }

  folder(entry: string): void {
    mkdirSync(this.path(entry), { recursive: true });
  }

  write(entry: string, text: string): void {
    this.folder(dirname(entry));
    writeFileSync(this.path(entry), text);
  }

  writeAll(folder: string, files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) this.write(join(folder, name), `${text}\n`);
  }

  /** A relative link, as the kernel makes them. */
  link(entry: string, target: string): void {
    this.folder(dirname(entry));
    symlinkSync(relative(dirname(this.path(entry)), this.path(target)), this.path(entry));
  }

  remove(entry: string): void {
    rmSync(this.path(entry), { recursive: true, force: true });
  }

  exists(entry: string): boolean {
    return existsSync(this.path(entry));
  }

  driver(name: string): void {
    this.folder(`sys/bus/vmbus/drivers/${name}`);
  }

  /** A device as the kernel shows one that nobody opened; answers its folder. */
  device({ id, className, relid, driver, monitorId }: FixtureDevice): string {
    const folder = `${acpi}/${id}`;
    const { guid, modalias, index } = classes[className] ?? { guid: '', modalias: '', index: '' };
    this.writeAll(folder, {
      id: String(relid),
      state: '2',
      class_id: `{${guid}}`,
      device_id: `{${id}}`,
      modalias: `vmbus:${modalias}`,
      vendor: '0x1414',
      device: index,
      numa_node: '0',
      channel_vp_mapping: `${relid}:0`,
      driver_override: '(null)',
    });
    if (monitorId !== undefined) {
      this.writeAll(folder, {
        monitor_id: String(monitorId),
        server_monitor_pending: '0',
        client_monitor_pending: '-2147483648',
        server_monitor_latency: '0',
        client_monitor_latency: '200',
        server_monitor_conn_id: '0',
        client_monitor_conn_id: '65554',
      });
    }
    this.channel(folder, relid, 0, monitorId);
    this.link(`sys/bus/vmbus/devices/${id}`, folder);
    if (driver !== undefined) this.bind(id, driver);
    return folder;
  }

  channel(folder: string, relid: number, index: number, monitorId?: number): void {
    this.writeAll(`${folder}/channels/${relid}`, {
      cpu: '0',
      subchannel_id: String(index),
      interrupts: '0',
      events: '0',
      intr_in_full: '0',
      intr_out_empty: '0',
      out_full_first: '0',
      out_full_total: '0',
      ...(monitorId === undefined ? {} : { monitor_id: String(monitorId), pending: '0', latency: '200' }),
    });
  }

  /** Sets the links that say which driver has the device. */
  bind(id: string, driver: string): void {
    this.driver(driver);
    this.link(`${acpi}/${id}/driver`, `sys/bus/vmbus/drivers/${driver}`);
  }

  unbind(id: string): void {
    this.remove(`${acpi}/${id}/driver`);
  }

  /** The UIO side of a device, as Linux 7 shows it. */
  uio(id: string, name = 'uio0'): void {
    const folder = `${acpi}/${id}/uio/${name}`;
    this.writeAll(folder, { name: 'uio_hv_generic', version: '0.02.1', event: '0', dev: '240:0' });
    const maps = [
      ['txrx_rings', '0x0000000000400000'],
      ['int_page', '0x0000000000001000'],
      ['monitor_page', '0x0000000000001000'],
    ];
    maps.forEach(([mapName = '', size = ''], index) => {
      this.writeAll(`${folder}/maps/map${index}`, { name: mapName, addr: '0x000000003d000000', size, offset: '0x0' });
    });
    this.write(`dev/${name}`, '');
  }

  /** A network interface below a device. */
  net(id: string, name: string, files: Readonly<Record<string, string>> = {}): void {
    const folder = `${acpi}/${id}/net/${name}`;
    this.writeAll(folder, { address: '00:15:5d:01:02:03', flags: '0x1003', ...files });
    this.folder('sys/class/net');
    this.link(`${folder}/subsystem`, 'sys/class/net');
    this.link(`${folder}/device`, `${acpi}/${id}`);
    this.link(`sys/class/net/${name}`, folder);
  }

  /** A disk with one partition, below a SCSI host of a device. */
  disk(id: string, name: string, number: string): void {
    const host = `${acpi}/${id}/host2`;
    const folder = `${host}/target2:0:0/2:0:0:0/block/${name}`;
    this.folder('sys/class/block');
    for (const [entry, kind] of [
      [host, 'scsi'],
      [`${host}/scsi_host/host2`, 'scsi_host'],
      [`${host}/target2:0:0/2:0:0:0`, 'scsi'],
      [folder, 'block'],
    ] as const) {
      this.folder(entry);
      this.folder(`sys/class/${kind}`);
      this.link(`${entry}/subsystem`, `sys/class/${kind}`);
    }
    this.write(`${host}/target2:0:0/2:0:0:0/model`, 'Virtual Disk    \n');
    this.writeAll(folder, { dev: `${number}:0`, size: '1024' });
    this.writeAll(`${folder}/${name}1`, { dev: `${number}:1`, partition: '1' });
    this.folder(`${folder}/holders`);
    this.folder(`${folder}/${name}1/holders`);
    this.link(`sys/class/block/${name}`, folder);
    this.link(`sys/class/block/${name}1`, `${folder}/${name}1`);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
