// SPDX-License-Identifier: MIT
//
// The guest's side of an integration service as Linux plays it, from its own reading of the bytes: negotiates newest first,
// answers in place with the same length, leaves everything else as it came.

/** What a guest does with a request: edits the packet and answers a status; null says nothing. */
export type GuestAnswer = (packet: Buffer) => number | null;

export const status = { done: 0, failed: 0x8000_4005, noMoreItems: 0x8007_0103, notSupported: 0x8007_0032 };
/** Where the body begins. */
export const bodyAt = 28;

/** A guest of one service. */
export class LinuxIcGuest {
  /** Requests of the service, as they came. */
  readonly requests: Buffer[] = [];
  negotiations = 0;
  /** Whether negotiations are answered. */
  negotiates = true;
  answer: GuestAnswer = () => status.done;
  /** Versions of the service, newest first. */
  versions: readonly string[];
  readonly #frameworks: readonly string[] = ['3.0', '1.0'];

  constructor(versions: readonly string[]) {
    this.versions = versions;
  }

  /** The answer to a packet of the host, if any. */
  take(payload: Uint8Array): Uint8Array | null {
    const packet = Buffer.from(payload);
    if (packet.readUInt16LE(12) === 0) return this.#negotiate(packet);
    this.requests.push(Buffer.from(packet));
    const answered = this.answer(packet);
    if (answered === null) return null;
    packet.writeUInt32LE(answered, 20);
    packet.writeUInt8(5, 25);
    return packet;
  }

  /** Bodies of the requests, without the ring's padding. */
  get bodies(): Buffer[] {
    return this.requests.map((packet) => packet.subarray(bodyAt, bodyAt + packet.readUInt16LE(18)));
  }

  #negotiate(packet: Buffer): Uint8Array | null {
    this.negotiations += 1;
    if (!this.negotiates) return null;
    const frameworkCount = packet.readUInt16LE(28);
    const messageCount = packet.readUInt16LE(30);
    const listed = Array.from(
      { length: frameworkCount + messageCount },
      (_, i) => `${packet.readUInt16LE(36 + 4 * i)}.${packet.readUInt16LE(38 + 4 * i)}`,
    );
    const framework = this.#frameworks.find((version) => listed.slice(0, frameworkCount).includes(version));
    const message = this.versions.find((version) => listed.slice(frameworkCount).includes(version));
    const isMatch = framework !== undefined && message !== undefined;
    packet.writeUInt16LE(isMatch ? 1 : 0, 28);
    packet.writeUInt16LE(isMatch ? 1 : 0, 30);
    const chosen = isMatch ? [...framework.split('.'), ...message.split('.')] : [];
    for (const [i, part] of chosen.entries()) packet.writeUInt16LE(Number(part), 36 + 2 * i);
    packet.writeUInt16LE(16, 18);
    packet.writeUInt8(5, 25);
    return packet;
  }
}
