// SPDX-License-Identifier: MIT
//
// The words of `hv sim`: commands as they are typed, events and answers as they are told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePaint } from '../../dist/cli/paint.js';
import { answerText } from '../../dist/cli/sim/answer-text.js';
import { commandWords } from '../../dist/cli/sim/command-words.js';
import { eventText } from '../../dist/cli/sim/event-text.js';
import type { HostProcessEvent } from '../../dist/host/index.js';

test('a line of commands is read as a shell reads it', () => {
  for (const [line, words] of [
    ['  kvp  set a b ', ['kvp', 'set', 'a', 'b']],
    ['keyboard type "root\\n\\"x\\""', ['keyboard', 'type', 'root\n"x"']],
    ['keyboard type \'a \\n "b"\'', ['keyboard', 'type', 'a \\n "b"']],
    ['kvp set key ""', ['kvp', 'set', 'key', '']],
    ['fcopy send my\\ file /tmp/', ['fcopy', 'send', 'my file', '/tmp/']],
    ['a"b c"d', ['ab cd']],
    ['', []],
    ['   ', []],
    ['# a comment', []],
  ] as const) {
    assert.deepEqual(commandWords(line), words, line);
  }
  assert.throws(() => commandWords('kvp set "a'), { code: 'ERR_HV_USAGE', message: /quote does not end/ });
});

test('an event is a line that says when, where and what', () => {
  const time = new Date(2026, 0, 2, 9, 41, 7, 250).toISOString();
  const place = { time, device: 'guid', name: 'echo', relid: 3 };
  for (const [event, text] of [
    [{ ...place, kind: 'added' }, '09:41:07.250 + echo  offered as channel 3: guid'],
    [{ ...place, kind: 'withdrawn' }, '09:41:07.250 - echo  withdrawn'],
    [{ ...place, kind: 'bound', driver: 'uio_hv_generic' }, '09:41:07.250 ~ echo  bound to uio_hv_generic'],
    [{ ...place, kind: 'opened', subchannelIndex: 0 }, '09:41:07.250 ~ echo  channel 3 opened'],
    [{ ...place, kind: 'closed', subchannelIndex: 2 }, '09:41:07.250 ~ echo  subchannel 2, channel 3 closed'],
    [
      { ...place, kind: 'trouble', error: { code: 'ERR_VMBUS_CORRUPT', message: 'bad ring' } },
      '09:41:07.250 ! echo  ERR_VMBUS_CORRUPT: bad ring',
    ],
    [
      { ...place, kind: 'provider', provider: 'kvp', event: { kind: 'state', state: 'ready' } },
      '09:41:07.250 ~ echo  state ready',
    ],
    [
      { ...place, kind: 'provider', provider: 'kvp', event: { kind: 'thaw-failed', by: 'time', text: 'a b' } },
      '09:41:07.250 ~ echo  thaw failed by=time text="a b"',
    ],
    [{ time, kind: 'missed', count: 5 }, '09:41:07.250 ! 5 events came too fast to tell'],
  ] as const) {
    assert.equal(eventText(event as unknown as HostProcessEvent, makePaint(false)), text);
  }
});

test('an answer is ok, a value, a line for each field, or a table', () => {
  const told = (result: unknown): string[] => answerText(result, makePaint(false));

  assert.deepEqual(told(undefined), ['ok']);
  assert.deepEqual(told(null), ['none']);
  assert.deepEqual(told(['a', 'b']), ['a', 'b']);
  assert.deepEqual(told([]), ['none']);
  assert.deepEqual(told([{ key: 'a b', value: 1 }]), ['KEY    VALUE\n"a b"  1']);
  assert.deepEqual(told([{ name: 'echo', isOpen: false, driver: null }]), ['NAME  IS OPEN  DRIVER\necho  false    -']);
  assert.deepEqual(told({ state: 'closed', versions: null }), ['state=closed', 'versions=null']);
});
