// SPDX-License-Identifier: MIT
//
// Files for which there is no room, and files on file systems where nothing is without a name.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { VmbusError } from '../../dist/index.js';
import { beginFile } from '../../dist/services/inbox/arriving-file.js';
import { makeInbox } from './inbox-scene.js';

const refusedAs = (status: string) => (error: unknown) => VmbusError.is(error) && error.facts.status === status;
const piece = Buffer.alloc(6144, 1);

/** A file system of 64 KiB; null where none may be mounted. */
function mountSmall(): (Disposable & { readonly folder: string }) | null {
  const folder = mkdtempSync(path.join(tmpdir(), 'hv-small-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  const remove = (): void => rmSync(folder, { recursive: true });
  if (status !== 0) {
    remove();
    return null;
  }
  return {
    folder,
    [Symbol.dispose]() {
      assert.equal(spawnSync('umount', [folder]).status, 0, 'something of the file system is still open');
      remove();
    },
  };
}

describe('a disk that is full', () => {
  it('is told before the first byte of a file that does not fit', async (t) => {
    using small = mountSmall();
    if (!small) return t.skip('no file system may be mounted here');
    using scene = makeInbox(small.folder);
    await assert.rejects((await scene.open()).receive(scene.ask({ sizeBytes: 1_000_000 })), refusedAs('diskFull'));
    assert.deepEqual(scene.tree(), []);
  });

  for (const named of [false, true]) {
    it(`leaves nothing of a file that ${named ? 'has a name' : 'has no name yet'} when it fills up meanwhile`, async (t) => {
      using small = mountSmall();
      if (!small) return t.skip('no file system may be mounted here');
      using scene = makeInbox(small.folder);
      const place = (await scene.open()).place(scene.ask({ sizeBytes: 30_000 }));
      const file = await beginFile(place, { fsync: false, named });
      await file.write(piece, 0);
      assert.throws(() => writeFileSync(path.join(scene.outside, 'hog'), Buffer.alloc(64 * 1024)), { code: 'ENOSPC' });
      await assert.rejects(file.write(piece, 6144), refusedAs('diskFull'));
      await file.discard();
      assert.deepEqual(readdirSync(scene.folder), []);
    });
  }

  it('is not mistaken for a file that is larger than this process may write', () => {
    using scene = makeInbox();
    const program = `
      const { openInbox } = await import(${JSON.stringify(path.resolve('dist/index.js'))});
      const inbox = await openInbox({ folders: [{ path: ${JSON.stringify(scene.folder)} }] });
      const file = await inbox.receive({ name: 'f', path: ${JSON.stringify(scene.folder)}, sizeBytes: 12288, overwrite: false, createPath: false });
      try {
        await file.write(Buffer.alloc(6144), 0);
        await file.write(Buffer.alloc(6144), 6144);
      } catch (error) {
        console.log(error.errnoName, error.facts.status);
        await file.discard();
      }`;
    const child = spawnSync('sh', [
      '-c',
      'ulimit -f 16; exec "$@"',
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      program,
    ]);
    assert.equal(String(child.stdout).trim(), 'EFBIG fileTooLarge', String(child.stderr));
    assert.deepEqual(scene.tree(), []);
  });
});

describe('a file that has to have a name while it arrives', () => {
  it('is hidden, nobody else may read it, and it is renamed when it is complete', async () => {
    using scene = makeInbox();
    const place = (await scene.open({ mode: 0o644 })).place(scene.ask({ sizeBytes: 6144 }));
    const file = await beginFile(place, { fsync: true, named: true });
    await file.write(piece, 0);
    assert.match(scene.tree().join(), /^inbox\/\.vmbus-[0-9a-f]{16}\.part$/);
    await file.complete();
    assert.deepEqual(scene.tree(), ['inbox/file']);
  });

  it('is gone when it is given up, or its name is taken meanwhile', async () => {
    using scene = makeInbox();
    const place = (await scene.open()).place(scene.ask());
    const given = await beginFile(place, { fsync: false, named: true });
    const late = await beginFile(place, { fsync: false, named: true });
    assert.equal(scene.tree().length, 2);
    await given.discard();
    writeFileSync(path.join(scene.folder, 'file'), 'theirs');
    await assert.rejects(late.complete(), refusedAs('fileExists'));
    assert.deepEqual(scene.tree(), ['inbox/file']);
    assert.equal(readFileSync(path.join(scene.folder, 'file'), 'utf8'), 'theirs');
  });

  it('goes into folders that are made when it is complete', async () => {
    using scene = makeInbox();
    const inbox = await scene.open({ createFolders: true });
    const place = inbox.place(scene.ask({ path: `${scene.folder}/a/b`, createPath: true }));
    const file = await beginFile(place, { fsync: true, named: true });
    assert.equal(scene.tree().length, 1);
    await file.complete();
    assert.deepEqual(scene.tree(), ['inbox/a', 'inbox/a/b', 'inbox/a/b/file']);
  });

  it('takes the folders back that were made for it, but nobody else in them', async () => {
    using scene = makeInbox();
    const inbox = await scene.open({ createFolders: true });
    const place = inbox.place(scene.ask({ path: `${scene.folder}/a/b`, createPath: true }));
    const file = await beginFile(place, { fsync: false, named: true });
    // Gone: it cannot be renamed any more.
    for (const name of readdirSync(scene.folder)) rmSync(path.join(scene.folder, name));
    await assert.rejects(file.complete(), refusedAs('failed'));
    assert.deepEqual(scene.tree(), []);
    mkdirSync(path.join(scene.folder, 'a'));
    assert.deepEqual(scene.tree(), ['inbox/a']);
  });
});
