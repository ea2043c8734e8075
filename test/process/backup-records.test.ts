// SPDX-License-Identifier: MIT
//
// What is believed of a record that a killed run left: its words are run as root.

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { freezeMachine, recoverBackups } from '../../dist/index.js';

let root: string;
let record: string;
const ran = (): boolean => existsSync(join(root, 'ran'));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vmbus-records-'));
  mkdirSync(join(root, 'run/vmbus'), { recursive: true });
  record = join(root, 'run/vmbus/backup-1-1.json');
  // Of another boot: whoever wrote it is gone.
  const process = { pid: 1, pidStart: 1, bootId: 'another' };
  const begun = [{ name: 'x', thawWords: ['/bin/sh', '-c', `: > ${root}/ran`] }];
  writeFileSync(record, JSON.stringify({ version: 1, process, begun }), { mode: 0o600 });
});
afterEach(() => rmSync(root, { recursive: true }));

describe('a record of a killed run', () => {
  it('is run once and removed', async () => {
    assert.deepEqual(await recoverBackups({ root }), [1]);
    assert.deepEqual([ran(), existsSync(record)], [true, false]);
    assert.deepEqual(await recoverBackups({ root }), []);
  });

  it('that others can write to is not believed', async () => {
    chmodSync(record, 0o622);
    assert.deepEqual(await recoverBackups({ root }), []);
    assert.equal(ran(), false);
  });

  it('that a link leads to is not believed, nor a folder', async () => {
    renameSync(record, join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), record);
    assert.deepEqual(await recoverBackups({ root }), []);
    rmSync(record);
    mkdirSync(join(root, 'other'));
    renameSync(join(root, 'elsewhere'), join(root, 'other/backup-1-1.json'));
    rmSync(join(root, 'run/vmbus'), { recursive: true });
    symlinkSync(join(root, 'other'), join(root, 'run/vmbus'));
    assert.deepEqual(await recoverBackups({ root }), []);
    assert.equal(ran(), false);
  });

  it('that makes no sense is left alone', async () => {
    for (const text of [
      '',
      '{',
      '{}',
      '{"version":1,"begun":[{}]}',
      '{"version":1,"begun":[{"name":"x","thawWords":[5]}]}',
    ]) {
      writeFileSync(record, text);
      assert.deepEqual(await recoverBackups({ root }), []);
    }
  });
});

describe('a backup', () => {
  it('has a record while it is going on, and writes none through a link', async () => {
    const commands = { freeze: 'true', thaw: 'true' };
    const records = (): string[] => readdirSync(join(root, 'run/vmbus')).filter((name) => name !== 'backup-1-1.json');
    {
      await using _frozen = await freezeMachine({ root, commands });
      assert.equal(records().length, 1);
    }
    assert.deepEqual(records(), []);
    mkdirSync(join(root, 'other'));
    rmSync(join(root, 'run/vmbus'), { recursive: true });
    symlinkSync(join(root, 'other'), join(root, 'run/vmbus'));
    await assert.rejects(freezeMachine({ root, commands }), { code: 'ERR_VMBUS_SYSTEM' });
    assert.deepEqual(readdirSync(join(root, 'other')), []);
  });
});
