// SPDX-License-Identifier: MIT
//
// What crosses from a host process to its parent: events that wait, and errors as plain data.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventLog } from '../../dist/host/event-log.js';
import { EventReader } from '../../dist/host/event-reader.js';
import type { HostProcessEvent } from '../../dist/host/index.js';
import { errorOf, plain, plainError } from '../../dist/host/plain.js';
import { VmbusError } from '../../dist/index.js';

const event = (relid: number): HostProcessEvent => ({ time: '', kind: 'added', device: '', name: 'x', relid }) as never;

function reader(options: ConstructorParameters<typeof EventReader>[0] = {}): {
  reader: EventReader;
  left: () => number;
} {
  let left = 0;
  const hooks = { waits: () => undefined, left: () => (left += 1) };
  return { reader: new EventReader(options, hooks), left: () => left };
}

describe('a reader of events', () => {
  it('that is slow loses the oldest events, and is told how many', async () => {
    const { reader: slow } = reader({ limit: 2 });
    for (const relid of [1, 2, 3, 4, 5]) slow.tell(event(relid));

    const first = await slow.next();
    assert.deepEqual([first.value?.kind, first.value && 'count' in first.value && first.value.count], ['missed', 3]);
    assert.deepEqual([(await slow.next()).value, (await slow.next()).value], [event(4), event(5)]);
    slow.tell(event(6));
    assert.deepEqual((await slow.next()).value, event(6));
  });

  it('gets an event that it waits for, and reads what is left when the host is gone', async () => {
    const { reader: patient, left } = reader();
    const next = patient.next();
    patient.tell(event(1));
    assert.deepEqual(await next, { value: event(1), done: false });
    patient.tell(event(2));
    patient.end();

    assert.deepEqual((await patient.next()).value, event(2));
    assert.equal((await patient.next()).done, true);
    assert.equal(left(), 1);
  });

  it('ends at once when its signal is aborted, before and while it waits', async () => {
    const stop = new AbortController();
    const { reader: waiting, left } = reader({ signal: stop.signal });
    const next = waiting.next();
    stop.abort();

    assert.equal((await next).done, true);
    assert.equal(left(), 1);
    assert.equal(reader({ signal: AbortSignal.abort() }).reader.hasEnded, true);
  });

  it('leaves with the loop', async () => {
    const { reader: leaving, left } = reader();
    leaving.tell(event(1));
    for await (const one of leaving) {
      assert.deepEqual(one, event(1));
      break;
    }

    assert.equal(left(), 1);
    assert.equal((await leaving.next()).done, true);
  });

  it('refuses options that make no sense', () => {
    assert.throws(() => reader({ limit: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => reader({ signal: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => reader({ sgnal: undefined } as never), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('the events of a host process', () => {
  it('wait for the first listener, the newest of them', () => {
    const told: HostProcessEvent[] = [];
    const log = new EventLog((one) => told.push(one));
    for (let relid = 0; relid < 1003; relid += 1) log.add({ kind: 'added', device: '' as never, name: '', relid });
    assert.equal(told.length, 0);
    log.listen(true);

    assert.equal(told.length, 1001);
    assert.deepEqual([told[0]?.kind, told[0] && 'count' in told[0] && told[0].count], ['missed', 3]);
    assert.match(told[1]?.time ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });
});

describe('plain data', () => {
  it('holds what JSON cannot', () => {
    const value = {
      big: 2n ** 60n,
      small: 5n,
      bytes: new Uint8Array(3),
      list: [1n, null],
      run: () => 1,
      none: undefined,
    };

    assert.deepEqual(JSON.parse(JSON.stringify(plain(value))), {
      big: '1152921504606846976',
      small: 5,
      bytes: { bytes: 3 },
      list: [1, null],
    });
  });

  it('carries an error with its code, hint and facts', () => {
    const error = new VmbusError('ERR_VMBUS_IN_USE', 'taken', { path: '/x', hint: 'another', facts: { lun: 5n } });
    const again = errorOf(JSON.parse(JSON.stringify(plainError(error))));

    assert.ok(VmbusError.is(again));
    assert.deepEqual(
      [again.code, again.message, again.path, again.hint, again.facts],
      ['ERR_VMBUS_IN_USE', 'taken', '/x', 'another', { lun: 5 }],
    );
  });

  it('carries mistakes and bugs as what they are', () => {
    const mistake = errorOf(plainError(Object.assign(new RangeError('far'), { code: 'ERR_OUT_OF_RANGE' })));
    assert.ok(mistake instanceof RangeError);
    const bug = plainError(new Error('oops'));
    assert.match(String(bug.stack), /host-process-data/);
    assert.equal(plainError('thrown').message, 'thrown');
  });
});
