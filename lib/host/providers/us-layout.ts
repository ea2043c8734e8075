// SPDX-License-Identifier: MIT
//
// What to press on a US keyboard for a character.
// Called by keyboard.ts. Codes of the keys: protocol/scan-codes.ts.

import { invalidValue } from '../../errors.js';
import type { KeyName } from '../../protocol/scan-codes.js';

/** A key, and whether Shift is held. */
export interface Press {
  readonly key: KeyName;
  readonly withShift: boolean;
}

/** Keys with their two characters, the second with Shift. */
const pairs: readonly (readonly [KeyName, string])[] = [
  ['Digit1', '1!'],
  ['Digit2', '2@'],
  ['Digit3', '3#'],
  ['Digit4', '4$'],
  ['Digit5', '5%'],
  ['Digit6', '6^'],
  ['Digit7', '7&'],
  ['Digit8', '8*'],
  ['Digit9', '9('],
  ['Digit0', '0)'],
  ['Minus', '-_'],
  ['Equal', '=+'],
  ['BracketLeft', '[{'],
  ['BracketRight', ']}'],
  ['Semicolon', ';:'],
  ['Quote', '\'"'],
  ['Backquote', '`~'],
  ['Backslash', '\\|'],
  ['Comma', ',<'],
  ['Period', '.>'],
  ['Slash', '/?'],
];

const single: readonly (readonly [KeyName, string])[] = [
  ['Space', ' '],
  ['Enter', '\n'],
  ['Tab', '\t'],
  ['Backspace', '\b'],
  ['Escape', '\x1b'],
];

const letters = [...'abcdefghijklmnopqrstuvwxyz'].map((letter): readonly [KeyName, string] => [
  `Key${letter.toUpperCase()}` as KeyName,
  letter + letter.toUpperCase(),
]);

const presses: ReadonlyMap<string, Press> = new Map(
  [...pairs, ...letters, ...single].flatMap(([key, characters]) =>
    [...characters].map((character, i): [string, Press] => [character, { key, withShift: i === 1 }]),
  ),
);

/** What to press for a text; CR and LF together are one Enter. @throws TypeError ERR_INVALID_ARG_VALUE for a character that no key has */
export function pressesOf(text: string): Press[] {
  return [...text.replaceAll(/\r\n?/g, '\n')].map((character) => {
    const press = presses.get(character);
    if (!press) throw invalidValue('text', 'must be characters of a US keyboard, line ends and tabs', character);
    return press;
  });
}
