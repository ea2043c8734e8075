// SPDX-License-Identifier: MIT
//
// The session under all integration services, by the example of key-value pairs: versions first, one request at a time, whose
// clock runs, and what a guest must not answer.

import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import { type KvpProvider, kvp } from '../../dist/host/index.js';
import { IcScene, turn, watch } from './support/ic-scene.js';
import { status } from './support/linux-ic-guest.js';

let pairs: KvpProvider;
let scene: IcScene;

beforeEach(() => {
  mock.timers.reset();
  pairs = kvp();
  scene = new IcScene(pairs, ['4.0', '3.0', '1.0']);
});

describe('an opening', () => {
  it('agrees on versions before anything is asked, once', async () => {
    const done = pairs.set('k', 'v');

    assert.equal(scene.channel.take().length, 1);
    assert.deepEqual([pairs.state, pairs.versions], ['negotiating', null]);
    scene.channel.close();
    await assert.rejects(done, { code: 'ERR_VMBUS_CLOSED' });
  });

  it('asks as soon as versions are agreed on, and in these', async () => {
    await scene.served(Promise.all([pairs.set('a', '1'), pairs.set('b', '2')]));

    assert.deepEqual([scene.guest.negotiations, pairs.state], [1, 'ready']);
    assert.deepEqual(pairs.versions, { framework: '3.0', service: '4.0' });
    // framework, type, version, as every message says; status 0, transaction 0, request that wants an answer
    assert.equal(scene.guest.requests[0]?.subarray(8, 18).toString('hex'), '03000000020004000000');
    assert.equal(scene.guest.requests[0]?.subarray(20, 28).toString('hex'), '0000000000030000');
  });

  it('agrees anew when the guest opens the channel again', async () => {
    await scene.served(pairs.ready());
    scene.channel.close();
    assert.equal(pairs.state, 'closed');
    await assert.rejects(pairs.set('k', 'v'), { code: 'ERR_VMBUS_CLOSED', hint: /ready/ });

    scene.open();
    await scene.served(pairs.set('k', 'v'));

    assert.deepEqual([scene.guest.negotiations, scene.guest.requests.length], [2, 1]);
  });

  it('refuses everything where there is no version in common, until asked to agree again', async () => {
    scene.guest.versions = ['9.0'];
    const waiting = pairs.set('k', 'v');

    await assert.rejects(scene.served(waiting), { code: 'ERR_VMBUS_UNSUPPORTED', message: /3\.0, 4\.0, 5\.0/ });
    await assert.rejects(pairs.set('k', 'v'), { code: 'ERR_VMBUS_UNSUPPORTED' });
    await assert.rejects(pairs.ready(), { code: 'ERR_VMBUS_UNSUPPORTED' });
    assert.deepEqual([pairs.state, scene.channel.isOpen], ['refused', true]);

    scene.guest.versions = ['3.0'];
    await scene.served(pairs.renegotiate());
    assert.equal(pairs.versions?.service, '3.0');
  });

  it('agrees again in the middle, after what the guest owes, and never twice at once', async () => {
    await scene.served(pairs.ready());
    const first = pairs.set('a', '1');
    const again = [pairs.renegotiate(), pairs.renegotiate()];
    const second = pairs.set('b', '2');

    assert.equal(scene.channel.take().length, 1);
    assert.equal(pairs.state, 'negotiating');
    scene.channel.close();

    for (const promise of [first, ...again, second]) await assert.rejects(promise, { code: 'ERR_VMBUS_CLOSED' });
    scene.open();
    await scene.served(pairs.ready());
    await scene.served(
      Promise.all([pairs.set('a', '1'), pairs.renegotiate(), pairs.renegotiate(), pairs.set('b', '2')]),
    );
    assert.deepEqual([scene.guest.negotiations, scene.guest.requests.length], [3, 2]);
  });

  it('is one negotiation, whoever asks for another before the guest has answered', async () => {
    const again = pairs.renegotiate();

    await scene.served(again);

    assert.equal(scene.guest.negotiations, 1);
  });

  it('can be waited for before there is a guest, as long as one likes', async () => {
    scene.channel.close();
    await assert.rejects(pairs.ready({ timeoutMs: 1 }), { code: 'ERR_VMBUS_TIMEOUT', hint: /hv-kvp-daemon/ });
    await assert.rejects(pairs.ready({ signal: AbortSignal.abort('enough') }), (reason) => reason === 'enough');
    const ready = pairs.ready();

    scene.open();

    await scene.served(ready);
  });
});

describe('requests', () => {
  beforeEach(() => scene.served(pairs.ready()));

  it('are sent one at a time, in their order', async () => {
    const all = ['a', 'b', 'c'].map((key) => pairs.delete(key));

    for (const key of ['a', 'b', 'c']) {
      const [packet, ...more] = scene.channel.take();
      assert.equal(more.length, 0);
      assert.equal(packet?.payload[36], key.charCodeAt(0));
      const answer = packet && scene.guest.take(packet.payload);
      if (answer) scene.channel.say({ payload: answer });
    }

    assert.deepEqual(await Promise.all(all), [true, true, true]);
  });

  it('keep their turn when nobody waits for them any more, and their late answer is nobody else’s', async () => {
    const stop = new AbortController();
    const given = pairs.enumerate('guest', { signal: stop.signal });
    const late = scene.channel.take()[0];
    const reason = new Error('no longer');
    stop.abort(reason);
    await assert.rejects(given, (error) => error === reason);
    scene.guest.answer = () => status.noMoreItems;

    const next = pairs.delete('k');
    await turn();
    assert.equal(scene.channel.take().length, 0);
    scene.guest.answer = () => status.done;
    const answer = late && scene.guest.take(late.payload);
    if (answer) scene.channel.say({ payload: answer });
    scene.guest.answer = () => status.noMoreItems;

    assert.equal(await scene.served(next), false);
  });

  it('are dropped unsent when they were aborted in the queue, or before', async () => {
    const stop = new AbortController();
    const first = pairs.delete('a');
    const second = pairs.delete('b', { signal: stop.signal });

    stop.abort('never mind');
    await assert.rejects(pairs.delete('c', { signal: stop.signal }), (error) => error === 'never mind');

    await assert.rejects(second, (error) => error === 'never mind');
    assert.equal(await scene.served(first), true);
    assert.equal(scene.guest.requests.length, 1);
  });

  it('wait for space in the ring, and are forgotten when they are aborted there', async () => {
    const stop = new AbortController();
    scene.channel.room = 0;
    const first = pairs.delete('a', { signal: stop.signal });
    const second = pairs.delete('b');
    stop.abort('never mind');
    await assert.rejects(first, (error) => error === 'never mind');

    scene.channel.free();

    assert.equal(await scene.served(second), true);
    assert.deepEqual(
      scene.guest.bodies.map((body) => body[8]),
      ['b'.charCodeAt(0)],
    );
  });

  it('that the ring can never hold are not sent', async () => {
    Object.assign(scene.channel, { maxPayloadBytes: 2700 });

    await assert.rejects(pairs.getIpInfo('x'), { code: 'ERR_VMBUS_TOO_LARGE' });

    assert.equal(await scene.served(pairs.delete('k')), true);
  });

  it('are all rejected when the guest closes the channel, in whatever state they are', async () => {
    const first = pairs.delete('a');
    const second = pairs.delete('b');
    scene.channel.close();
    for (const promise of [first, second]) await assert.rejects(promise, { code: 'ERR_VMBUS_CLOSED' });
  });
});

describe('the clock', () => {
  /** Mocks timers from here on, in an opening that is ready or not. */
  async function begin(isReady: boolean): Promise<void> {
    if (isReady) await scene.served(pairs.ready());
    scene.channel.take();
    mock.timers.enable({ apis: ['setTimeout'] });
  }

  it('of a request begins when it is sent, and its turn ends with its late answer', async () => {
    await begin(true);
    const first = watch(pairs.delete('a'));
    const second = pairs.delete('b');
    const seen = watch(second);

    mock.timers.tick(39_999);
    await turn();
    assert.deepEqual([first.result, seen.result], ['pending', 'pending']);
    mock.timers.tick(1);
    await turn();
    assert.deepEqual([first.result, seen.result], ['ERR_VMBUS_TIMEOUT', 'pending']);

    // The second waits behind an answer that may never come: its own clock runs.
    mock.timers.tick(39_999);
    scene.serve();
    mock.timers.tick(39_999);
    scene.serve();
    assert.equal(await second, true);
  });

  it('of a request runs out behind an answer that never comes', async () => {
    await begin(true);
    const first = watch(pairs.delete('a'));
    const second = watch(pairs.delete('b'));

    mock.timers.tick(40_000);
    await turn();
    mock.timers.tick(40_000);
    await turn();

    assert.deepEqual([first.result, second.result], ['ERR_VMBUS_TIMEOUT', 'ERR_VMBUS_TIMEOUT']);
    assert.equal(scene.channel.take().length, 1);
  });

  it('of everything runs while versions are agreed on; a late agreement still counts', async () => {
    scene.open();
    mock.timers.enable({ apis: ['setTimeout'] });
    const first = watch(pairs.delete('a'));
    mock.timers.tick(30_000);
    const second = watch(pairs.delete('b'));

    mock.timers.tick(30_000);
    await turn();
    assert.deepEqual([first.result, second.result], ['ERR_VMBUS_TIMEOUT', 'pending']);
    scene.serve();
    scene.serve();
    await turn();

    assert.equal(second.result, 'done');
    assert.equal(scene.guest.negotiations, 1);
  });

  it('that the caller sets runs from the call, also while versions are agreed on', async () => {
    scene.open();
    mock.timers.enable({ apis: ['setTimeout'] });
    const seen = watch(pairs.delete('a', { timeoutMs: 100 }));

    mock.timers.tick(60);
    scene.serve();
    mock.timers.tick(40);
    await turn();

    assert.equal(seen.result, 'ERR_VMBUS_TIMEOUT');
  });
});

describe('a guest that answers what it must not', () => {
  /** Changes the answer to the next request. */
  type Lie = (answer: Buffer) => { readonly type?: number; readonly payload: Uint8Array };
  const edited =
    (edit: (answer: Buffer) => unknown): Lie =>
    (answer) => {
      edit(answer);
      return { payload: answer };
    };
  const lies: readonly (readonly [string, RegExp, Lie])[] = [
    ['a completion', /packet of type 11/, (payload) => ({ type: 11, payload })],
    ['less than a header', /header/, (payload) => ({ payload: payload.subarray(0, 24) })],
    ['nothing', /header/, () => ({ payload: new Uint8Array() })],
    ['another pipe type', /pipe packet of type 2/, edited((answer) => answer.writeUInt32LE(2, 0))],
    ['a pipe size past the packet', /announces/, edited((answer) => answer.writeUInt32LE(answer.length, 4))],
    ['a body past the pipe size', /body/, edited((answer) => answer.writeUInt16LE(0xffff, 18))],
    ['another type', /type 3, 2 is due/, edited((answer) => answer.writeUInt16LE(3, 12))],
    ['a negotiation', /type 0, 2 is due/, edited((answer) => answer.writeUInt16LE(0, 12))],
    ['another version', /another version/, edited((answer) => answer.writeUInt16LE(3, 14))],
    ['another framework', /another version/, edited((answer) => answer.writeUInt16LE(1, 8))],
    ['another transaction', /transaction 1/, edited((answer) => answer.writeUInt8(1, 24))],
    ['the flags of a request', /flags 3/, edited((answer) => answer.writeUInt8(3, 25))],
    ['no transaction flag', /flags 4/, edited((answer) => answer.writeUInt8(4, 25))],
    ['a key of 514 bytes', /key of 514/, edited((answer) => answer.writeUInt32LE(514, 36))],
    ['a text of 2^32 - 2 bytes', /text of 4294967294/, edited((answer) => answer.writeUInt32LE(0xffff_fffe, 40))],
    ['a body that is too short', /answer of 8 bytes/, edited((answer) => answer.writeUInt16LE(8, 18))],
  ];

  for (const [what, message, lie] of lies) {
    it(`loses its channel for ${what}`, async () => {
      await scene.served(pairs.ready());
      const asked = pairs.get('k');
      const waiting = pairs.set('a', 'b');
      const request = Buffer.from(scene.channel.take()[0]?.payload ?? []);
      request.writeUInt8(5, 25);
      request.writeUInt32LE(1, 32);

      scene.channel.say(lie(request));

      for (const promise of [asked, waiting]) await assert.rejects(promise, { code: 'ERR_VMBUS_PROTOCOL', message });
      assert.equal((scene.channel.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
      assert.equal(pairs.state, 'closed');
    });
  }

  it('loses its channel for an answer to nothing, or a second one', async () => {
    const [packet] = scene.channel.take();
    const answer = scene.guest.take(packet?.payload ?? new Uint8Array());
    if (answer) scene.channel.say({ payload: answer }, { payload: answer });

    assert.match(String(scene.channel.failure), /although nothing was asked/);
  });

  for (const [what, edit] of [
    ['two versions', (answer: Buffer) => answer.writeUInt16LE(2, 28)],
    ['a version that was not offered', (answer: Buffer) => answer.writeUInt16LE(6, 40)],
    ['a framework that was not offered', (answer: Buffer) => answer.writeUInt16LE(2, 36)],
    ['a type other than the negotiation’s', (answer: Buffer) => answer.writeUInt16LE(2, 12)],
  ] as const) {
    it(`loses its channel for choosing ${what}`, async () => {
      const waiting = pairs.set('a', 'b');
      const [packet] = scene.channel.take();
      const answer = Buffer.from(scene.guest.take(packet?.payload ?? new Uint8Array()) ?? []);
      edit(answer);

      scene.channel.say({ payload: answer });

      await assert.rejects(waiting, { code: 'ERR_VMBUS_PROTOCOL' });
      assert.equal((scene.channel.failure as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
    });
  }

  it('may open the channel again', async () => {
    scene.channel.say({ payload: new Uint8Array(64) });
    assert.equal(scene.channel.isOpen, false);

    scene.open();

    assert.equal(await scene.served(pairs.delete('k')), true);
  });
});
