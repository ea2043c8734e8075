// SPDX-License-Identifier: MIT
//
// Devices and channels as `--json` prints them. The fields are part of the contract: add, never rename.

import type { ChannelAttributes, Device } from '../index.js';

/** A path of the tree as it would be under `/`: the same in a guest and in its snapshot. */
function underRoot(device: Device, path: string): string {
  return device.root === '/' ? path : path.slice(device.root.length);
}

/** A device, without the files of its channels. */
export function deviceJson(device: Device): Record<string, unknown> {
  return {
    id: device.id,
    class: device.class.name,
    classGuid: device.class.guid,
    title: device.class.title,
    relid: device.relid,
    state: device.stateName,
    driver: device.driver,
    nativeDriver: device.class.nativeDriver,
    driverOverride: device.driverOverride,
    numaNode: device.numaNode,
    monitorId: device.monitorId,
    uio: device.uio && { ...device.uio, node: underRoot(device, device.uio.node) },
    children: device.children.map(({ kind, name, title }) => ({ kind, name, title })),
    cpuMap: device.cpuMap.map(({ relid, cpu }) => ({ relid, cpu })),
    path: underRoot(device, device.path),
    modalias: device.modalias,
    vendor: device.vendor,
    deviceIndex: device.deviceIndex,
    serverMonitor: device.serverMonitor,
    clientMonitor: device.clientMonitor,
    in: device.in,
    out: device.out,
    unreadable: device.unreadable,
  };
}

/** A device with every channel, as `hv ls --json` has it. */
export function deviceDetailJson(device: Device): Record<string, unknown> {
  return {
    ...deviceJson(device),
    channels: device.channels.map((channel) => channelJson(device, channel)),
  };
}

/** One channel. Counters are numbers; beyond 2^53 they are decimal text. */
export function channelJson(device: Device, channel: ChannelAttributes): Record<string, unknown> {
  return {
    relid: channel.relid,
    primary: channel.isPrimary,
    subchannel: channel.subchannelId,
    cpu: channel.cpu,
    signalling: channel.signalling,
    monitorId: channel.monitorId,
    interrupts: channel.interrupts,
    events: channel.events,
    readAvail: channel.readAvail,
    writeAvail: channel.writeAvail,
    inMask: channel.inMask,
    outMask: channel.outMask,
    pending: channel.pending,
    latency: channel.latency,
    intrInFull: channel.intrInFull,
    intrOutEmpty: channel.intrOutEmpty,
    outFullFirst: channel.outFullFirst,
    outFullTotal: channel.outFullTotal,
    ring: channel.ring && { ...channel.ring, path: underRoot(device, channel.ring.path) },
    unreadable: channel.unreadable,
  };
}
