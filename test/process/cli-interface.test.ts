// SPDX-License-Identifier: MIT
// Proves that the command shows beforehand what a network card's interface gets again, and tells afterwards what it did not get.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindDevice } from '../../dist/bus/index.js';
import { CardScene } from '../unit/interface-scene.js';
import { type Run, run } from './cli-run.js';

const preload = new URL('./cli-interface-ip.js', import.meta.url).href;
const hv = (scene: CardScene, ...words: string[]): Promise<Run> =>
  run(['--root', scene.tree.root, ...words], { env: { NODE_OPTIONS: `--import=${preload}` } });

test('hv bind --dry-run shows what the interface gets again, in text and JSON', async () => {
  await using scene = await CardScene.make();
  const text = await hv(scene, 'bind', 'lan0', '--force', '--dry-run');
  const json = await hv(scene, 'bind', 'lan0', '--force', '--dry-run', '--json');

  assert.equal(text.status, 0, text.stderr);
  assert.match(
    text.stdout,
    /# and when it goes back: lan0 is up, MTU 9000, 10\.1\.0\.7\/24, 2001:db8::7\/64, 3 routes\n/,
  );
  const { interface: state } = JSON.parse(json.stdout) as { interface: { name: string; routes: unknown[] } };
  assert.deepEqual([state.name, state.routes.length], ['lan0', 3]);
});

test('hv restore --dry-run prints the commands that would put the interface back', async () => {
  await using scene = await CardScene.make();
  await bindDevice(scene.device, { force: true, persist: true });
  const text = await hv(scene, 'restore', '--all', '--dry-run');
  const json = await hv(scene, 'restore', '--all', '--dry-run', '--json');

  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stdout, /ip link set dev lan0 mtu 9000 {2}# set the MTU 9000 of lan0\n/);
  assert.match(text.stdout, /ip -4 route add default via 10\.1\.0\.1 dev lan0 table 254 protocol 4 metric 100 /);
  const { restored } = JSON.parse(json.stdout) as { restored: { interface: { commands: unknown[] } }[] };
  assert.equal(restored[0]?.interface.commands.length, 8);
});

test('hv bind with a command tells what its interface did not get again', async () => {
  await using scene = await CardScene.make();
  const { status, stderr } = await hv(scene, 'bind', 'lan0', '--force', '--', 'true');

  assert.equal(status, 0, stderr);
  // The command's own `ip` does not know the interface that comes.
  assert.match(
    stderr,
    /could not rename eth0 to lan0: Cannot find device "eth0"; by hand: `ip link set dev eth0 name lan0`/,
  );
});
