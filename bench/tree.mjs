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
import { median } from './statistics.mjs';
import { makeTree } from './tree-files.mjs';

const command = path.resolve(import.meta.dirname, '../dist/cli/main.js');

/** Walks in a row, of which the median counts: the first ones of a process are spent on compiling. */
const shortWalks = 41;
const longWalks = 5;

function milliseconds(work) {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

const looks = (bus) => [
  { name: 'tree: bus.devices()', walks: shortWalks, walk: () => bus.devices() },
  {
    name: 'tree: bus.devices(), all channels',
    walks: longWalks,
    walk: () => bus.devices().map((device) => device.channels),
  },
];

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
  const inC = (walks, ...args) => {
    const printed = execFileSync(program, [folder, `${walks}`, ...args], { encoding: 'utf8' });
    return median(printed.trim().split('\n').map(Number));
  };
  const inJavaScript = (walks, walk) => median(Array.from({ length: walks }, () => milliseconds(walk)));
  try {
    for (let round = -1; round < rounds; round++) {
      const add = (name, figure) => round >= 0 && samples.add(name, 'ms', figure);
      for (const { name, walks, walk } of looks(bus)) add(name, inJavaScript(walks, walk));
      add('tree: the devices in C', inC(shortWalks));
      add('tree: all channels in C', inC(longWalks, 'channels'));
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
