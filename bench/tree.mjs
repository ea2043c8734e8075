// SPDX-License-Identifier: MIT
//
// Looking at a large guest: 20 devices with 64 channels each, next to a C program that reads the same files; and what `hv ls`
// costs on that tree beyond the start of Node itself.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { openBus } from '../dist/index.js';
import { nativeBuild } from './ring-loops.mjs';
import { Samples } from './samples.mjs';
import { makeTree } from './tree-files.mjs';

const command = path.resolve(import.meta.dirname, '../dist/cli/main.js');

function milliseconds(work) {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

const walks = (bus) => ({
  'tree: bus.devices()': () => bus.devices(),
  'tree: bus.devices(), all channels': () => bus.devices().map((device) => device.channels),
});

const starts = (root) => ({
  'start: node -e 0': ['-e', '0'],
  'start: hv ls': [command, 'ls', '--root', root],
});

/** Rows of milliseconds. */
export async function treeRows({ rounds }) {
  const program = await nativeBuild.executable({
    name: 'tree_walk',
    sources: ['native/bench/tree_walk.c'],
    flags: ['-O3'],
  });
  const tree = makeTree({ devices: 20, channels: 64 });
  const samples = new Samples('ms', 'values');
  const bus = openBus({ root: tree.root });
  const folder = path.join(tree.root, 'sys/bus/vmbus/devices');
  const inC = (...args) => Number(execFileSync(program, [folder, '2', ...args], { encoding: 'utf8' }).split('\n')[1]);
  try {
    for (let round = -1; round < rounds; round++) {
      const add = (name, figure) => round >= 0 && samples.add(name, 'ms', figure);
      for (const [name, walk] of Object.entries(walks(bus))) add(name, milliseconds(walk));
      add('tree: the devices in C', inC());
      add('tree: all channels in C', inC('channels'));
      const [bare, ls] = Object.entries(starts(tree.root)).map(([name, args]) => {
        const time = milliseconds(() => execFileSync(process.execPath, args, { stdio: 'ignore' }));
        add(name, time);
        return time;
      });
      add('start: hv ls beyond node -e 0', ls - bare);
    }
  } finally {
    await bus.close();
    tree.remove();
  }
  return samples.rows();
}
