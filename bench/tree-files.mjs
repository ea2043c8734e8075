// SPDX-License-Identifier: MIT
//
// A tree of files like a large guest's /sys: devices with many channels, each file as a kernel without monitor pages shows it.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const acpi = 'sys/devices/VMBUS:00';
const netClass = { guid: 'f8615163-df3e-46c5-913f-f2d2f965ed0e', modalias: '635161f83edfc546913ff2d2f965ed0e' };

function writeAll(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), `${text}\n`);
}

function writeDevice(root, number, channels) {
  const id = `52510a2d-0000-4000-8000-${String(number).padStart(12, '0')}`;
  const folder = path.join(root, acpi, id);
  const relids = Array.from({ length: channels }, (_, i) => 1 + number * channels + i);
  writeAll(folder, {
    ...{
      id: relids[0],
      state: 2,
      class_id: `{${netClass.guid}}`,
      device_id: `{${id}}`,
      vendor: '0x1414',
      device: '0x3',
    },
    ...{ modalias: `vmbus:${netClass.modalias}`, numa_node: 0, driver_override: '(null)' },
    channel_vp_mapping: relids.map((relid, i) => `${relid}:${i % 8}`).join('\n'),
  });
  for (const [index, relid] of relids.entries()) {
    writeAll(path.join(folder, 'channels', String(relid)), {
      ...{ cpu: index % 8, subchannel_id: index, interrupts: 1000 + index, events: 900 + index },
      ...{ intr_in_full: 0, intr_out_empty: 12, out_full_first: 0, out_full_total: 0 },
    });
  }
  symlinkSync(`../../../devices/VMBUS:00/${id}`, path.join(root, 'sys/bus/vmbus/devices', id));
}

/** In memory where there is such a folder. Call `remove` in the end. */
export function makeTree({ devices, channels }) {
  const root = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'vmbus-bench-'));
  for (const folder of ['sys/bus/vmbus/devices', 'sys/bus/vmbus/drivers', 'proc/sys/kernel', 'dev', 'run'])
    mkdirSync(path.join(root, folder), { recursive: true });
  writeFileSync(path.join(root, 'sys/bus/vmbus/hibernation'), '0\n');
  writeFileSync(path.join(root, 'proc/sys/kernel/osrelease'), '6.12.107+deb13-cloud-amd64\n');
  for (let i = 0; i < devices; i++) writeDevice(root, i, channels);
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}
