// SPDX-License-Identifier: MIT
// Runs in a hosted guest: takes heartbeat, shutdown and time from the kernel and serves them, as a user of the library writes it.
// Prints a JSON line per step. Refuses the first shutdown; drains before the second one, and switches the guest off itself.
// Started by lifecycle.test.ts.
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import {
  bindDevice,
  type Device,
  lifecycle,
  openBus,
  openHeartbeat,
  openShutdown,
  openTimesync,
  VmbusError,
} from '../../../../dist/index.js';

const bus = openBus();
const tell = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

async function take(name: string): Promise<Device> {
  await bindDevice(bus.device(name));
  return bus.device(name);
}

try {
  const heartbeat = await openHeartbeat(await take('heartbeat'));
  let samples = 0;
  await openTimesync(await take('timesync'), {
    onSample: ({ kind, offsetMs, isPlausible }) => {
      samples += 1;
      if (samples === 1) tell({ step: 'time', kind, offsetMs, isPlausible });
    },
  });
  let asked = 0;
  const shutdown = await openShutdown(await take('shutdown'), {
    onRequest: async ({ way }) => {
      asked += 1;
      tell({ step: 'asked', way });
      if (asked === 1) return { refuse: 0x8007_04f7 }; // the machine is locked
      heartbeat.health = 'critical';
      execFileSync('sh', ['-c', 'echo drained > /tmp/drained; sync']);
      tell({ step: 'drained', text: execFileSync('cat', ['/tmp/drained'], { encoding: 'utf8' }).trim() });
      return undefined;
    },
    onAccepted: ({ way }) => {
      tell({ step: 'accepted', way });
      execFileSync('poweroff', ['-f']);
    },
  });
  const life = lifecycle({ shutdown, kinds: ['shutdown', 'time-jump'] });
  await life.sources;
  tell({ step: 'serving' });
  for await (const { time: _, ...news } of life) tell({ step: 'news', ...news });
} catch (error) {
  tell({ step: 'failed', code: VmbusError.is(error) ? error.code : String(error) });
  process.exitCode = 1;
}
