// SPDX-License-Identifier: MIT
//
// Puts the report of the self test together: what was detected, what the bus shows, what the doctor found; without names.

import { arch, release } from 'node:os';
import type { Bus, CheckResult, Detection, Device } from '../../index.js';
import { detect, deviceClasses, doctor, VmbusError } from '../../index.js';
import type { Context } from '../context.js';
import { openDevice } from '../open-device.js';
import { version } from '../program.js';
import { probeAttributes } from './attributes.js';
import { probeKernel } from './kernel.js';
import { redact } from './redact.js';
import type { Probe } from './types.js';

/** The report. Its fields are part of the contract: add, never rename. */
export interface SelftestReport {
  readonly schema: 'vmbus.selftest/1';
  readonly tool: Readonly<Record<'version' | 'node' | 'arch' | 'kernel', string>>;
  readonly detection: Detection;
  readonly devices: readonly Readonly<Record<string, unknown>>[];
  readonly probes: readonly Probe[];
  readonly doctor: { readonly counts: Readonly<Record<string, number>>; readonly found: readonly CheckResult[] };
  /** What would need a device to be opened. */
  readonly notDone: readonly string[];
}

const notDoneWithoutOpening = [
  'opening and closing a channel',
  'the sizes of rings as they are mapped',
  'wakes and doorbells',
  'rings of subchannels',
];

/** Looks at everything; opens the device named, and nothing where none is. */
export async function makeReport(context: Context, device: string | undefined): Promise<SelftestReport> {
  const root = await context.root();
  const detection = detect({ root });
  const bus = await busOrNull(context);
  const devices = bus?.devices() ?? [];
  const probes: Probe[] = [{ id: 'detect', status: 'pass', detail: detection.summary }, ...lookAt(bus, devices)];
  if (device !== undefined) probes.push(await probeOpening(context, device));
  const { counts, results } = await doctor({ root, signal: context.signal });
  const report: SelftestReport = {
    schema: 'vmbus.selftest/1',
    tool: { version: version(), node: process.version, arch: arch(), kernel: release() },
    detection,
    devices: devices.map(summaryOf),
    probes,
    doctor: { counts, found: results.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn') },
    notDone: device === undefined ? notDoneWithoutOpening : [],
  };
  const classes = [...deviceClasses.map(({ guid }) => guid), ...devices.map(({ class: type }) => type.guid)];
  return redact(report, new Set<string>(classes), { devices: devices.map(({ id }) => id), root }) as SelftestReport;
}

async function busOrNull(context: Context): Promise<Bus | null> {
  try {
    return await context.bus();
  } catch (error) {
    if (VmbusError.is(error) && error.code === 'ERR_VMBUS_NOT_A_GUEST') return null;
    throw error;
  }
}

function lookAt(bus: Bus | null, devices: readonly Device[]): Probe[] {
  if (bus === null) return [{ id: 'bus.listing', status: 'absent', detail: 'there is no bus' }];
  const unknown = devices.filter((device) => device.class.name === 'unknown').map((device) => device.class.guid);
  const detail = `${devices.length} devices${unknown.length > 0 ? `, ${unknown.length} of unknown classes` : ''}`;
  const listing: Probe = {
    id: 'bus.listing',
    status: unknown.length > 0 ? 'differs' : 'pass',
    detail,
    facts: { unknown },
  };
  return [listing, ...probeAttributes(bus), ...probeKernel(bus)];
}

/** Opens a device, looks at its rings, and closes it: the one thing that touches the host. */
async function probeOpening(context: Context, name: string): Promise<Probe> {
  const startMs = performance.now();
  const { device, channel } = await openDevice(context, name);
  const openMs = Math.round(performance.now() - startMs);
  const { in: inRing, out: outRing, node, signalling, wakes } = channel.inspect();
  const { maxPayloadBytes } = channel;
  await channel.close();
  const { kind, maskAtOpen } = node;
  const className = device.class.name;
  const facts = { className, openMs, inRing, outRing, kind, maskAtOpen, signalling, wakes, maxPayloadBytes };
  return { id: 'channel.open', status: 'pass', detail: `${className} opened and closed in ${openMs} ms`, facts };
}

function summaryOf(device: Device): Record<string, unknown> {
  return {
    class: device.class.name,
    classGuid: device.class.guid,
    driver: device.driver,
    state: device.stateName,
    channels: device.channels.map(({ cpu, signalling }) => ({ cpu, signalling })),
    children: device.children.map(({ kind }) => kind),
    isLent: device.uio !== null,
    hasMonitor: device.monitorId !== null,
  };
}
