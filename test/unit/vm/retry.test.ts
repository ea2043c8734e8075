// SPDX-License-Identifier: MIT
// When the lab starts a machine again, with attempts that are played; and how an attempt knows that the emulation failed,
// with a shell in QEMU's place.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { attempt, type Failed, type GuestResult, LabFailure, type SnapshotUse } from '../../vm/lab/attempt.js';
import { withRetries } from '../../vm/lab/retry.js';

const result: GuestResult = { status: 0, report: '', consoles: '' };
const failed = (facts: Partial<Omit<Failed, 'failure'>>, message = 'broke'): Failed => ({
  began: false,
  emulationFault: undefined,
  failure: new LabFailure(message, ''),
  ...facts,
});

/** Plays attempts in their order. */
function played(outcomes: readonly (GuestResult | Failed)[], isThere: boolean | null = null, isAborted = false) {
  const uses: SnapshotUse[] = [];
  const retries: string[] = [];
  let removed = 0;
  const run = withRetries({
    attempt: async (use) => {
      const outcome = outcomes[uses.length];
      uses.push(use);
      assert.ok(outcome, 'one attempt too many');
      return outcome;
    },
    snapshot: isThere === null ? undefined : { file: 'snap', isThere, remove: () => removed++ },
    isAborted: () => isAborted,
    onRetry: (why) => retries.push(why),
  });
  return { run, uses, retries, removed: () => removed };
}

describe('a machine that gave no result', () => {
  test('is booted again once when the emulated processor failed, and says so', async () => {
    const { run, uses, retries } = played([
      failed({ began: true, emulationFault: 'the processor lost its way' }),
      result,
    ]);

    assert.equal(await run, result);
    assert.deepEqual(uses, [{}, {}]);
    assert.deepEqual(retries, ['the processor lost its way']);
  });

  test('is not booted a third time', async () => {
    const dead = failed({ emulationFault: 'the processor lost its way' }, 'dead twice');
    const { run, uses } = played([failed({ emulationFault: 'the processor lost its way' }), dead]);

    await assert.rejects(run, /dead twice/);
    assert.equal(uses.length, 2);
  });

  test('is not booted again when only the guest died', async () => {
    const { run, uses, retries } = played([failed({ began: true })]);

    await assert.rejects(run, LabFailure);
    assert.equal(uses.length, 1);
    assert.deepEqual(retries, []);
  });

  test('is not booted again when the user interrupted it', async () => {
    const { run, uses } = played([failed({ emulationFault: 'the processor lost its way' })], null, true);

    await assert.rejects(run, LabFailure);
    assert.equal(uses.length, 1);
  });
});

describe('a restored machine that gave no result', () => {
  test('is booted afresh and its snapshot removed when the command had not begun', async () => {
    const { run, uses, retries, removed } = played([failed({}, 'does not answer'), result], true);

    assert.equal(await run, result);
    assert.deepEqual(uses, [{ restore: 'snap' }, { save: 'snap' }]);
    assert.deepEqual(retries, ['does not answer']);
    assert.equal(removed(), 1);
  });

  test('is booted afresh when the processor failed under the command, and once more if it fails again', async () => {
    const dead = failed({ began: true, emulationFault: 'the processor lost its way' });
    const { run, uses } = played([dead, dead, result], true);

    assert.equal(await run, result);
    assert.equal(uses.length, 3);
  });

  test('keeps its failure when the command had begun and the guest died of it', async () => {
    const { run, uses, removed } = played([failed({ began: true })], true);

    await assert.rejects(run, LabFailure);
    assert.equal(uses.length, 1);
    assert.equal(removed(), 0);
  });
});

describe('an attempt', () => {
  const run = (script: string, mode: 'direct' | 'nested' = 'nested'): Promise<GuestResult | Failed> => {
    const job = { command: [], output: new PassThrough(), timeoutMs: 60_000 };
    return attempt(['sh', '-c', script], job, Buffer.alloc(0), {}, mode);
  };

  test('tells a panic of the outer kernel, whose console is descriptor 7, from one of the guest, on descriptor 8', async () => {
    const outer = await run('echo "Kernel panic - not syncing: stack" >&7; echo "job received" >&5');
    const guest = await run('echo "Kernel panic - not syncing: stack" >&8; echo "job received" >&5');

    assert.ok('failure' in outer && 'failure' in guest);
    assert.match(String(outer.emulationFault), /outer machine's kernel died/);
    assert.deepEqual([outer.began, guest.began, guest.emulationFault], [true, true, undefined]);
  });

  test('tells a processor that was reset from a kernel that died: the kernel would have said so', async () => {
    const ended = 'echo "job received" >&5; echo "guest machine ended with 0 at 81.28 s" >&5';
    const reset = await run(ended);
    const panicked = await run(`echo "Kernel panic - not syncing: Fatal exception" >&8; ${ended}`);
    const switchedOff = await run(`echo "reboot: Power down" >&8; ${ended}`);

    assert.ok('failure' in reset && 'failure' in panicked && 'failure' in switchedOff);
    assert.match(String(reset.emulationFault), /processor was reset/);
    assert.deepEqual([panicked.emulationFault, switchedOff.emulationFault], [undefined, undefined]);
  });

  test('tells an outer machine that was reset: it says that its guest has ended before it ends itself', async () => {
    const script = 'echo "job received: 1254447 bytes at 9.31 s" >&5';
    const reset = await run(script);
    const crashed = await run(`${script}; false`);
    const direct = await run(script, 'direct');

    assert.ok('failure' in reset && 'failure' in crashed && 'failure' in direct);
    assert.match(String(reset.emulationFault), /outer machine's processor was reset/);
    assert.deepEqual([crashed.emulationFault, direct.emulationFault], [undefined, undefined]);
  });

  test('tells a processor that cannot enter the guest’s kernel from a kernel that died', async () => {
    const said = 'BUG: ENTRY_TRAMPOLINE stack guard page was hit at fffffe0000001ff8 (stack is fffffe0000002000)';
    const lost = await run(`echo "${said}" >&8; echo "Kernel panic - not syncing: Fatal exception" >&8; false`);
    const other = await run('echo "BUG: TASK stack guard page was hit at ffffc9000001ff8" >&8; false');

    assert.ok('failure' in lost && 'failure' in other);
    assert.match(String(lost.emulationFault), /lost its way into the kernel/);
    assert.equal(other.emulationFault, undefined);
  });

  test('has the status that the guest tells on descriptor 5', async () => {
    const ended = await run('echo "exit 3 at 1 s" >&5; printf report >&6');

    assert.ok(!('failure' in ended));
    assert.deepEqual([ended.status, ended.report], [3, 'report']);
  });
});
