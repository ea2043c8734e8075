// SPDX-License-Identifier: MIT
//
// Replaces what names a machine or its owner. The same name gives the same replacement within one snapshot, so that two
// interfaces with one MAC still have one; the salt is thrown away, so that nobody can try names out against it.
// Called by the other files of snapshot/.

import { createHash, randomBytes } from 'node:crypto';

const macPattern = /\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/gi;

/** Replaces names in texts. */
export class Redactor {
  readonly #salt: Buffer = randomBytes(32);
  readonly #names = new Map<string, string>();
  #count = 0;

  /** Replacements made so far. */
  get count(): number {
    return this.#count;
  }

  /** A name that is to be replaced wherever it stands alone in a text. Names too short to be told from words are not. */
  learn(kind: 'host' | 'serial', name: string | null): void {
    const text = name?.trim() ?? '';
    if (text.length < 4 || /^(localhost|none|default string|to be filled.*|not specified|0+)$/i.test(text)) return;
    this.#names.set(text, `${kind}-${this.#hash(text).slice(0, 8)}`);
  }

  /** The text without MACs and learned names. */
  text(text: string): string {
    let clean = text.replace(macPattern, (mac) => this.mac(mac));
    for (const [name, replacement] of this.#names) {
      const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      clean = clean.replace(new RegExp(`(?<![\\w.-])${escaped}(?![\\w-])`, 'gi'), () => this.#counted(replacement));
    }
    return clean;
  }

  /** A locally administered MAC instead of this one; those that name no card (zeroes, broadcast) stay. */
  mac(mac: string): string {
    if (/^(00:){5}00$|^(ff:){5}ff$/i.test(mac)) return mac;
    const hex = this.#hash(mac.toLowerCase());
    return this.#counted(`02:${[0, 2, 4, 6, 8].map((at) => hex.slice(at, at + 2)).join(':')}`);
  }

  /** A kernel address of the same form. */
  kernelAddress(text: string): string {
    return text.replace(/^0xffff[0-9a-f]{12}$/i, (address) =>
      this.#counted(`0xffff${this.#hash(address.toLowerCase()).slice(0, 12)}`),
    );
  }

  /** An opaque word for a value that is kept only to be compared. */
  word(text: string): string {
    return this.#counted(`redacted-${this.#hash(text).slice(0, 8)}`);
  }

  #hash(text: string): string {
    return createHash('sha256').update(this.#salt).update(text).digest('hex');
  }

  #counted(replacement: string): string {
    this.#count += 1;
    return replacement;
  }
}
