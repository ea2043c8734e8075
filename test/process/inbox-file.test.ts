// SPDX-License-Identifier: MIT
//
// Files in an inbox: what they are when they are complete, what is refused, and that nothing is left of what was given up.

import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { type Inbox, type InboxRequest, openInbox, VmbusError } from '../../dist/index.js';
import { makeInbox } from './inbox-scene.js';

const data = Buffer.from('data');
const isRoot = process.getuid?.() === 0;
const refusedAs = (status: string) => (error: unknown) => VmbusError.is(error) && error.facts.status === status;

/** Sends `data`. */
async function send(inbox: Inbox, request: InboxRequest): Promise<void> {
  const file = await inbox.receive(request);
  await file.write(data, 0);
  await file.complete();
}

/** What this process has open below a folder. */
function held(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return [];
    }
  });
}

describe('a file that arrives', () => {
  it('has no name until it is complete, then its mode and all of its bytes', async () => {
    using scene = makeInbox();
    const inbox = await scene.open({ mode: 0o604 }, { fsync: true });
    const file = await inbox.receive(scene.ask({ name: 'größe 😀', sizeBytes: 8 }));
    await file.write(data, 0);
    await file.write(data, 4);
    assert.deepEqual(scene.tree(), []);

    await file.complete();
    const arrived = path.join(scene.folder, 'größe 😀');
    assert.deepEqual([readFileSync(arrived, 'utf8'), statSync(arrived).mode & 0o7777], ['datadata', 0o604]);
    assert.deepEqual(scene.tree(), ['inbox/größe 😀']);
    assert.deepEqual(held(scene.root), []);
    await file.discard();
    assert.deepEqual(scene.tree(), ['inbox/größe 😀']);
  });

  it('may be empty', async () => {
    using scene = makeInbox();
    await (await (await scene.open()).receive(scene.ask({ sizeBytes: 0 }))).complete();
    assert.equal(statSync(path.join(scene.folder, 'file')).size, 0);
  });

  it('belongs to whom it shall, with the folders that were made for it', { skip: !isRoot && 'not root' }, async () => {
    using scene = makeInbox();
    const inbox = await scene.open({ uid: 1234, gid: 4321, mode: 0o640, createFolders: true });
    await send(inbox, scene.ask({ path: `${scene.folder}/a/b`, createPath: true }));
    for (const [name, mode] of [
      ['a', 0o750],
      ['a/b', 0o750],
      ['a/b/file', 0o640],
    ] as const) {
      const found = statSync(path.join(scene.folder, name));
      assert.deepEqual([found.uid, found.gid, found.mode & 0o7777], [1234, 4321, mode], name);
    }
  });

  it('leaves nothing when it is given up, nor do the folders it would have needed', async () => {
    using scene = makeInbox();
    const inbox = await scene.open({ createFolders: true });
    const file = await inbox.receive(scene.ask({ path: `${scene.folder}/a/b`, createPath: true }));
    await file.write(data, 0);
    await file.discard();

    await assert.rejects(file.write(data, 4), { code: 'ERR_VMBUS_REFUSED' });
    await assert.rejects(file.complete(), { code: 'ERR_VMBUS_REFUSED' });
    assert.deepEqual([scene.tree(), held(scene.root)], [[], []]);
  });

  it('is not given up in the middle of a step', async () => {
    using scene = makeInbox();
    const inbox = await scene.open();
    for (let i = 0; i < 20; i++) {
      const file = await inbox.receive(scene.ask({ name: `f${i}` }));
      const written = file.write(data, 0);
      const completed = file.complete();
      const given = file.discard();
      await Promise.allSettled([written, completed, given]);
    }
    assert.deepEqual([scene.tree(), held(scene.root)], [[], []]);
  });
});

describe('a name that is taken', () => {
  it('is refused at once, and stays as it was', async () => {
    using scene = makeInbox();
    const taken = path.join(scene.folder, 'file');
    writeFileSync(taken, 'old');
    const refused = refusedAs('fileExists');
    await assert.rejects((await scene.open()).receive(scene.ask({ overwrite: true })), refused);
    await assert.rejects((await scene.open({ overwrite: true })).receive(scene.ask()), refused);
    assert.deepEqual([readFileSync(taken, 'utf8'), scene.tree()], ['old', ['inbox/file']]);
  });

  it('is refused also when it was taken meanwhile', async () => {
    using scene = makeInbox();
    const file = await (await scene.open()).receive(scene.ask());
    await file.write(data, 0);
    writeFileSync(path.join(scene.folder, 'file'), 'theirs');
    await assert.rejects(file.complete(), refusedAs('fileExists'));
    assert.equal(readFileSync(path.join(scene.folder, 'file'), 'utf8'), 'theirs');
    assert.deepEqual([scene.tree(), held(scene.root)], [['inbox/file'], []]);
  });

  it('is taken over at once where host and rules want that', async () => {
    using scene = makeInbox();
    const taken = path.join(scene.folder, 'file');
    writeFileSync(taken, 'old');
    const { ino } = statSync(taken);
    const file = await (await scene.open({ overwrite: true })).receive(scene.ask({ overwrite: true }));
    await file.write(data, 0);
    assert.equal(readFileSync(taken, 'utf8'), 'old');
    await file.complete();
    assert.deepEqual([readFileSync(taken, 'utf8'), scene.tree()], ['data', ['inbox/file']]);
    assert.notEqual(statSync(taken).ino, ino);
  });

  it('is never taken over from a link or a folder', async () => {
    using scene = makeInbox();
    const victim = path.join(scene.outside, 'victim');
    writeFileSync(victim, 'theirs');
    const inbox = await scene.open({ overwrite: true });
    symlinkSync(victim, path.join(scene.folder, 'link'));
    symlinkSync('/nowhere', path.join(scene.folder, 'dangling'));
    mkdirSync(path.join(scene.folder, 'folder'));
    for (const name of ['link', 'dangling', 'folder'])
      await assert.rejects(inbox.receive(scene.ask({ name, overwrite: true })), refusedAs('fileExists'), name);

    const file = await inbox.receive(scene.ask({ overwrite: true }));
    await file.write(data, 0);
    symlinkSync(victim, path.join(scene.folder, 'file'));
    await assert.rejects(file.complete(), refusedAs('fileExists'));
    assert.equal(readFileSync(victim, 'utf8'), 'theirs');
    assert.ok(lstatSync(path.join(scene.folder, 'file')).isSymbolicLink());
    assert.deepEqual(readdirSync(scene.folder).sort(), ['dangling', 'file', 'folder', 'link']);
  });
});

describe('a folder', () => {
  it('that is a link leads nowhere', async () => {
    using scene = makeInbox();
    symlinkSync(scene.outside, path.join(scene.folder, 'sub'));
    const inbox = await scene.open({ createFolders: true });
    for (const below of ['sub', 'sub/deep'])
      await assert.rejects(
        inbox.receive(scene.ask({ path: `${scene.folder}/${below}`, createPath: true })),
        refusedAs('failed'),
      );
    assert.deepEqual(readdirSync(scene.outside), []);
  });

  it('that becomes a link while a file arrives leads nowhere', async () => {
    using scene = makeInbox();
    const sub = path.join(scene.folder, 'sub');
    mkdirSync(sub);
    const inbox = await scene.open({ createFolders: true });
    const file = await inbox.receive(scene.ask({ path: sub, createPath: true }));
    await file.write(data, 0);
    renameSync(sub, path.join(scene.outside, 'moved'));
    symlinkSync(scene.outside, sub);
    await assert.rejects(file.complete(), refusedAs('failed'));
    assert.deepEqual(readdirSync(scene.outside, { recursive: true }), ['moved']);
    assert.deepEqual(held(scene.root), []);
  });

  it('that is moved away while a file arrives is not where the file goes', async () => {
    using scene = makeInbox();
    const sub = path.join(scene.folder, 'sub');
    mkdirSync(sub);
    const file = await (await scene.open()).receive(scene.ask({ path: sub }));
    await file.write(data, 0);
    renameSync(sub, path.join(scene.outside, 'moved'));
    mkdirSync(sub);
    await file.complete();
    assert.deepEqual(scene.tree(), ['inbox/sub', 'inbox/sub/file', 'outside/moved']);
  });

  it('of the inbox itself that becomes a link leads nowhere', async () => {
    using scene = makeInbox();
    const inbox = await scene.open();
    renameSync(scene.folder, path.join(scene.root, 'former'));
    symlinkSync(scene.outside, scene.folder);
    await assert.rejects(inbox.receive(scene.ask()), refusedAs('failed'));
    assert.deepEqual(readdirSync(scene.outside), []);
  });

  it('that is a link from the beginning is where it leads', async () => {
    using scene = makeInbox();
    const link = path.join(scene.root, 'link');
    symlinkSync(scene.folder, link);
    const inbox = await openInbox({ folders: [{ path: link }] });
    await send(inbox, scene.ask({ path: link }));
    assert.deepEqual(readdirSync(scene.folder), ['file']);
  });

  it('that is missing is made only where host and rules want that', async () => {
    using scene = makeInbox();
    const deep = { path: `${scene.folder}/a/b` };
    await assert.rejects((await scene.open()).receive(scene.ask({ ...deep, createPath: true })), refusedAs('failed'));
    await assert.rejects((await scene.open({ createFolders: true })).receive(scene.ask(deep)), refusedAs('failed'));
    assert.deepEqual(scene.tree(), []);
    await send(await scene.open({ createFolders: true }), scene.ask({ ...deep, createPath: true }));
    assert.deepEqual(scene.tree(), ['inbox/a', 'inbox/a/b', 'inbox/a/b/file']);
  });

  it('that vanishes while a file arrives takes the file with it', async () => {
    using scene = makeInbox();
    const sub = path.join(scene.folder, 'sub');
    mkdirSync(sub);
    const file = await (await scene.open()).receive(scene.ask({ path: sub }));
    rmSync(sub, { recursive: true });
    await assert.rejects(file.complete(), refusedAs('failed'));
    assert.deepEqual([scene.tree(), held(scene.root)], [[], []]);
  });

  it('that is not there cannot be an inbox', async () => {
    using scene = makeInbox();
    for (const [name, errnoName] of [
      ['missing', 'ENOENT'],
      ['file', 'ENOTDIR'],
      ['everything', 'ELOOP'],
    ] as const) {
      if (name === 'file') writeFileSync(path.join(scene.root, name), '');
      if (name === 'everything') symlinkSync('/', path.join(scene.root, name));
      await assert.rejects(openInbox({ folders: [{ path: path.join(scene.root, name) }] }), { errnoName });
    }
  });

  it('that may not be written to is told as such', { skip: isRoot && 'root may write everywhere' }, async () => {
    using scene = makeInbox();
    chmodSync(scene.folder, 0o500);
    await assert.rejects((await scene.open()).receive(scene.ask()), refusedAs('accessDenied'));
  });
});
