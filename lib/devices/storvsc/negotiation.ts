// SPDX-License-Identifier: MIT
//
// How a controller and we come to terms: begin, version, properties, end, and then subchannels.
// Called by: storvsc.ts. Source: storvsc_channel_init of drivers/scsi/storvsc_drv.c of the Linux kernel.

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import {
  decodeProperties,
  decodeVersionReply,
  NtStatus,
  StorageVersion,
  storageViolation,
  type VstorReply,
  type VstorRequest,
} from '../../protocol/storvsc.js';

/** What was agreed on. */
export interface Agreement {
  /** See {@link StorageVersion}. */
  readonly version: number;
  /** A multiple of 4096, at least that. */
  readonly maxTransferBytes: number;
  /** 0 where the controller has no more channels to give. */
  readonly maxSubchannels: number;
}

type Ask = (request: VstorRequest) => Promise<VstorReply>;

/** Versions with long packets, newest first. */
const versions = [StorageVersion.win10, StorageVersion.win8_1, StorageVersion.win8] as const;
const pageBytes = 4096;

/** @throws VmbusError ERR_VMBUS_UNSUPPORTED, ERR_VMBUS_PROTOCOL, what `ask` rejects with */
export async function negotiate(ask: Ask, device: Guid): Promise<Agreement> {
  await mustSucceed(ask, { kind: 'beginInitialization' });
  const version = await agreeOnVersion(ask, device);
  const reply = await mustSucceed(ask, { kind: 'queryProperties' });
  const properties = decodeProperties(reply.body);
  const maxTransferBytes = properties.maxTransferBytes - (properties.maxTransferBytes % pageBytes);
  if (maxTransferBytes === 0)
    throw storageViolation(`the controller moves at most ${properties.maxTransferBytes} bytes at once`, {
      maxTransferBytes: properties.maxTransferBytes,
    });
  await mustSucceed(ask, { kind: 'endInitialization' });
  return { version, maxTransferBytes, maxSubchannels: properties.isMultichannel ? properties.maxSubchannels : 0 };
}

/** `6.2` */
export function storageVersionName(version: number): string {
  return `${version >> 8}.${version & 0xff}`;
}

async function agreeOnVersion(ask: Ask, device: Guid): Promise<number> {
  for (const version of versions) {
    const { status, body } = await ask({ kind: 'queryVersion', version });
    if (status !== NtStatus.success) continue;
    const echoed = decodeVersionReply(body);
    // A host need not repeat it; but it must not mean another one.
    if (echoed !== version && echoed !== 0)
      throw storageViolation(`version ${storageVersionName(echoed)} for ${storageVersionName(version)}`, {
        version,
        echoed,
      });
    return version;
  }
  const tried = versions.map(storageVersionName).join(', ');
  throw new VmbusError(
    'ERR_VMBUS_UNSUPPORTED',
    `the host speaks none of the versions ${tried} of the storage protocol`,
    {
      device,
      facts: { feature: 'storage protocol', versions: tried },
      hint: 'hosts before Windows Server 2012 speak older ones, which are not spoken here',
    },
  );
}

async function mustSucceed(ask: Ask, request: VstorRequest): Promise<VstorReply> {
  const reply = await ask(request);
  if (reply.status === NtStatus.success) return reply;
  throw storageViolation(`the host refused ${request.kind} with status 0x${reply.status.toString(16)}`, {
    request: request.kind,
    status: reply.status,
  });
}
