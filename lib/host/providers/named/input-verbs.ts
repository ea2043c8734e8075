// SPDX-License-Identifier: MIT
//
// What commands can have keyboard, mouse and screen do.
// Called by: by-name.ts. Calls: the methods of their providers.

import { type MouseButton, MouseButtonBit } from '../../../protocol/mouse-report.js';
import type { KeyName } from '../../../protocol/scan-codes.js';
import type { KeyboardProvider } from '../keyboard.js';
import type { MouseProvider } from '../mouse.js';
import type { SynthProvider } from '../synth-session.js';
import type { VideoProvider } from '../video.js';
import type { NamedVerb } from './types.js';
import { number, oneOf, optional, several, text, verb } from './verb.js';

const patienceMs = 60_000;

const ready = verb(
  'waits until a guest has it open',
  [optional(number('MS'))],
  (device: SynthProvider<unknown>, timeoutMs = patienceMs) => device.ready({ timeoutMs }),
);

const keys = several(text('KEY'));

/** Names of keys are checked by the keyboard, which knows what was meant. */
function names(words: readonly string[]): readonly KeyName[] {
  return words as readonly KeyName[];
}

export const keyboardVerbs: Readonly<Record<string, NamedVerb>> = {
  state: verb('tells whether a guest has it open', [], ({ isReady, leds }: KeyboardProvider) => ({ isReady, leds })),
  ready,
  type: verb('types a text as on a US keyboard', [text('TEXT')], (board: KeyboardProvider, line) => board.type(line)),
  tap: verb('presses keys together, and releases them', [keys], (board: KeyboardProvider, chord) =>
    board.tap(...names(chord)),
  ),
  press: verb('presses keys, and leaves them down', [keys], (board: KeyboardProvider, chord) =>
    board.press(...names(chord)),
  ),
  release: verb('releases keys', [keys], (board: KeyboardProvider, chord) => board.release(...names(chord))),
};

const button = oneOf('BUTTON', Object.keys(MouseButtonBit) as MouseButton[]);

export const mouseVerbs: Readonly<Record<string, NamedVerb>> = {
  state: verb('tells where the pointer is', [], ({ isReady, position, buttons }: MouseProvider) => ({
    isReady,
    position,
    buttons,
  })),
  ready,
  move: verb('moves to a place, fractions of the screen', [number('X'), number('Y')], (pointer: MouseProvider, x, y) =>
    pointer.move(x, y),
  ),
  click: verb('presses and releases a button', [optional(button)], (pointer: MouseProvider, which) =>
    pointer.click(which),
  ),
  press: verb('presses buttons, and leaves them down', [several(button)], (pointer: MouseProvider, which) =>
    pointer.press(...which),
  ),
  release: verb('releases buttons', [several(button)], (pointer: MouseProvider, which) => pointer.release(...which)),
  wheel: verb('turns the wheel', [number('NOTCHES')], (pointer: MouseProvider, notches) => pointer.wheel(notches)),
};

export const videoVerbs: Readonly<Record<string, NamedVerb>> = {
  state: verb('tells what the screen shows', [], ({ isReady, vramAddress, situation }: VideoProvider) => ({
    isReady,
    vramAddress,
    situation,
  })),
  ready,
};
