// SPDX-License-Identifier: MIT
// Proves the QMP client against lines as QEMU writes them.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { QmpClient, QmpError } from '../../vm/lab/qmp-client.js';

interface Sent {
  readonly execute: string;
  readonly id: number;
}

/** A client and a monitor that answers each command as `answer` says. */
function monitor(answer: (sent: Sent) => readonly object[]): { client: QmpClient; input: PassThrough } {
  const input = new PassThrough();
  const client = new QmpClient(input, (line) => {
    for (const reply of answer(JSON.parse(line) as Sent)) input.write(`${JSON.stringify(reply)}\r\n`);
  });
  return { client, input };
}

test('a command gets its own answer, also between events and answers to others', async () => {
  const { client } = monitor(({ id }) => [
    { event: 'STOP', timestamp: {} },
    { return: 'old', id: id + 100 },
    { return: { status: 'running' }, id },
  ]);

  assert.deepEqual(await client.execute('query-status'), { status: 'running' });
});

test('a refusal becomes an error with the class as its code and the command in its text', async () => {
  const { client } = monitor(({ id }) => [{ error: { class: 'GenericError', desc: 'no report' }, id }]);

  await assert.rejects(
    client.execute('query-balloon'),
    (error: unknown) =>
      error instanceof QmpError && error.code === 'GenericError' && /^query-balloon: .*no report/.test(error.message),
  );
});

test('a monitor that somebody negotiated with before is taken over, without what it told them', async () => {
  const { client, input } = monitor(({ id }) => [
    { error: { class: 'CommandNotFound', desc: 'already complete' }, id },
  ]);
  input.write('{"event": "OLD", "data": {}}\n');

  await client.negotiate();
  input.write('{"event": "OLD", "data": {"new": true}}\n');

  assert.deepEqual((await client.event('OLD')).data, { new: true });
});

test('any other refusal to negotiate is an error', async () => {
  const { client } = monitor(({ id }) => [{ error: { class: 'GenericError', desc: 'no' }, id }]);

  await assert.rejects(client.negotiate(), QmpError);
});

test('an event that came before it was asked for is not lost, and its data can be chosen', async () => {
  const { client, input } = monitor(() => []);
  for (const status of ['setup', 'active', 'completed'])
    input.write(`${JSON.stringify({ event: 'MIGRATION', data: { status } })}\n`);

  const found = await client.event('MIGRATION', ({ status }) => status === 'completed');

  assert.deepEqual(found.data, { status: 'completed' });
  assert.deepEqual((await client.event('MIGRATION')).data, { status: 'setup' });
});

test('when QEMU goes away, everybody who waits is told', async () => {
  const { client, input } = monitor(() => []);
  const command = client.execute('query-status');
  const event = client.event('SHUTDOWN');
  input.end();

  await assert.rejects(command, /closed its monitor/);
  await assert.rejects(event, /closed its monitor/);
  await assert.rejects(client.execute('query-status'), /closed its monitor/);
});

test('an error of the connection is told to everybody who waits, and to nobody else', async () => {
  const { client, input } = monitor(() => []);
  const command = client.execute('query-status');
  input.destroy(new Error('connection reset'));

  await assert.rejects(command, /connection reset|closed its monitor/);
});
