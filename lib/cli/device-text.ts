// SPDX-License-Identifier: MIT
//
// Devices as text: the words of single fields, the block of `-v`, and the tree.

import type { Bus, Device, RingAttributes } from '../index.js';
import type { Glyphs } from './draw/glyphs.js';
import { runs } from './figures.js';
import type { Paint } from './paint.js';

/** What text is drawn with. */
export interface TextStyle {
  readonly paint: Paint;
  readonly glyphs: Glyphs;
  /** How much to say: 0, 1 (`-v`), 2 (`-vv`). */
  readonly verbosity: number;
}

/** The driver bound; `none` where Linux has one that is not there; `-` where it has none. */
export function driverText({ driver, class: { nativeDrivers } }: Device, paint: Paint): string {
  if (driver) return nativeDrivers.includes(driver) ? driver : paint.accent(driver);
  return nativeDrivers.length > 0 ? paint.warn('none') : '-';
}

/** The same for a line of its own: why there is none, where there is none. */
function driverPhrase(device: Device, paint: Paint): string {
  const { driver, nativeDriver } = { driver: device.driver, nativeDriver: device.class.nativeDriver };
  if (driver) return driverText(device, paint);
  return nativeDriver
    ? paint.warn(`no driver (${nativeDriver} is made for it)`)
    : paint.dim('no driver (Linux has none)');
}

/** The state by name, coloured when it is not the usual one. */
export function stateText({ stateName }: Device, paint: Paint): string {
  if (stateName === null) return '-';
  return stateName === 'open' ? paint.good(stateName) : stateName;
}

/** `eth0 uio0` */
export function childrenText({ children }: Device): string {
  return children.map(({ name }) => name).join(' ');
}

/** `0-7`, the CPUs that channels interrupt. */
export function cpusText({ cpuMap }: Device): string {
  return runs(cpuMap.map(({ cpu }) => cpu));
}

/** The folder behind a root, in words. */
function worldText({ kind, root }: Bus): string {
  if (kind === 'guest') return root === '/' ? 'this guest' : `a guest's tree at ${root}`;
  return kind === 'simulated' ? `a simulated host at ${root}` : `a snapshot at ${root}`;
}

/** One device as a block of lines. */
export function deviceBlock(device: Device, { paint, glyphs, verbosity }: TextStyle): string[] {
  const field = (name: string, text: string): string => `      ${paint.dim(name.padEnd(9))} ${text}`;
  const lines = [
    `${String(device.relid ?? '?').padStart(5)} ${paint.bold(device.class.name)}  ${device.class.title}`,
    field('device', device.id),
    field('driver', `${driverText(device, paint)}  ${stateText(device, paint)}${overrideText(device)}`),
    ...device.children.map(({ kind, name, title }) => field(kind, title ? `${name}  (${title})` : name)),
    ...channelLines(device, glyphs).map((line, i) => field(i === 0 ? 'channels' : '', line)),
  ];
  if (verbosity < 2) return lines;
  const { class: type, modalias, numaNode, monitorId } = device;
  return [
    ...lines,
    field('class', `${type.guid}  index ${numberText(device.deviceIndex)}  vendor ${numberText(device.vendor, 16)}`),
    field('modalias', modalias ?? '-'),
    field('placing', `NUMA node ${numberText(numaNode)}  ${type.performance ? 'spread over CPUs' : 'lives on CPU 0'}`),
    field('doorbell', monitorId === null ? 'hypercall' : `monitor page, id ${monitorId}`),
    field('in ring', ringText(device.in)),
    field('out ring', ringText(device.out)),
    field('path', device.path),
    ...device.unreadable.map(({ attribute, errno }) => field('unread', `${attribute}: ${errno}`)),
  ];
}

function overrideText({ driverOverride }: Device): string {
  return driverOverride ? `  (override ${driverOverride})` : '';
}

function numberText(value: number | null, radix = 10): string {
  if (value === null) return '-';
  return radix === 16 ? `0x${value.toString(16)}` : String(value);
}

function ringText(ring: RingAttributes): string {
  if (ring.writeIndex === null) return 'none mapped by the kernel';
  const { readIndex, writeIndex, readBytesAvail, writeBytesAvail, interruptMask } = ring;
  return `write ${writeIndex}  read ${readIndex ?? '-'}  used ${readBytesAvail ?? '-'}  free ${writeBytesAvail ?? '-'}  mask ${interruptMask ?? '-'}`;
}

/** One line a channel, with what its folder says. */
function channelLines({ channels }: Device, { arrow }: Glyphs): string[] {
  return channels.map(({ relid, cpu, isPrimary, subchannelId, signalling }) => {
    const role = isPrimary ? 'primary' : `subchannel ${subchannelId ?? '?'}`;
    return `${relid} ${arrow} CPU ${cpu ?? '?'}  ${role}, ${signalling}`;
  });
}

/** The whole bus as a tree. */
export function busTree(bus: Bus, devices: readonly Device[], style: TextStyle): string[] {
  const { paint, glyphs } = style;
  const channels = devices.reduce((sum, { cpuMap }) => sum + cpuMap.length, 0);
  const size = `${devices.length} device${devices.length === 1 ? '' : 's'}, ${channels} channel${channels === 1 ? '' : 's'}`;
  const head = `${paint.bold('vmbus')}  ${paint.dim(`${size}, ${worldText(bus)}`)}`;
  const wide = Math.max(0, ...devices.map((device) => device.class.name.length));
  return [
    head,
    ...devices.flatMap((device, i) => {
      const isLast = i === devices.length - 1;
      const stem = isLast ? glyphs.gap : glyphs.stem;
      const title = `${paint.bold(device.class.name.padEnd(wide))}  ${device.class.title}`;
      const leaves = deviceLeaves(device, style);
      return [
        `${paint.dim(isLast ? glyphs.last : glyphs.branch)}${title}`,
        ...leaves.map((leaf, k) => paint.dim(stem + (k === leaves.length - 1 ? glyphs.last : glyphs.branch)) + leaf),
      ];
    }),
  ];
}

function deviceLeaves(device: Device, { paint, glyphs, verbosity }: TextStyle): string[] {
  const state = device.stateName ? ` ${glyphs.dot} ${stateText(device, paint)}` : '';
  const leaves = [`${driverPhrase(device, paint)}${state}`];
  for (const { kind, name, title } of device.children) leaves.push(`${paint.accent(name)} ${paint.dim(title ?? kind)}`);
  if (verbosity > 0) leaves.push(paint.dim(device.id));
  return [...leaves, channelLeaf(device, { paint, glyphs, verbosity })];
}

/** Few channels one by one, many of them in one phrase. */
function channelLeaf(device: Device, { paint, glyphs, verbosity }: TextStyle): string {
  const { cpuMap } = device;
  if (cpuMap.length === 0) return paint.dim('no channel');
  if (cpuMap.length > 4 && verbosity === 0) return `${cpuMap.length} channels ${glyphs.arrow} CPUs ${cpusText(device)}`;
  const list = cpuMap.map(({ relid, cpu }) => `${relid} ${glyphs.arrow} CPU ${cpu}`).join(', ');
  return `${cpuMap.length === 1 ? 'channel' : 'channels'} ${list}`;
}
