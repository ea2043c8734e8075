// SPDX-License-Identifier: MIT
//
// "Which host am I on, what does it call me, which id do I have?", each with where it is from. What can't be had is null with
// the reason: nothing on the machine makes it throw.
// Called by scripts and `hv host`. Calls services/kvp (what the host tells), info.ts (processor), dmi-uuid.ts.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readSmallFile } from '../bus/read/attributes.js';
import { markedErrno } from '../bus/read/unreadable-mark.js';
import { errorCode } from '../bus/system-error.js';
import { checkLimits, checkOptionNames, checkText } from '../check.js';
import { openKvpPool } from '../services/kvp/open-pool.js';
import type { KvpPoolState } from '../services/kvp/types.js';
import { judgeIds, parseUuid, smbiosVersion } from './dmi-uuid.js';
import type { HostField, HostInfo, HostInfoOptions } from './host-types.js';
import { detect, settleRoot } from './info.js';

/** The host is not waited for long: what it tells lies in a file. */
const poolTimeoutMs = 1000;
const dmiFolder = 'sys/class/dmi/id';

/**
 * What the host tells about itself and this machine, and what the firmware does. Needs no privilege; root sees serial numbers.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for wrong options; the reason of an aborted signal
 * @example
 * const { vmName, vmId, hostName } = await hostInfo();
 * console.log(vmName.value ?? vmName.reason, vmId.value, hostName.value);
 * @category Insight
 */
export async function hostInfo(options: HostInfoOptions = {}): Promise<HostInfo> {
  checkOptionNames(options, ['root', 'signal']);
  checkText(options.root, 'options.root');
  checkLimits(options);
  const root = settleRoot(options.root);
  const told = await readTold(root, options.signal);
  const printed = dmi(root, 'product_uuid');
  const vmId = uuidField(told('VirtualMachineId'));
  const firmware = uuidField(printed);
  const { uuid, check } = judgeIds({ vmId: vmId.value, printed: firmware.value, smbios: readSmbios(root) });
  const biosUuid = uuid === null ? firmware : { ...firmware, value: uuid };
  const hostName = told('HostName');
  const physicalHostName = told('PhysicalHostName');
  return {
    root,
    hostName: hostName.value === null && physicalHostName.value !== null ? physicalHostName : hostName,
    physicalHostName,
    physicalHostNameFullyQualified: told('PhysicalHostNameFullyQualified'),
    hostVersion: versionOf(root),
    vmName: told('VirtualMachineName'),
    vmId: vmId.value === null && biosUuid.value !== null ? biosUuid : vmId,
    biosUuid,
    vmIdCheck: check,
    biosSerial: dmi(root, 'product_serial'),
    boardSerial: dmi(root, 'board_serial'),
    chassisSerial: dmi(root, 'chassis_serial'),
    assetTag: dmi(root, 'chassis_asset_tag'),
  };
}

const found = <T>(value: T, source: string): HostField<T> => ({ value, source, reason: null });
const missing = <T>(reason: string): HostField<T> => ({ value: null, source: null, reason });

/** What the host tells, by key. */
async function readTold(root: string, signal: AbortSignal | undefined): Promise<(key: string) => HostField> {
  let state: KvpPoolState;
  try {
    await using pool = await openKvpPool('autoExternal', {
      root,
      timeoutMs: poolTimeoutMs,
      ...(signal ? { signal } : {}),
    });
    state = await pool.read();
  } catch (error) {
    signal?.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return () => missing(reason);
  }
  const source = path.relative(root, state.path);
  if (!state.exists) return () => missing(`${source} is missing: no key-value daemon has run here`);
  return (key) => {
    const entry = state.entries.find((one) => one.key === key);
    if (entry === undefined) return missing(`the host has not set ${key} in ${source}`);
    return entry.value === '' ? missing(`${key} in ${source} is empty`) : found(entry.value, `${source} ${key}`);
  };
}

/** A field of the firmware's tables. */
function dmi(root: string, name: string): HostField {
  const source = `${dmiFolder}/${name}`;
  const file = path.join(root, source);
  try {
    const text = readSmallFile(file).trim();
    return text === '' ? missing(`${source} is empty`) : found(text, source);
  } catch (error) {
    const plain = errorCode(error);
    const code = (plain === 'ENOENT' ? markedErrno(file) : null) ?? plain;
    if (code === 'EACCES' || code === 'EPERM') return missing(`only root may read ${source}`);
    return missing(code === 'ENOENT' ? `there is no ${source}` : `${source} can't be read: ${code}`);
  }
}

function uuidField(field: HostField): HostField {
  if (field.value === null) return field;
  const uuid = parseUuid(field.value);
  return uuid === null ? missing(`${field.source ?? 'it'} is no id: ${field.value}`) : { ...field, value: uuid };
}

function readSmbios(root: string): number | null {
  try {
    return smbiosVersion(readFileSync(path.join(root, 'sys/firmware/dmi/tables/smbios_entry_point')));
  } catch {
    return null;
  }
}

function versionOf(root: string): HostField {
  const { value, evidence } = detect({ root }).hostVersion;
  const [first] = evidence;
  if (value !== null) return found(value.text, first?.source ?? 'cpuid');
  return missing(first === undefined ? 'the processor does not tell' : `${first.source}: ${first.says}`);
}
