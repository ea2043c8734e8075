// SPDX-License-Identifier: MIT
//
// How a simulated host begins and ends: its folder, its holders, what it refuses.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { echo, type Provider, SimulatedHost } from '../../dist/host/index.js';
import { RawGuest } from './host-raw-guest.js';

const echoGuid = '6a3b0000-1111-2222-3333-000000000001';

describe('a host', () => {
  it('removes its folder when it is closed, and takes no more devices', async () => {
    const host = await SimulatedHost.start({ devices: [echo()] });
    const { root } = host;

    await host.close();
    await host.close();

    assert.equal(existsSync(root), false);
    assert.throws(() => host.add(echo()), { code: 'ERR_VMBUS_CLOSED' });
  });

  it('tells its holders when it is closed', async () => {
    const host = await SimulatedHost.start({ devices: [echo()], bound: true });
    const guest = await RawGuest.open(host.root);

    await host.close();

    await guest.rescinded;
    await guest.close();
  });

  it('serves a folder that it is given, and leaves it empty', async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'vmbus-test-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));

    const other = await SimulatedHost.start({ devices: [echo()], root });
    assert.equal(other.root, root);
    assert.ok(existsSync(join(root, 'sys/bus/vmbus/devices')));
    await other.close();

    assert.deepEqual(readdirSync(root), []);
  });

  it('refuses two devices of one instance GUID, and leaves nothing behind', async (t) => {
    const root = join(mkdtempSync(join(tmpdir(), 'vmbus-test-')), 'root');
    t.after(() => rmSync(join(root, '..'), { recursive: true, force: true }));
    const twins: Provider[] = [echo({ instanceGuid: echoGuid }), echo({ instanceGuid: echoGuid })];

    await assert.rejects(SimulatedHost.start({ devices: twins, root }), { code: 'ERR_INVALID_ARG_VALUE' });

    assert.equal(existsSync(root), false);
  });
});
