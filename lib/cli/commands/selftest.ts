// SPDX-License-Identifier: MIT
//
// `hv selftest`: how this machine looks to the package, read-only unless a device is named; the report tells us where a
// real host differs from what we know. Names and addresses are taken out of it.

import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import type { Command } from 'commander';
import type { Bus } from '../../index.js';
import type { Context } from '../context.js';
import { glyphsFor } from '../draw/glyphs.js';
import { openDevice } from '../open-device.js';
import type { Output } from '../output.js';
import { examples, version } from '../program.js';
import { redact } from '../selftest/redact.js';
import type { Probe } from '../selftest/types.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly report?: string;
  readonly open?: string;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option('--report <file>', 'write the report as JSON')
    .option('--open <device>', 'open and close this device too; it must be bound for user space')
    .addHelpText(
      'after',
      `\nReads only, unless a device is named with --open.\nLook at the report before you send it.\n${examples([
        'hv selftest',
        'hv selftest --report report.json',
        'hv bind eth1 -- hv selftest --open eth1 --report report.json',
      ])}`,
    )
    .action(action(selftest));
}

async function selftest(context: Context, options: Options): Promise<void> {
  const { out, signal } = context;
  const { detect, doctor } = await import('../../index.js');
  const root = await context.root();
  const detection = detect({ root });
  const bus = await busOrNull(context);
  const probes: Probe[] = [{ id: 'detect', status: 'pass', detail: detection.summary }, ...(await look(bus))];
  if (options.open !== undefined) probes.push(await open(context, options.open));
  const { counts, results } = await doctor({ root, signal });
  const found = results.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn');
  const notDone = options.open === undefined ? notDoneWithoutOpening : [];
  const document = {
    schema: 'vmbus.selftest/1',
    tool: { version: version(), node: process.version, arch: arch(), kernel: release() },
    detection,
    devices: bus?.devices().map(summaryOf) ?? [],
    probes,
    doctor: { counts, found },
    notDone,
  };
  const { deviceClasses } = await import('../../index.js');
  const classes = new Set<string>([
    ...deviceClasses.map(({ guid }) => guid),
    ...(bus?.devices() ?? []).map((device) => device.class.guid),
  ]);
  const report = redact(document, classes, { devices: bus?.devices().map(({ id }) => id) ?? [], root }) as Record<
    string,
    unknown
  >;
  if (options.report !== undefined) save(options.report, report);
  if (out.json) return out.line(JSON.stringify(report, null, 2));
  print(report as unknown as typeof document, out);
  if (options.report !== undefined) out.note(`the report is in ${options.report}; read it before you send it`);
}

/** For its owner only, and never through a link that somebody else has laid. */
function save(path: string, report: unknown): void {
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  closeSync(file);
}

const notDoneWithoutOpening = [
  'opening and closing a channel',
  'the sizes of rings as they are mapped',
  'wakes and doorbells',
  'rings of subchannels',
];

async function look(bus: Bus | null): Promise<Probe[]> {
  if (bus === null) return [{ id: 'bus.listing', status: 'absent', detail: 'there is no bus' }];
  const devices = bus.devices();
  const unknown = devices.filter((device) => device.class.name === 'unknown').map((device) => device.class.guid);
  const detail = `${devices.length} devices${unknown.length > 0 ? `, ${unknown.length} of unknown classes` : ''}`;
  const [{ probeAttributes }, { probeKernel }] = await Promise.all([
    import('../selftest/attributes.js'),
    import('../selftest/kernel.js'),
  ]);
  return [
    { id: 'bus.listing', status: unknown.length > 0 ? 'differs' : 'pass', detail, facts: { unknown } },
    ...probeAttributes(bus),
    ...probeKernel(bus),
  ];
}

async function busOrNull(context: Context): Promise<Bus | null> {
  try {
    return await context.bus();
  } catch (error) {
    const { VmbusError } = await import('../../index.js');
    if (VmbusError.is(error) && error.code === 'ERR_VMBUS_NOT_A_GUEST') return null;
    throw error;
  }
}

/** Opens a device, looks at its rings, and closes it: the one thing that touches the host. */
async function open(context: Context, name: string): Promise<Probe> {
  const startMs = performance.now();
  const { device, channel } = await openDevice(context, name);
  const openMs = Math.round(performance.now() - startMs);
  const { in: inRing, out: outRing, node, signalling, wakes } = channel.inspect();
  const maxPayloadBytes = channel.maxPayloadBytes;
  await channel.close();
  const facts = {
    class: device.class.name,
    openMs,
    in: inRing,
    out: outRing,
    kind: node.kind,
    maskAtOpen: node.maskAtOpen,
    signalling,
    wakes,
    maxPayloadBytes,
  };
  return {
    id: 'channel.open',
    status: 'pass',
    detail: `${device.class.name} opened and closed in ${openMs} ms`,
    facts,
  };
}

function summaryOf({
  class: type,
  driver,
  stateName,
  channels,
  children,
  uio,
  monitorId,
}: ReturnType<Bus['devices']>[number]): Record<string, unknown> {
  const places = channels.map(({ cpu, signalling }) => ({ cpu, signalling }));
  return {
    class: type.name,
    classGuid: type.guid,
    driver,
    state: stateName,
    channels: places,
    children: children.map(({ kind }) => kind),
    isLent: uio !== null,
    hasMonitor: monitorId !== null,
  };
}

function print(
  report: {
    probes: readonly Probe[];
    doctor: { counts: Readonly<Record<string, number>> };
    notDone: readonly string[];
  },
  out: Output,
): void {
  const { paint } = out;
  const { check, dot } = glyphsFor(out.unicode);
  const sign = { pass: paint.good(check), differs: paint.warn('!'), absent: paint.dim(dot), skip: paint.dim('?') };
  for (const { id, status, detail } of report.probes) out.line(`${sign[status]} ${id.padEnd(24)} ${detail}`);
  const counts = Object.entries(report.doctor.counts)
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => `${count} ${verdict}`);
  out.line(`${paint.dim(dot)} ${'doctor'.padEnd(24)} ${counts.join(', ') || 'no answer'}`);
  if (report.notDone.length > 0) out.line(`\nNot looked at without --open DEVICE: ${report.notDone.join('; ')}.`);
}
