// SPDX-License-Identifier: MIT
//
// Text from elsewhere (the host, a disk, a file name) for the eyes of whoever sits at a terminal.

/** A text that does nothing to a terminal: control characters as escapes. */
export function harmless(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const plain: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
    return plain[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
