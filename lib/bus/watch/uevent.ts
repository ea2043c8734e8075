// SPDX-License-Identifier: MIT
//
// A kernel uevent, read from the message that netlink (or a simulated host) delivers.
// Called by uevent-source.ts. Source: lib/kobject_uevent.c: "ACTION@DEVPATH\0KEY=VALUE\0…".

/** A uevent, as far as the bus cares. */
export interface Uevent {
  readonly action: string;
  /** Path below /sys. */
  readonly devpath: string;
  readonly subsystem: string;
}

/** Longer messages are not the kernel's: it builds them in 2048 bytes. */
const longest = 8192;

/** The uevent in a message; null for one that is none (udev's own messages, for example). */
export function parseUevent(message: Uint8Array): Uevent | null {
  if (message.length === 0 || message.length > longest) return null;
  const [head = '', ...pairs] = Buffer.from(message.buffer, message.byteOffset, message.length)
    .toString('utf8')
    .split('\0');
  const match = /^([a-z]{1,16})@(\/.*)$/.exec(head);
  if (!match?.[1] || !match[2]) return null;
  const subsystem = pairs.find((pair) => pair.startsWith('SUBSYSTEM='))?.slice('SUBSYSTEM='.length) ?? '';
  return { action: match[1], devpath: match[2], subsystem };
}

/** Cuts a byte stream into messages that end in an extra zero, as a simulated host sends them. */
export class UeventSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Messages that are complete with this chunk. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Uint8Array[] = [];
    for (let end = this.#rest.indexOf('\0\0'); end >= 0; end = this.#rest.indexOf('\0\0')) {
      messages.push(this.#rest.subarray(0, end + 1));
      this.#rest = this.#rest.subarray(end + 2);
    }
    // Whoever sends this is no kernel; what was lost is found by the next look at the tree.
    if (this.#rest.length > longest) this.#rest = Buffer.alloc(0);
    return messages;
  }
}
