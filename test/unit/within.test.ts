// SPDX-License-Identifier: MIT
//
// Work that somebody waits for, and not for ever.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { within } from '../../dist/within.js';

const late = (ms: number): Error => new Error(`late after ${ms}`);
const never = (): Promise<never> => new Promise(() => undefined);

describe('work within somebody’s patience', () => {
  it('gives what it gives, at once or later, and throws what it throws', async () => {
    assert.equal(await within({ timeoutMs: 60_000 }, () => 7, late), 7);
    assert.equal(await within({}, async () => 'later', late), 'later');
    await assert.rejects(
      within({}, () => assert.fail('its own'), late),
      /its own/,
    );
  });

  it('ends with the timeout, and is told so', async () => {
    let told: unknown = null;
    const work = (signal: AbortSignal): Promise<never> => {
      signal.addEventListener('abort', () => {
        told = signal.reason;
      });
      return never();
    };
    const ended = await within({ timeoutMs: 1 }, work, late).catch((error: unknown) => error);
    assert.deepEqual([String(ended), told], ['Error: late after 1', ended]);
  });

  it('ends with the signal, with its reason, unchanged', async () => {
    const stop = new AbortController();
    const reason = { why: 'enough' };
    const ended = within({ signal: stop.signal, timeoutMs: 60_000 }, never, late).catch((error: unknown) => error);
    stop.abort(reason);
    assert.equal(await ended, reason);
  });

  it('is not begun where nobody waits any more', async () => {
    let isBegun = false;
    await assert.rejects(
      within({ signal: AbortSignal.abort() }, () => (isBegun = true), late),
      { name: 'AbortError' },
    );
    assert.equal(isBegun, false);
  });

  it('may fail afterwards without anybody noticing', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): unknown => unhandled.push(error);
    process.on('unhandledRejection', note);
    let fail = (): void => undefined;
    const work = (): Promise<never> => new Promise((_, reject) => (fail = () => reject(new Error('afterwards'))));
    await assert.rejects(within({ timeoutMs: 1 }, work, late), /late/);
    fail();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
  });
});
