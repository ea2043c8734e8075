// SPDX-License-Identifier: MIT
//
// A picture of the bus to take away: a folder that `openBus({ root })`, `detect` and `doctor` read like the guest itself, with
// MACs, host names, serial numbers and kernel addresses replaced.
// Called by scripts and `hv snapshot`. Calls snapshot/*.

import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { deviceIds, devicePath } from '../bus/read/device-reader.js';
import { checkLimits, checkOptionNames, checkText } from '../check.js';
import { captureFacts } from './evidence.js';
import { factsOf, settleRoot } from './info.js';
import { captureSystem, learnNames, mountTypes } from './snapshot/capture-system.js';
import { TreeCapture } from './snapshot/capture-tree.js';
import { Redactor } from './snapshot/redactor.js';
import { TreeWriter } from './snapshot/tree-writer.js';

/** Options of {@link captureSnapshot}. */
export interface SnapshotOptions {
  /** What to capture. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  readonly signal?: AbortSignal;
}

/** What was captured. */
export interface SnapshotResult {
  /** The folder, absolute. */
  readonly to: string;
  readonly devices: number;
  readonly files: number;
  readonly links: number;
  /** Attributes that could not be read, and answer with the same errno in the snapshot. */
  readonly unreadable: number;
  readonly replacements: number;
  /** What is still in it that one may not want to give away. */
  readonly notes: readonly string[];
}

/** Classes whose members lib/bus looks up by name. */
const classes = ['net', 'uio', 'ptp', 'misc'];
const azureMacGuid = /^000d3a|^0022[48]|^6045bd|^7c1e52|^7ced8d/;

/**
 * Captures the bus and what surrounds it into a folder, which must not exist or be empty. Reads only; as root it sees all
 * attributes, as somebody else it keeps what was refused as refused.
 * @throws VmbusError ERR_VMBUS_IN_USE, ERR_VMBUS_SYSTEM; TypeError for wrong arguments; the signal's reason
 * @example
 * const { notes } = await captureSnapshot('./capture');
 * const bus = openBus({ root: './capture' });
 * @category Insight
 */
export async function captureSnapshot(to: string, options: SnapshotOptions = {}): Promise<SnapshotResult> {
  checkOptionNames(options, ['root', 'signal']);
  checkText(options.root, 'options.root');
  checkLimits({ signal: options.signal });
  options.signal?.throwIfAborted();
  const root = settleRoot(options.root);
  const writer = new TreeWriter(to);
  const redactor = new Redactor();
  learnNames(root, redactor);
  const tree = new TreeCapture(root, writer, redactor);
  writer.text('info.json', `${JSON.stringify(captureFacts(factsOf(root)), null, 2)}\n`);
  const ids = deviceIds(root);
  for (const id of ids) {
    options.signal?.throwIfAborted();
    captureDevice(root, id, writer, tree);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  captureBus(root, writer, tree);
  for (const name of classes) captureClass(root, name, writer, tree);
  captureSystem(root, writer, redactor);
  const notes = notesFor(ids);
  const summary = {
    devices: ids.length,
    unreadable: Object.keys(writer.unreadable).length,
    replacements: redactor.count,
    notes,
  };
  const document = {
    schema: 1,
    capturedAt: new Date().toISOString(),
    ...summary,
    mounts: mountTypes(root),
    unreadable: writer.unreadable,
  };
  writer.text('snapshot.json', `${JSON.stringify(document, null, 2)}\n`);
  return { to: writer.folder, files: writer.files, links: writer.links, ...summary };
}

function captureDevice(root: string, id: string, writer: TreeWriter, tree: TreeCapture): void {
  const folder = devicePath(root, id as Parameters<typeof devicePath>[1]);
  if (folder === null) return;
  const relative = path.relative(root, folder);
  tree.device(relative);
  const entry = `sys/bus/vmbus/devices/${id}`;
  if (relative !== entry) writer.link(entry, path.relative('sys/bus/vmbus/devices', relative));
}

function captureBus(root: string, writer: TreeWriter, tree: TreeCapture): void {
  const names = list(path.join(root, 'sys/bus/vmbus'));
  if (names.length === 0) return;
  writer.directory('sys/bus/vmbus/devices');
  for (const name of ['hibernation', 'drivers_autoprobe'])
    if (names.includes(name)) tree.attribute(`sys/bus/vmbus/${name}`);
  for (const driver of list(path.join(root, 'sys/bus/vmbus/drivers')))
    writer.directory(`sys/bus/vmbus/drivers/${driver}`);
}

/** Links of a class with what they point to, as far as it belongs to the bus or is nobody's in particular. */
function captureClass(root: string, name: string, writer: TreeWriter, tree: TreeCapture): void {
  for (const entry of list(path.join(root, 'sys/class', name))) {
    if (name === 'misc' && !entry.startsWith('vmbus!')) continue;
    const relative = `sys/class/${name}/${entry}`;
    const target = targetOf(root, relative);
    if (target === null) continue;
    tree.object(target);
    if (target !== relative) writer.link(relative, path.relative(path.dirname(relative), target));
  }
}

/** Where an entry of a class really lies, under the root; null where it leads nowhere or out of it. */
function targetOf(root: string, relative: string): string | null {
  try {
    readlinkSync(path.join(root, relative));
  } catch {
    return relative;
  }
  try {
    const inside = path.relative(root, realpathSync(path.join(root, relative)));
    return inside === '' || inside.startsWith('..') ? null : inside;
  } catch {
    return null;
  }
}

function notesFor(ids: readonly string[]): string[] {
  const notes = ['instance GUIDs of the devices are kept, since everything is named by them'];
  if (ids.some((id) => azureMacGuid.test(id)))
    notes.push('in Azure the instance GUID of a network device is made of its MAC, which is therefore still in it');
  return notes;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
