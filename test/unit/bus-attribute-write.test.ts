// SPDX-License-Identifier: MIT
// Proves that a write to an attribute takes nothing from the rest of the process while it blocks, and is whole or an error.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeAttribute, writeAttributeSync } from '../../dist/bus/write-attribute.js';

const { EINVAL, EIO, ELOOP, ENOENT } = constants.errno;
const written = fileURLToPath(new URL('../../dist/bus/write-attribute.js', import.meta.url));

/** A root, with attributes in it. */
class Folder implements Disposable {
  readonly root: string = realpathSync(mkdtempSync(join(tmpdir(), 'vmbus-attribute-')));

  attribute(name: string, text = ''): string {
    const path = join(this.root, name);
    writeFileSync(path, text);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Opening these files for writing blocks, as unbinding does, until standard input ends: somebody has a lease on them. */
const lease = `import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
files = [open(path, 'r+') for path in sys.argv[1:]]
for file in files: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased', flush=True)
sys.stdin.read()`;

test('writes that block in the kernel leave the script its files', async () => {
  using folder = new Folder();
  // One for each thread of libuv's pool.
  const paths = ['a', 'b', 'c', 'd'].map((name) => folder.attribute(name));
  const other = folder.attribute('other', 'read me');
  const holder = spawn('python3', ['-c', lease, ...paths], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const order: string[] = [];
  const writes = paths.map(async (path) => {
    const errno = await writeAttribute(folder.root, path, 'text');
    order.push(`written ${errno}`);
  });
  order.push(await readFile(other, 'utf8'));
  holder.stdin.end();
  await Promise.all(writes);

  assert.deepEqual(order, ['read me', 'written 0', 'written 0', 'written 0', 'written 0']);
  assert.deepEqual(
    paths.map((path) => readFileSync(path, 'utf8')),
    ['text', 'text', 'text', 'text'],
  );
});

describe('a write that the kernel takes in part is an error', () => {
  // The limit, in blocks of 512 bytes, cuts the second write(2) of a file short before it refuses one.
  const script = `const { writeAttribute, writeAttributeSync } = await import(process.argv[1]);
    const [, , root, path] = process.argv;
    const text = 'x'.repeat(3000);
    console.log(await writeAttribute(root, path, text), writeAttributeSync(root, path, text));`;
  for (const [how, env] of [
    ['on a thread of its own', {}],
    ['without the addon', { VMBUS_NATIVE: '/nowhere/vmbus.node' }],
  ] as const) {
    test(how, () => {
      using folder = new Folder();
      const path = folder.attribute('attribute');
      const command = [process.execPath, '--input-type=module', '-e', script, written, folder.root, path];
      const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -f 4; exec "$@"', 'sh', ...command], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, ...env },
      });

      assert.equal(stdout, `${EIO} ${EIO}\n`, stderr);
      assert.equal(readFileSync(path).length, 2048);
    });
  }
});

describe('an attribute', () => {
  test('holds exactly the text afterwards, also when it is written while the process exits', async () => {
    using folder = new Folder();
    const path = folder.attribute('driver_override', 'something longer\n');
    assert.equal(await writeAttribute(folder.root, path, 'uio_hv_generic'), 0);
    assert.equal(readFileSync(path, 'utf8'), 'uio_hv_generic');
    assert.equal(writeAttributeSync(folder.root, path, '\n'), 0);

    assert.equal(readFileSync(path, 'utf8'), '\n');
  });

  test('that is missing, a link or a folder is an errno', async () => {
    using folder = new Folder();
    symlinkSync(folder.attribute('real'), join(folder.root, 'link'));
    for (const [name, errno] of [
      ['missing', ENOENT],
      ['link', ELOOP],
      ['.', EINVAL],
    ] as const) {
      assert.equal(await writeAttribute(folder.root, join(folder.root, name), 'x'), errno, name);
      assert.equal(writeAttributeSync(folder.root, join(folder.root, name), 'x'), errno, name);
    }
    assert.equal(readFileSync(join(folder.root, 'real'), 'utf8'), '');
  });
});
