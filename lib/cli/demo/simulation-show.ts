// SPDX-License-Identifier: MIT
//
// The demonstration on a simulated host, scene by scene. What is opened here is closed here, in the reverse order, however
// the show ends.

import type { Bus, Channel, DeviceBinding } from '../../index.js';
import { bindDevice, openChannel, VmbusError } from '../../index.js';
import { busTree } from '../device-text.js';
import { bytes } from '../figures.js';
import type { Simulation } from '../simulation.js';
import { playCounters } from './counters-scene.js';
import { playLatency } from './latency-scene.js';
import type { Stage } from './stage.js';
import { heading, say, tell } from './stage.js';
import { playTraffic } from './traffic-scene.js';

/** What the show plays with. */
export interface SimulationShow {
  readonly bus: Bus;
  readonly host: Simulation;
  /** Exactly so many; left out: as many as go in the time. */
  readonly packets: number | undefined;
}

const defaults = { packets: 200_000, leastMs: 3000, payloadBytes: 64 };
const roundTrips = { count: 8000, mostMs: 2500, payloadBytes: 64 };

/** Plays the show and answers its figures. */
export async function playSimulation(
  stage: Stage,
  { bus, host, packets }: SimulationShow,
): Promise<Record<string, unknown>> {
  showTree(stage, bus, 'The bus');
  await using binding = await borrow(stage, bus);
  await using channel = await open(stage, { bus, host, binding });

  const { payloadBytes, leastMs } = defaults;
  heading(stage, 'Packets: there and back again');
  const traffic = await playTraffic(stage, {
    channel,
    payloadBytes,
    packets: packets ?? defaults.packets,
    leastMs: packets === undefined ? leastMs : 0,
  });
  heading(stage, 'Round trips');
  const latency = await playLatency(stage, { channel, ...roundTrips });
  heading(stage, 'What the channel counted');
  const stats = channel.stats();
  if (!stage.out.json) playCounters(stage, stats);
  const rescind = await withdraw(stage, { channel, host });
  await giveBack(stage, { binding, channel });

  const { timesUs: _, ...latencyUs } = latency;
  const packetsPerSecond = Math.round((traffic.packets / traffic.elapsedMs) * 1000);
  const throughput = {
    packets: traffic.packets,
    payloadBytes,
    elapsedMs: Math.round(traffic.elapsedMs),
    packetsPerSecond,
  };
  return { devices: bus.devices().length, throughput, latencyUs: rounded(latencyUs), stats, rescind };
}

function showTree({ out, glyphs }: Stage, bus: Bus, title: string): void {
  if (out.json) return;
  heading({ out, glyphs, signal: new AbortController().signal }, title);
  const lines = busTree(bus, bus.devices(), { paint: out.paint, glyphs, verbosity: 0 });
  out.line(lines.map((line) => `  ${line}`).join('\n'));
}

async function borrow(stage: Stage, bus: Bus): Promise<DeviceBinding> {
  heading(stage, 'A device, borrowed');
  const device = bus.device('echo');
  const binding = await bindDevice(device, { signal: stage.signal });
  say(stage, stage.out.paint.dim(`await using binding = await bindDevice(bus.device('echo'))`));
  for (const { what } of binding.steps) say(stage, `${stage.glyphs.check} ${what}`);
  return binding;
}

async function open(
  stage: Stage,
  { bus, host, binding }: { bus: Bus; host: Simulation; binding: DeviceBinding },
): Promise<Channel> {
  const { out, glyphs, signal } = stage;
  const channel = await openChannel(bus.device(binding.device), { signal });
  say(stage, out.paint.dim('await using channel = await openChannel(device)'));
  const { node, in: inRing, out: outRing } = channel.inspect();
  say(stage, `${glyphs.check} channel ${channel.relid} is open at ${node.path}`);
  tell(
    stage,
    `${glyphs.check} rings: ${bytes(outRing.dataBytes)} to the host, ${bytes(inRing.dataBytes)} from it, in memory shared with it`,
  );
  // The host answers in order: once it has answered this, what it offered at opening is there to be seen.
  await host.refresh();
  const more = bus.device(binding.device).channels.filter((found) => !found.isPrimary);
  if (more.length > 0)
    tell(
      stage,
      `${glyphs.check} the host offered subchannels on the spot: ${more.map(({ relid, cpu }) => `${relid} ${glyphs.arrow} CPU ${cpu ?? '?'}`).join(', ')}`,
    );
  return channel;
}

/** The host takes the device away while it is open: what a script sees of it. */
async function withdraw(
  stage: Stage,
  { channel, host }: { channel: Channel; host: Simulation },
): Promise<{ readonly by: string; readonly code: string | null }> {
  const { out } = stage;
  heading(stage, 'The host takes it away');
  const waiting = channel.readable({ signal: stage.signal }).then(
    () => null,
    (error: unknown) => error,
  );
  await host.rescind('echo');
  const { by } = await channel.closed;
  const error = await waiting;
  const code = VmbusError.is(error) ? error.code : null;
  tell(stage, 'A host may withdraw a device at any moment. The read that was waiting ends with');
  if (VmbusError.is(error)) {
    say(stage, out.paint.bad(error.code));
    tell(stage, error.message);
    if (error.hint) tell(stage, `hint: ${error.hint}`, out.paint.dim);
  }
  return { by, code };
}

async function giveBack(
  stage: Stage,
  { binding, channel }: { binding: DeviceBinding; channel: Channel },
): Promise<void> {
  await channel.close();
  await binding.restore();
  say(stage, `${stage.glyphs.check} rings unmapped, node closed, nothing left bound`);
}

function rounded<T extends Readonly<Record<string, number>>>(figures: T): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Math.round(value * 10) / 10]));
}
