// SPDX-License-Identifier: MIT
//
// Moves the interrupts of a channel to another CPU: a write to `channels/<relid>/cpu`, and its refusals in words.
// Called by on-demand.ts; calls write-attribute.ts.
// Source: target_cpu_store() in drivers/hv/vmbus_drv.c: EINVAL for a CPU it will not take, EIO for a channel or host that can't.

import { constants } from 'node:os';

import { checkFlag, checkInteger, checkOptionNames } from '../check.js';
import { errnoName, VmbusError } from '../errors.js';
import type { Guid } from '../guid.js';
import { checkDevice } from './check-arguments.js';
import { protocolVersion } from './kernel/kernel-log.js';
import { readSmallFileOrNull } from './read/attributes.js';
import { readChannel } from './read/channel-reader.js';
import { parseCpuList } from './read/cpu-list.js';
import { devicePath, readDevice } from './read/device-reader.js';
import { requireWritable, rootKind, under } from './root.js';
import type { ChannelMove, Device, MoveChannelOptions } from './types.js';
import { writeAttribute } from './write-attribute.js';

/** Why a move is refused: a word for programs, and a sentence. */
interface Refusal {
  readonly reason: 'beyond' | 'offline' | 'isolated' | 'not-open' | 'protocol' | 'host' | 'unknown';
  readonly detail: string;
  readonly hint: string;
}

/** See `moveChannel` in on-demand.ts. */
export async function moveChannel(
  device: Pick<Device, 'root' | 'id'>,
  relid: number,
  options: MoveChannelOptions,
): Promise<ChannelMove> {
  const { root, id } = checkDevice(device);
  checkInteger(relid, 'relid', 0, 0xffff_ffff);
  checkOptionNames(options, ['cpu', 'dryRun']);
  const { cpu, dryRun = false } = options;
  checkInteger(cpu, 'options.cpu', 0, 0xffff);
  checkFlag(dryRun, 'options.dryRun');
  const folder = devicePath(root, id);
  const channel = folder === null ? null : readChannel(folder, relid);
  if (folder === null || channel === null) throw noChannel(root, id, relid);

  const path = `${channel.path}/cpu`;
  const step = { what: `send the interrupts of channel ${relid} to CPU ${cpu}`, path, write: String(cpu) };
  const target = { root, id, relid, cpu, path };
  if (!dryRun) requireWritable(root, id, 'move a channel');
  // A simulated tree's file takes any text, and its host puts back what it refuses: ask before.
  if (dryRun || rootKind(root) === 'simulated') {
    const refusal = foresee(target);
    if (refusal) throw refused(target, refusal, cpuRefusal(target) ? constants.errno.EINVAL : constants.errno.EIO);
  }
  if (dryRun) return { device: id, relid, from: channel.cpu, to: channel.cpu, step, dryRun };
  const errno = await writeAttribute(root, path, step.write);
  if (errno !== 0) throw explain(target, errno);
  return { device: id, relid, from: channel.cpu, to: readChannel(folder, relid)?.cpu ?? null, step, dryRun };
}

interface Target {
  readonly root: string;
  readonly id: Guid;
  readonly relid: number;
  readonly cpu: number;
  readonly path: string;
}

/** What the kernel will refuse, as far as files tell; in the order in which it checks. */
function foresee(target: Target): Refusal | null {
  return protocolRefusal(target) ?? cpuRefusal(target) ?? stateRefusal(target);
}

function protocolRefusal({ root }: Target): Refusal | null {
  const version = protocolVersion(root);
  if (version === null || version.major > 4 || (version.major === 4 && version.minor >= 1)) return null;
  return {
    reason: 'protocol',
    detail: `this host speaks VMBus ${version.major}.${version.minor}, and moving a channel needs 4.1`,
    hint: 'only a newer host can do this (Windows 10 or Windows Server, version 1709 or later)',
  };
}

function cpuRefusal({ root, cpu }: Target): Refusal | null {
  const list = (name: string): ReadonlySet<number> | null =>
    parseCpuList(readSmallFileOrNull(under(root, 'sys/devices/system/cpu', name)) ?? 'none');
  const possible = list('possible');
  if (possible && !possible.has(cpu)) {
    return {
      reason: 'beyond',
      detail: `this guest has no CPU ${cpu}`,
      hint: '`cat /sys/devices/system/cpu/online` lists them',
    };
  }
  const online = list('online');
  if (online && !online.has(cpu)) {
    return {
      reason: 'offline',
      detail: `CPU ${cpu} is offline`,
      hint: `echo 1 > /sys/devices/system/cpu/cpu${cpu}/online`,
    };
  }
  if (managedIsolation(root)?.has(cpu)) {
    return {
      reason: 'isolated',
      detail: `CPU ${cpu} is isolated from interrupts (isolcpus=managed_irq)`,
      hint: 'choose a CPU that is not in isolcpus=, see /proc/cmdline',
    };
  }
  return null;
}

/** CPUs kept free of device interrupts. The `isolated` file does not tell which kind of isolation, the command line does. */
function managedIsolation(root: string): ReadonlySet<number> | null {
  const argument = /(?:^|\s)isolcpus=(\S+)/.exec(readSmallFileOrNull(under(root, 'proc/cmdline')) ?? '')?.[1];
  if (!argument?.split(',').includes('managed_irq')) return null;
  return parseCpuList(
    argument
      .split(',')
      .filter((part) => /^\d/.test(part))
      .join(','),
  );
}

function stateRefusal({ root, id, relid }: Target): Refusal | null {
  const device = readDevice(root, id);
  if (!device || device.state === null || device.state === 3) return null;
  return {
    reason: 'not-open',
    detail: `channel ${relid} is not open (state ${device.state}, ${device.stateName ?? 'unknown'})`,
    hint:
      device.driver === null
        ? `no driver has the device: \`hv bind ${id}\``
        : 'the channel must be open while it is moved',
  };
}

function explain(target: Target, errno: number): Error {
  const { ENOENT, ENODEV, EACCES, EPERM, EINVAL, EIO } = constants.errno;
  if (errno === ENOENT || errno === ENODEV) return noChannel(target.root, target.id, target.relid);
  if (errno === EACCES || errno === EPERM) {
    return new VmbusError('ERR_VMBUS_PERMISSION', `only root may move channels (${target.path})`, {
      ...context(target, errno),
      hint: 'run the command as root (`sudo hv …`)',
    });
  }
  if (errno === EINVAL) return refused(target, cpuRefusal(target) ?? unknownCpu(target), errno);
  if (errno === EIO) return refused(target, protocolRefusal(target) ?? stateRefusal(target) ?? hostRefusal, errno);
  return refused(target, { reason: 'unknown', detail: errnoName(errno), hint: '`dmesg | tail` may say more' }, errno);
}

const hostRefusal: Refusal = {
  reason: 'host',
  detail: 'the channel is open, so the host refused, or it speaks a VMBus older than 4.1',
  hint: '`dmesg | grep -i vmbus` shows the version and the refusal',
};

function unknownCpu({ cpu }: Target): Refusal {
  return {
    reason: 'isolated',
    detail: `the kernel does not give CPU ${cpu} device interrupts`,
    hint: 'see isolcpus= and nohz_full= in /proc/cmdline',
  };
}

function refused(target: Target, refusal: Refusal, errno: number): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_SYSTEM',
    `channel ${target.relid} can't be moved to CPU ${target.cpu}: ${refusal.detail}`,
    {
      ...context(target, errno),
      hint: refusal.hint,
      facts: { reason: refusal.reason, cpu: target.cpu },
    },
  );
}

function context(
  target: Target,
  errno: number,
): { device: string; channel: number; path: string; syscall: string; errno: number; errnoName: string } {
  return {
    device: target.id,
    channel: target.relid,
    path: target.path,
    syscall: 'write',
    errno,
    errnoName: errnoName(errno),
  };
}

function noChannel(root: string, id: Guid, relid: number): VmbusError {
  const available = readDevice(root, id)?.channels.map((channel) => channel.relid) ?? [];
  return new VmbusError(
    'ERR_VMBUS_NO_CHANNEL',
    `device ${id} has no channel ${relid}; it has: ${available.join(', ') || 'none'}`,
    {
      device: id,
      channel: relid,
      hint: '`hv channels` lists what is there',
      facts: { available },
    },
  );
}
