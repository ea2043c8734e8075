// SPDX-License-Identifier: MIT
//
// Why a node could not be opened or attached: the addon's (errno, stage) as an error that says what to do.
// Called by: lease-registry.ts. Source of the errnos: drivers/hv/channel.c, drivers/uio/uio.c.

import { errnoName, VmbusError, type VmbusErrorCode } from '../errors.js';
import { type Binding, OpenStage } from '../native/binding.js';
import { type ChannelName, nameOf } from './close-reasons.js';
import { lockOwner } from './lock-owner.js';

interface Finding {
  readonly code: VmbusErrorCode;
  readonly text: string;
  readonly hint: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

const syscalls: Readonly<Record<number, string>> = {
  [OpenStage.find]: 'stat',
  [OpenStage.open]: 'open',
  [OpenStage.connect]: 'connect',
  [OpenStage.lock]: 'flock',
  [OpenStage.mapRing]: 'mmap',
  [OpenStage.mapPages]: 'mmap',
  [OpenStage.mapBuffers]: 'mmap',
};

const gone: Finding = { code: 'ERR_VMBUS_NO_DEVICE', text: 'it is not there', hint: 'hv ls shows what is' };

const forbidden: Finding = {
  code: 'ERR_VMBUS_PERMISSION',
  text: 'you may not open it',
  hint:
    'run as root, or let the group vmbus have it: write KERNEL=="uio[0-9]*", GROUP="vmbus", MODE="0660" into ' +
    '/etc/udev/rules.d/70-vmbus.rules, then udevadm control --reload && udevadm trigger --subsystem-match=uio',
};

const wrongKind: Finding = {
  code: 'ERR_VMBUS_NODE_KIND',
  text: 'it is neither a UIO device nor a simulated node',
  hint: 'see what it is with ls -lL',
};

/** What errnos mean where the kernel says something of its own with them. */
const atOpen: Readonly<Record<string, Finding>> = {
  EACCES: forbidden,
  EPERM: forbidden,
  ENOENT: gone,
  ENODEV: {
    code: 'ERR_VMBUS_RESCINDED',
    text: 'the host has withdrawn the device',
    hint: 'hv ls shows whether it came back',
  },
  ENXIO: gone,
  EAGAIN: {
    code: 'ERR_VMBUS_SYSTEM',
    text: 'the host refused to open the channel',
    hint: 'hv doctor; the kernel log says more',
  },
  EDQUOT: {
    code: 'ERR_VMBUS_SYSTEM',
    text: 'the host refused the ring memory',
    hint: 'unbind devices that you do not need',
  },
  ENOMEM: { code: 'ERR_VMBUS_SYSTEM', text: 'the kernel has no memory for it', hint: 'free memory, then try again' },
  EINVAL: {
    code: 'ERR_VMBUS_BUSY',
    text: 'the kernel says that the channel is in use, or was left open by an earlier unbind',
    hint: 'hv ls --tree shows its state; a channel that was left open is freed by a reboot',
  },
};

const atConnect: Readonly<Record<string, Finding>> = {
  EACCES: forbidden,
  ENOENT: gone,
  ECONNREFUSED: {
    code: 'ERR_VMBUS_NO_DEVICE',
    text: 'the simulated host behind it is gone',
    hint: 'start it again: hv sim',
  },
  ETIMEDOUT: {
    code: 'ERR_VMBUS_TIMEOUT',
    text: 'the simulated host did not answer',
    hint: 'is its process stopped or busy?',
  },
  EPROTOTYPE: wrongKind,
};

/** The error of a failed open or attach. */
export function openError(binding: Binding, name: ChannelName, path: string, errno: number, stage: number): VmbusError {
  const finding = complete(findingOf(binding, errno, stage), path);
  const syscall = syscalls[stage];
  const isErrno = errno !== 0 && stage !== OpenStage.header;
  return new VmbusError(finding.code, `Can't open ${path} (${nameOf(name)}): ${finding.text}`, {
    device: name.device,
    channel: name.relid,
    path,
    hint: finding.hint,
    facts: finding.facts ?? {},
    ...(syscall === undefined ? {} : { syscall }),
    ...(isErrno ? { errno, errnoName: errnoName(errno) } : {}),
  });
}

// What only the path tells.
function complete(finding: Finding, path: string): Finding {
  switch (finding.code) {
    case 'ERR_VMBUS_NODE_KIND':
      return { ...finding, hint: remakeNode(path) };
    case 'ERR_VMBUS_BUSY': {
      const ownerPid = lockOwner(path);
      if (ownerPid === null) return finding;
      const hint = `end process ${ownerPid}, or pass { shared: true } in both`;
      return { ...finding, text: `process ${ownerPid} holds it`, hint, facts: { ownerPid } };
    }
    default:
      return finding;
  }
}

/** What to do about a wrong node: the kernel makes it when the device appears, and nobody makes it again. */
export function remakeNode(path: string): string {
  const uio = /^\/dev\/(uio\d+)$/.exec(path)?.[1];
  if (uio === undefined)
    return `${wrongKind.hint} ${path}; the simulated host makes it anew when it is started again (hv sim)`;
  return `move it away, then: mknod -m 600 ${path} c $(tr : ' ' < /sys/class/uio/${uio}/dev)`;
}

function findingOf(binding: Binding, errno: number, stage: number): Finding {
  const name = errnoName(errno);
  const other: Finding = { code: 'ERR_VMBUS_SYSTEM', text: name, hint: 'hv doctor' };
  switch (stage) {
    case OpenStage.kind:
      return wrongKind;
    case OpenStage.lock:
      return {
        code: 'ERR_VMBUS_BUSY',
        text: 'another process holds it',
        hint: 'end that process (fuser names it), or pass { shared: true }',
      };
    case OpenStage.handshake:
      return {
        code: 'ERR_VMBUS_PROTOCOL',
        text: 'the simulated node breaks the rules',
        hint: 'do both sides have the same version of vmbus?',
      };
    case OpenStage.header:
      return {
        code: 'ERR_VMBUS_CORRUPT',
        text: `its rings are broken: ${binding.violationName(errno)}`,
        hint: 'bind the device again',
        facts: { reason: binding.violationName(errno), violation: errno },
      };
    case OpenStage.mapBuffers:
      return {
        code: 'ERR_VMBUS_UNSUPPORTED',
        text: `its buffers can't be mapped (${name})`,
        hint: 'bind the device again: the buffers are made at bind',
        facts: { feature: 'device buffers' },
      };
    case OpenStage.connect:
      return atConnect[name] ?? other;
    case OpenStage.find:
    case OpenStage.open:
      return atOpen[name] ?? other;
    default:
      return other;
  }
}
