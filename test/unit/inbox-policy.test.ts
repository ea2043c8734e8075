// SPDX-License-Identifier: MIT
//
// Whether a file of the host may arrive, and where: names and folders that a host should not have its way with.

import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VmbusError } from '../../dist/errors.js';
import { faultOfName, shownName } from '../../dist/services/inbox/names.js';
import { checkInboxOptions, judge } from '../../dist/services/inbox/policy.js';
import type { InboxFolder, InboxRequest } from '../../dist/services/inbox/types.js';

const inbox = '/srv/inbox';
const asked: InboxRequest = { name: 'report.txt', path: inbox, sizeBytes: 5, overwrite: false, createPath: false };
const place = (request: Partial<InboxRequest>, folder: Partial<InboxFolder> = {}, ...more: InboxFolder[]) =>
  judge(checkInboxOptions({ folders: [{ path: inbox, ...folder }, ...more] }), { ...asked, ...request });
const refusedAs = (status: string) => (error: unknown) =>
  VmbusError.is(error) && error.code === 'ERR_VMBUS_REFUSED' && error.facts.status === status;

describe('the place of a file', () => {
  it('is below the folder that was allowed, with its defaults', () => {
    assert.deepEqual(place({ path: '/srv//inbox/', name: 'größe 😀.txt' }), {
      folder: {
        path: inbox,
        mode: 0o640,
        folderMode: 0o750,
        maxFileBytes: 2 ** 30,
        overwrite: false,
        createFolders: false,
      },
      subfolders: [],
      name: 'größe 😀.txt',
      path: '/srv/inbox/größe 😀.txt',
      sizeBytes: 5,
      replaces: false,
      createsFolders: false,
    });
    assert.deepEqual(place({ path: '/srv/inbox/a/b' }).subfolders, ['a', 'b']);
  });

  it('is ruled by the innermost folder', () => {
    const inner = { path: '/srv/inbox/big', maxFileBytes: 2 ** 40 };
    const sizeBytes = 2 ** 35;
    assert.equal(place({ path: '/srv/inbox/big/x', sizeBytes }, {}, inner).folder.path, inner.path);
    assert.throws(() => place({ path: '/srv/inbox/bigger', sizeBytes }, {}, inner), refusedAs('fileTooLarge'));
  });

  for (const folder of ['/srv', '/srv/inbox2', '/', '/etc', '/srv/inboxes/inbox']) {
    it(`is not ${folder}`, () => {
      assert.throws(() => place({ path: folder }), refusedAs('accessDenied'));
    });
  }

  for (const folder of [
    '',
    'srv/inbox',
    'inbox',
    '/srv/inbox/..',
    '/srv/inbox/../inbox',
    '/srv/./inbox',
    '/srv/inbox/a\0b',
    '/srv/inbox/a\nb',
    'C:\\inbox',
    'c:/srv/inbox',
    '\\\\host\\share',
    '/srv/inbox\\..\\..\\etc',
    `/srv/inbox/${'a'.repeat(256)}`,
  ]) {
    it(`is not the folder ${JSON.stringify(folder).slice(0, 40)}`, () => {
      assert.throws(() => place({ path: folder }), refusedAs('invalidName'));
    });
  }

  for (const name of [
    '',
    '.',
    '..',
    'a/b',
    '/etc/passwd',
    '../x',
    'a\\b',
    'a\0b',
    'a\u001b[2Jb',
    'a\u007f',
    'a\u0085',
    'a\u2028b',
    'exe\u202etxt',
    'half\ud800',
    '\udc00half',
    'ä'.repeat(128),
  ]) {
    it(`is not called ${shownName(name).slice(0, 40)}`, () => {
      assert.throws(() => place({ name }), refusedAs('invalidName'));
    });
  }

  it('has what host and rules both want', () => {
    for (const host of [true, false]) {
      for (const rules of [true, false]) {
        const found = place({ overwrite: host, createPath: host }, { overwrite: rules, createFolders: rules });
        assert.deepEqual([found.replaces, found.createsFolders], [host && rules, host && rules]);
      }
    }
  });

  it('is there for as many bytes as allowed, and not for one more', () => {
    assert.equal(place({ sizeBytes: 10 }, { maxFileBytes: 10 }).sizeBytes, 10);
    assert.throws(() => place({ sizeBytes: 11 }, { maxFileBytes: 10 }), refusedAs('fileTooLarge'));
    assert.throws(() => place({ sizeBytes: Number.NaN }), refusedAs('fileTooLarge'));
  });

  it('is in the allowed folder, or nowhere, for any names', () => {
    const part = fc.oneof(
      fc.constantFrom('..', '.', '', 'srv', 'inbox', '/', '\\', '/srv/inbox', '\0', 'etc', '\ud800'),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    const folder = fc.array(part, { maxLength: 5 }).map((parts) => `/srv/inbox/${parts.join('/')}`);
    fc.assert(
      fc.property(folder, fc.array(part, { maxLength: 3 }), (asking, parts) => {
        const name = parts.join('');
        let found: ReturnType<typeof place>;
        try {
          found = place({ path: asking, name });
        } catch (error) {
          assert.ok(VmbusError.is(error) && error.code === 'ERR_VMBUS_REFUSED', String(error));
          return;
        }
        // What the kernel would make of it.
        assert.equal(path.resolve(found.path), found.path);
        assert.ok(found.path.startsWith(`${inbox}/`));
        assert.equal(Buffer.from(found.path).toString(), found.path);
        for (const one of [...found.subfolders, found.name]) assert.equal(faultOfName(one), null);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the rules of an inbox', () => {
  it('are checked', () => {
    const bad = (folder: object, code: string): void =>
      assert.throws(() => checkInboxOptions({ folders: [{ path: inbox, ...folder }] }), { code });
    bad({ path: 'srv/inbox' }, 'ERR_INVALID_ARG_VALUE');
    bad({ path: '/' }, 'ERR_INVALID_ARG_VALUE');
    bad({ path: '/srv/..' }, 'ERR_INVALID_ARG_VALUE');
    bad({ path: 5 }, 'ERR_INVALID_ARG_TYPE');
    bad({ mode: 0o4755 }, 'ERR_OUT_OF_RANGE');
    bad({ mode: '640' }, 'ERR_INVALID_ARG_TYPE');
    bad({ uid: -1 }, 'ERR_OUT_OF_RANGE');
    bad({ gid: 2 ** 32 - 1 }, 'ERR_OUT_OF_RANGE');
    bad({ maxFileBytes: 1.5 }, 'ERR_OUT_OF_RANGE');
    bad({ overwrite: 'yes' }, 'ERR_INVALID_ARG_TYPE');
    bad({ overwirte: true }, 'ERR_INVALID_ARG_VALUE');
    assert.throws(() => checkInboxOptions({ folders: [] }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => checkInboxOptions({ folders: [{ path: inbox }, { path: `${inbox}/` }] }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  it('let those enter new folders who may read files', () => {
    const modeOf = (mode: number): number | undefined =>
      checkInboxOptions({ folders: [{ path: inbox, mode }] })[0]?.folderMode;
    assert.deepEqual([modeOf(0o640), modeOf(0o600), modeOf(0o644), modeOf(0)], [0o750, 0o700, 0o755, 0o700]);
  });
});

describe('a name as it is shown', () => {
  it('has nothing in it that a terminal would run', () => {
    assert.equal(shownName('a\u001b[2J\n\u202e\u0085"'), '"a\\u001b[2J\\n\\u202e\\u0085\\""');
  });
});
