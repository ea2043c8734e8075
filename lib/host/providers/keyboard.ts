// SPDX-License-Identifier: MIT
//
// The synthetic keyboard: scripts press keys, the guest tells its lights.
// Called by scripts, by-name.ts. Bytes: protocol/synth-keyboard.ts; keys: protocol/scan-codes.ts, us-layout.ts.

import { invalidType, invalidValue } from '../../errors.js';
import { nearest } from '../../nearest.js';
import { isKeyName, type KeyName, keyNames, scanCodesOf } from '../../protocol/scan-codes.js';
import {
  decodeKeyboardGuestMessage,
  encodeKeyboardHostMessage,
  type KeyboardLeds,
  keyboardClass,
  keyboardInstance,
  keyboardVersion,
} from '../../protocol/synth-keyboard.js';
import type { HostChannel } from '../types.js';
import { checkProviderOptions } from './provider-options.js';
import { SynthDevice, type SynthOptions, type SynthProvider, SynthSession, synthOptions } from './synth-session.js';
import { pressesOf } from './us-layout.js';

/** Options of {@link keyboard}. */
export interface KeyboardOptions extends SynthOptions {}

/** Names of the options of {@link keyboard}. */
export const keyboardOptions: readonly (keyof KeyboardOptions)[] = synthOptions;

/** What a keyboard tells. */
export type KeyboardEvent =
  | { readonly kind: 'ready'; readonly version: number }
  /** The guest set the lights. Linux never does; firmware does. */
  | { readonly kind: 'leds'; readonly leds: KeyboardLeds }
  | { readonly kind: 'closed' };

/**
 * A keyboard, and the hands on it. Each call resolves when its keystrokes are in the guest's ring, in the order of the
 * calls. It rejects with ERR_VMBUS_CLOSED where no guest has the keyboard open.
 */
export interface KeyboardProvider extends SynthProvider<KeyboardEvent> {
  /** Lights as the guest last set them in this opening. */
  readonly leds: KeyboardLeds | null;
  /** Presses keys in this order, and leaves them down. */
  press(...keys: readonly KeyName[]): Promise<void>;
  release(...keys: readonly KeyName[]): Promise<void>;
  /** Presses keys in this order and releases them in the other: `tap('ControlLeft', 'AltLeft', 'Delete')`. */
  tap(...keys: readonly KeyName[]): Promise<void>;
  /** Types a text as on a US keyboard without Caps Lock. @throws TypeError ERR_INVALID_ARG_VALUE for a character that is not on it */
  type(text: string): Promise<void>;
}

/**
 * A keyboard.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * const keys = keyboard();
 * await using host = await SimulatedHost.start({ devices: [keys] });
 * keys.subscribe((event) => console.log(event));
 * await keys.ready({ timeoutMs: 60_000 });
 * await keys.type('root\n');
 * await keys.tap('ControlLeft', 'KeyC');
 */
export function keyboard(options: KeyboardOptions = {}): KeyboardProvider {
  checkProviderOptions(options, keyboardOptions);
  return new Keyboard(options);
}

class Keyboard extends SynthDevice<KeyboardEvent, KeyboardSession> implements KeyboardProvider {
  constructor(options: KeyboardOptions) {
    super('keyboard', { class: keyboardClass, instance: keyboardInstance }, options);
  }

  get leds(): KeyboardLeds | null {
    return this.opening?.leds ?? null;
  }

  async press(...keys: readonly KeyName[]): Promise<void> {
    await this.#send(checked(keys).flatMap((key) => down(key)));
  }

  async release(...keys: readonly KeyName[]): Promise<void> {
    await this.#send(checked(keys).flatMap((key) => up(key)));
  }

  async tap(...keys: readonly KeyName[]): Promise<void> {
    const chord = checked(keys);
    await this.#send([...chord.flatMap((key) => down(key)), ...chord.toReversed().flatMap((key) => up(key))]);
  }

  async type(text: string): Promise<void> {
    if (typeof text !== 'string') throw invalidType('text', 'a string', text);
    const strokes = pressesOf(text).flatMap(({ key, withShift }) =>
      withShift ? [...down('ShiftLeft'), ...down(key), ...up(key), ...up('ShiftLeft')] : [...down(key), ...up(key)],
    );
    await this.#send(strokes);
  }

  protected begin(channel: HostChannel, closed: () => void): KeyboardSession {
    return new KeyboardSession(channel, closed, (event) => this.listeners.tell(event));
  }

  protected ended(): void {
    this.listeners.tell({ kind: 'closed' });
  }

  async #send(strokes: readonly Uint8Array[]): Promise<void> {
    await this.session().outgoing.write(strokes);
  }
}

class KeyboardSession extends SynthSession {
  leds: KeyboardLeds | null = null;
  readonly #tell: (event: KeyboardEvent) => void;

  constructor(channel: HostChannel, closed: () => void, tell: (event: KeyboardEvent) => void) {
    super(channel, 'keyboard', closed);
    this.#tell = tell;
  }

  protected take(payload: Uint8Array): void {
    const message = decodeKeyboardGuestMessage(payload);
    if (message.kind === 'setLeds') {
      if (!this.isReady) throw this.unexpected('an LED message');
      this.leds = message.leds;
      this.#tell({ kind: 'leds', leds: message.leds });
      return;
    }
    // A refused guest may ask for another version; an accepted one has nothing more to ask.
    if (this.isReady) throw this.unexpected('a second protocol request');
    const isAccepted = message.version === keyboardVersion;
    this.outgoing.answer(encodeKeyboardHostMessage({ kind: 'protocolResponse', isAccepted }));
    if (!isAccepted) return;
    this.isReady = true;
    this.#tell({ kind: 'ready', version: message.version });
  }
}

function down(key: KeyName): Uint8Array[] {
  return strokes(key, false);
}

function up(key: KeyName): Uint8Array[] {
  return strokes(key, true);
}

function strokes(key: KeyName, isRelease: boolean): Uint8Array[] {
  return scanCodesOf(key).map(({ code, prefix }) =>
    encodeKeyboardHostMessage({ kind: 'keystroke', code, prefix, isRelease, isUnicode: false }),
  );
}

function checked(keys: readonly KeyName[]): readonly KeyName[] {
  for (const key of keys) {
    if (typeof key !== 'string') throw invalidType('key', 'the name of a key', key);
    if (isKeyName(key)) continue;
    const meant = nearest(key, keyNames);
    throw invalidValue(
      'key',
      `must be a key as KeyboardEvent.code names it${meant ? `; did you mean ${meant}` : ''}`,
      key,
    );
  }
  return keys;
}
