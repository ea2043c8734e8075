// SPDX-License-Identifier: MIT
//
// What is told about the host and this machine: where each fact is from, why one is missing, and the two byte orders of ids.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { judgeIds, parseUuid, smbiosVersion, swapUuid } from '../../dist/insight/dmi-uuid.js';
import { type HostInfo, hostInfo } from '../../dist/insight/index.js';
import { encodeKvpRecord } from '../../dist/protocol/kvp-pool.js';

const vmId = '2fa4c0de-1234-5678-9abc-def012345678';
const swapped = 'dec0a42f-3412-7856-9abc-def012345678';

/** What `hostInfo` finds in a tree of these files; pool 3 is given by its entries. */
async function infoOf(
  files: Readonly<Record<string, string>>,
  told?: readonly (readonly [string, string])[],
  links: Readonly<Record<string, string>> = {},
): Promise<HostInfo> {
  const root = mkdtempSync(path.join(tmpdir(), 'hv-host-'));
  const write = (name: string, content: string | Uint8Array): void => {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), content);
  };
  try {
    for (const [name, content] of Object.entries(files)) write(name, content);
    if (told)
      write('var/lib/hyperv/.kvp_pool_3', Buffer.concat(told.map(([key, value]) => encodeKvpRecord(key, value))));
    for (const [name, target] of Object.entries(links)) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      symlinkSync(target, path.join(root, name));
    }
    return await hostInfo({ root });
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe('what the host tells', () => {
  it('is taken from pool 3, each fact with its key', async () => {
    const info = await infoOf({}, [
      ['HostName', 'CLUSTER-1'],
      ['PhysicalHostName', 'HV-07'],
      ['PhysicalHostNameFullyQualified', 'HV-07.example.com'],
      ['VirtualMachineName', 'web 1'],
      ['VirtualMachineId', vmId.toUpperCase()],
    ]);

    const source = (key: string): string => `var/lib/hyperv/.kvp_pool_3 ${key}`;
    assert.deepEqual(info.hostName, { value: 'CLUSTER-1', source: source('HostName'), reason: null });
    assert.equal(info.physicalHostName.value, 'HV-07');
    assert.equal(info.physicalHostNameFullyQualified.value, 'HV-07.example.com');
    assert.deepEqual(info.vmName, { value: 'web 1', source: source('VirtualMachineName'), reason: null });
    assert.deepEqual(info.vmId, { value: vmId, source: source('VirtualMachineId'), reason: null });
    assert.equal(info.vmIdCheck.verdict, 'unknown');
  });

  it('is the name of the machine where there is no other', async () => {
    assert.equal((await infoOf({}, [['PhysicalHostName', 'HV-07']])).hostName.value, 'HV-07');
  });

  it('is null with the reason where the daemon has never run, or the key is not there', async () => {
    const { vmName } = await infoOf({});
    assert.equal(vmName.value, null);
    assert.match(vmName.reason ?? '', /kvp_pool_3 is missing/);
    assert.match((await infoOf({}, [])).vmName.reason ?? '', /has not set VirtualMachineName/);
    assert.match((await infoOf({}, [['VirtualMachineName', '']])).vmName.reason ?? '', /empty/);
    assert.match((await infoOf({}, [['VirtualMachineId', 'web']])).vmId.reason ?? '', /no id: web/);
  });
});

describe('what the firmware tells', () => {
  const dmi = 'sys/class/dmi/id/';

  it('are serial numbers, the asset tag, and an id where the host tells none', async () => {
    const info = await infoOf({
      [`${dmi}product_uuid`]: `${vmId}\n`,
      [`${dmi}product_serial`]: '1234-5678\n',
      [`${dmi}board_serial`]: 'B-1\n',
      [`${dmi}chassis_serial`]: 'C-1\n',
      [`${dmi}chassis_asset_tag`]: '7783-7084\n',
    });

    assert.deepEqual(info.vmId, { value: vmId, source: `${dmi}product_uuid`, reason: null });
    assert.deepEqual(
      [info.biosSerial, info.boardSerial, info.chassisSerial, info.assetTag].map(({ value }) => value),
      ['1234-5678', 'B-1', 'C-1', '7783-7084'],
    );
  });

  it('is null with the reason where only root may read it, as a snapshot keeps it', async () => {
    const info = await infoOf({}, undefined, { [`${dmi}product_serial`]: '.unreadable:EACCES' });

    assert.deepEqual(info.biosSerial, { value: null, source: null, reason: `only root may read ${dmi}product_serial` });
    assert.match(info.assetTag.reason ?? '', /there is no/);
  });

  it('goes together with the id that the host tells, in either byte order, or is told apart', async () => {
    for (const [printed, verdict, uuid] of [
      [vmId, 'same', vmId],
      [swapped, 'swapped', vmId],
      ['11111111-2222-3333-4444-555555555555', 'different', '11111111-2222-3333-4444-555555555555'],
    ] as const) {
      const info = await infoOf({ [`${dmi}product_uuid`]: printed }, [['VirtualMachineId', vmId]]);

      assert.deepEqual([info.vmIdCheck.verdict, info.biosUuid.value, info.vmId.value], [verdict, uuid, vmId], printed);
    }
  });
});

describe('ids of the firmware', () => {
  it('of SMBIOS before 2.6 are turned round, where nothing else tells', () => {
    assert.equal(judgeIds({ vmId: null, printed: swapped, smbios: 0x203 }).uuid, vmId);
    assert.equal(judgeIds({ vmId: null, printed: vmId, smbios: 0x301 }).uuid, vmId);
    assert.equal(judgeIds({ vmId: null, printed: vmId, smbios: null }).uuid, vmId);
  });

  it('are turned round twice to where they were', () => {
    fc.assert(fc.property(fc.uuid(), (uuid) => assert.equal(swapUuid(swapUuid(uuid)), uuid)));
    assert.equal(swapUuid(vmId), swapped);
  });

  it('are none where the firmware says so', () => {
    assert.equal(parseUuid('00000000-0000-0000-0000-000000000000'), null);
    assert.equal(parseUuid('FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'), null);
    assert.equal(parseUuid('Not Settable'), null);
    assert.equal(parseUuid(`{${vmId.toUpperCase()}}\n`), vmId);
  });

  it('have their version in both kinds of entry points', () => {
    assert.equal(smbiosVersion(Buffer.from('_SM_\x00\x1f\x02\x03', 'latin1')), 0x203);
    assert.equal(smbiosVersion(Buffer.from('_SM3_\x00\x18\x03\x01\x00', 'latin1')), 0x301);
    assert.equal(smbiosVersion(Buffer.from('_DMI_')), null);
    assert.equal(smbiosVersion(Buffer.from('_SM3_')), null);
  });
});

it('options of hostInfo are checked', async () => {
  await assert.rejects(hostInfo({ rot: '/' } as never), { code: 'ERR_INVALID_ARG_VALUE' });
  await assert.rejects(hostInfo({ root: 5 } as never), { code: 'ERR_INVALID_ARG_TYPE' });
  const reason = new Error('enough');
  await assert.rejects(hostInfo({ root: '/', signal: AbortSignal.abort(reason) }), reason);
});
