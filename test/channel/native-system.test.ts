// SPDX-License-Identifier: MIT
//
// The addon's view of the system: CPUID, uevents, attributes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants as access, accessSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import { test } from 'node:test';
import { binding, EventLog, plainEnvironment, TestFolder, turn } from './native-pair.js';

const { EBUSY, EINVAL, ENOENT, EPROTO } = constants.errno;

function writeAttribute(path: string, text: string): Promise<number> {
  return new Promise((resolve) => binding.writeAttribute(path, text, resolve));
}

test('CPUID leaf 0 names the vendor that /proc/cpuinfo names', (t) => {
  const vendor = /^vendor_id\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  const out = new Uint32Array(4);
  if (process.arch !== 'x64') {
    assert.equal(binding.cpuid(0, 0, out), false);
    t.skip('this processor has no CPUID');
    return;
  }

  assert.equal(binding.cpuid(0, 0, out), true);

  const [, b = 0, c = 0, d = 0] = out;
  assert.equal(Buffer.from(Uint32Array.of(b, d, c).buffer).toString('latin1'), vendor);
});

test('CPUID answers false for leaves beyond the last one, and leaves the numbers alone', () => {
  const out = new Uint32Array(4).fill(7);

  for (const leaf of [0x0fff_ffff, 0x4fff_ffff, 0x8fff_ffff, 0xffff_ffff]) {
    assert.equal(binding.cpuid(leaf, 0, out), false, leaf.toString(16));
  }

  assert.deepEqual([...out], [7, 7, 7, 7]);
});

test('every violation number has a name', () => {
  for (let number = 1; number <= 13; number++) assert.notEqual(binding.violationName(number), 'unknown violation');
  assert.equal(binding.violationName(99), 'unknown violation');
});

const eventSource = '/sys/devices/virtual/mem/null/uevent';

/** Why the kernel cannot be made to send uevents here, or false. */
function whyNoUevents(): string | false {
  try {
    accessSync(eventSource, access.W_OK);
    return false;
  } catch {
    return `${eventSource} cannot be written here: not root, or sysfs is read-only`;
  }
}
const needsUevents = { skip: whyNoUevents() };

/** Uevents of the null device (and empty messages), as text. */
function listen(): { readonly messages: EventLog<string>; readonly handle: number } {
  const messages = new EventLog<string>();
  const handle = binding.openUevents((message) => {
    const text = Buffer.from(message).toString('latin1');
    if (text === '' || text.includes('mem/null')) messages.push(text);
  });
  assert.ok(handle > 0, String(handle));
  return { messages, handle };
}

test('a uevent of the kernel arrives as it was sent', needsUevents, async () => {
  const { messages, handle } = listen();

  assert.equal(await writeAttribute(eventSource, 'change'), 0);
  await messages.reach(1);

  const fields = messages.seen[0]?.split('\0') ?? [];
  assert.equal(fields[0], 'change@/devices/virtual/mem/null');
  assert.ok(fields.includes('ACTION=change'));
  assert.ok(fields.includes('SUBSYSTEM=mem'));
  binding.closeUevents(handle);
  binding.closeUevents(handle);
});

test("uevents that a process sends are not taken for the kernel's", needsUevents, async () => {
  const { messages, handle } = listen();
  const forge = `import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
s.sendto(b'remove@/devices/virtual/mem/null\\0ACTION=remove\\0SUBSYSTEM=mem\\0', (0, 1))`;
  const { status, stderr } = spawnSync('python3', ['-c', forge], { encoding: 'utf8', env: plainEnvironment });
  assert.equal(status, 0, stderr);

  assert.equal(await writeAttribute(eventSource, 'change'), 0);
  await messages.reach(1);

  assert.match(messages.seen[0] ?? '', /^change@/);
  binding.closeUevents(handle);
});

test(
  'more uevents than the socket holds are told as an empty message, and listening goes on',
  needsUevents,
  async () => {
    const { messages, handle } = listen();
    // Nothing is read while this thread writes; about 2,500 fit.
    for (let i = 0; i < 5000; i++) writeFileSync(eventSource, 'change');
    await messages.reach(1000);
    assert.ok(messages.seen.includes(''));

    // Lost as well as long as the socket is full.
    while (!messages.seen.some((text) => text.startsWith('offline@'))) {
      assert.equal(await writeAttribute(eventSource, 'offline'), 0);
      await turn();
    }

    binding.closeUevents(handle);
  },
);

test('an attribute that is a regular file holds exactly the text', async () => {
  using folder = new TestFolder();
  writeFileSync(folder.file('driver_override'), 'something longer\n');

  assert.equal(await writeAttribute(folder.file('driver_override'), 'uio_hv_generic\n'), 0);

  assert.equal(readFileSync(folder.file('driver_override'), 'utf8'), 'uio_hv_generic\n');
});

test('an attribute that is missing, or none, is an errno', async () => {
  using folder = new TestFolder();

  assert.equal(await writeAttribute(folder.file('bind'), 'x'), ENOENT);
  assert.equal(await writeAttribute(folder.path, 'x'), EINVAL);
  assert.equal(await writeAttribute('/dev/null', 'x'), EINVAL);
});

/** A simulated attribute: gets the whole text, answers through `answer`. */
async function serveAttribute(path: string, answer: (text: string, socket: Socket) => void): Promise<Disposable> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => answer(text, socket));
    socket.on('error', () => {});
  }).listen(path);
  await new Promise((resolve) => server.on('listening', resolve));
  return { [Symbol.dispose]: () => server.close() };
}

test('a socket in the place of an attribute gets the text and answers an errno', async () => {
  using folder = new TestFolder();
  const texts: string[] = [];
  using _server = await serveAttribute(folder.file('bind'), (text, socket) => {
    texts.push(text);
    socket.end(text === 'good' ? '0\n' : String(EBUSY));
  });
  const long = 'x'.repeat(300_000);

  assert.equal(await writeAttribute(folder.file('bind'), 'good'), 0);
  assert.equal(await writeAttribute(folder.file('bind'), long), EBUSY);

  assert.deepEqual(texts, ['good', long]);
});

const nonsense = ['', 'yes', '-5', '99999', '16 17', '0x10', '1'.repeat(100)];
for (const answer of nonsense) {
  test(`a socket that answers "${answer.slice(0, 20)}" is a protocol error`, async () => {
    using folder = new TestFolder();
    using _server = await serveAttribute(folder.file('bind'), (_text, socket) => socket.end(answer));

    assert.equal(await writeAttribute(folder.file('bind'), 'x'), EPROTO);
  });
}
