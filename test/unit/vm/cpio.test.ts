// SPDX-License-Identifier: MIT
// Proves the archives of the vm lab against bytes written down by hand from the format's description.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { CpioWriter } from '../../vm/lab/cpio.js';

function archive(fill: (writer: CpioWriter) => void): Buffer {
  const chunks: Uint8Array[] = [];
  const writer = new CpioWriter((chunk) => chunks.push(chunk));
  fill(writer);
  writer.end();
  return Buffer.concat(chunks);
}

/** Names of the records, found by walking the headers. */
function namesIn(bytes: Buffer): string[] {
  const names: string[] = [];
  const align = (offset: number): number => (offset + 3) & ~3;
  for (let at = 0; at < bytes.length; ) {
    assert.equal(bytes.toString('latin1', at, at + 6), '070701');
    const field = (index: number): number =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameSize = field(11);
    names.push(bytes.toString('utf8', at + 110, at + 110 + nameSize - 1));
    at = align(align(at + 110 + nameSize) + field(6));
  }
  return names;
}

test('a file becomes a header of 13 hexadecimal fields, its name and its content, each padded to 4 bytes', () => {
  const bytes = archive((writer) => writer.text('init', 'hello', 0o755));

  const fields = [
    '00000001',
    '000081ed',
    '00000000',
    '00000000',
    '00000001',
    '00000000',
    '00000005',
    '00000000',
    '00000000',
    '00000000',
    '00000000',
    '00000005',
    '00000000',
  ];
  const expected = `070701${fields.join('')}init\0\0hello\0\0\0`;
  assert.equal(bytes.toString('latin1', 0, expected.length), expected);
});

test('an archive ends with the trailer', () => {
  assert.deepEqual(namesIn(archive(() => undefined)), ['TRAILER!!!']);
});

test('folders above an entry come before it, and only once', () => {
  const bytes = archive((writer) => {
    writer.text('/a/b/one', '1');
    writer.text('/a/b/two', '22');
  });

  assert.deepEqual(namesIn(bytes), ['a', 'a/b', 'a/b/one', 'a/b/two', 'TRAILER!!!']);
});

test('the first record of a name wins', () => {
  const bytes = archive((writer) => {
    writer.text('x', 'first');
    writer.text('x', 'second');
  });

  assert.ok(bytes.includes('first'));
  assert.ok(!bytes.includes('second'));
});

test('a device node is a record with its numbers and needs no privilege', () => {
  const bytes = archive((writer) => writer.characterDevice('console', 5, 1));

  assert.equal(bytes.toString('latin1', 14, 22), '00002180');
  assert.equal(bytes.toString('latin1', 6 + 9 * 8, 6 + 11 * 8), '0000000500000001');
});

test('a folder is copied with its links, less what is not wanted', () => {
  const source = fs.mkdtempSync(path.join(os.tmpdir(), 'vmbus-cpio-'));
  try {
    fs.mkdirSync(path.join(source, 'deep'));
    fs.writeFileSync(path.join(source, 'deep', 'kept.js'), '');
    fs.writeFileSync(path.join(source, 'deep', 'left.map'), '');
    fs.symlinkSync('deep/kept.js', path.join(source, 'link.js'));

    const bytes = archive((writer) => writer.tree('/app', source, (name) => name.endsWith('.js')));

    assert.deepEqual(namesIn(bytes).sort(), ['TRAILER!!!', 'app', 'app/deep', 'app/deep/kept.js', 'app/link.js']);
  } finally {
    fs.rmSync(source, { recursive: true });
  }
});
