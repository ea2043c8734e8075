// SPDX-License-Identifier: MIT
//
// The synthetic mouse: an absolute pointer, five buttons and a wheel, moved by scripts.
// Called by scripts, by-name.ts. Bytes: protocol/synth-mouse.ts; the HID device: protocol/mouse-report.ts.

import { checkInteger } from '../../check.js';
import { invalidType, invalidValue, outOfRange } from '../../errors.js';
import {
  encodeMouseReport,
  type MouseButton,
  MouseButtonBit,
  mouseIds,
  mouseMost,
  mouseReportDescriptor,
} from '../../protocol/mouse-report.js';
import { PipeMode, pipeOfferFlag, pipeUserData } from '../../protocol/pipe.js';
import {
  decodeMouseGuestMessage,
  encodeMouseHostMessage,
  mouseClass,
  mouseInstance,
  mouseVersion,
} from '../../protocol/synth-mouse.js';
import type { HostChannel, OfferDetails } from '../types.js';
import { checkProviderOptions } from './provider-options.js';
import { SynthDevice, type SynthOptions, type SynthProvider, SynthSession, synthOptions } from './synth-session.js';

/** Options of {@link mouse}. */
export interface MouseOptions extends SynthOptions {}

/** Names of the options of {@link mouse}. */
export const mouseOptions: readonly (keyof MouseOptions)[] = synthOptions;

/** What a mouse tells. */
export type MouseEvent = { readonly kind: 'ready'; readonly version: number } | { readonly kind: 'closed' };

/**
 * A mouse, and the hand on it. Each call resolves when its report is in the guest's ring, in the order of the calls. It rejects
 * with ERR_VMBUS_CLOSED where no guest has the mouse open.
 */
export interface MouseProvider extends SynthProvider<MouseEvent> {
  /** Where the pointer is, as fractions of the screen; the middle at first. */
  readonly position: { readonly x: number; readonly y: number };
  /** Buttons that are down. */
  readonly buttons: readonly MouseButton[];
  /**
   * Moves the pointer to a place on the screen: 0 is left or top, 1 right or bottom. Of moves that wait for a full ring only the
   * last is sent.
   */
  move(x: number, y: number): Promise<void>;
  press(...buttons: readonly MouseButton[]): Promise<void>;
  release(...buttons: readonly MouseButton[]): Promise<void>;
  /** Presses and releases a button. Default: the left one. */
  click(button?: MouseButton): Promise<void>;
  /** Turns the wheel by notches, away from the user where positive. */
  wheel(notches: number): Promise<void>;
}

/**
 * A mouse.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * const pointer = mouse();
 * await using host = await SimulatedHost.start({ devices: [pointer] });
 * await pointer.ready({ timeoutMs: 60_000 });
 * await pointer.move(0.5, 0.5);
 * await pointer.click('right');
 * await pointer.wheel(-3);
 */
export function mouse(options: MouseOptions = {}): MouseProvider {
  checkProviderOptions(options, mouseOptions);
  return new Mouse(options);
}

class Mouse extends SynthDevice<MouseEvent, MouseSession> implements MouseProvider {
  readonly offer: OfferDetails = { flags: pipeOfferFlag, userData: pipeUserData(PipeMode.message) };
  #x = 0.5;
  #y = 0.5;
  #buttons = 0;

  constructor(options: MouseOptions) {
    super('mouse', { class: mouseClass, instance: mouseInstance }, options);
  }

  get position(): { readonly x: number; readonly y: number } {
    return { x: this.#x, y: this.#y };
  }

  get buttons(): readonly MouseButton[] {
    return buttonNames.filter((name) => (this.#buttons & MouseButtonBit[name]) !== 0);
  }

  async move(x: number, y: number): Promise<void> {
    const place = [fraction(x, 'x'), fraction(y, 'y')] as const;
    const { outgoing } = this.session();
    [this.#x, this.#y] = place;
    await outgoing.write([this.#report(this.#buttons)], { merge: true });
  }

  async press(...buttons: readonly MouseButton[]): Promise<void> {
    await this.#change(this.#buttons | bits(buttons));
  }

  async release(...buttons: readonly MouseButton[]): Promise<void> {
    await this.#change(this.#buttons & ~bits(buttons));
  }

  async click(button: MouseButton = 'left'): Promise<void> {
    const bit = bits([button]);
    const { outgoing } = this.session();
    this.#buttons &= ~bit;
    await outgoing.write([this.#report(this.#buttons | bit), this.#report(this.#buttons)]);
  }

  async wheel(notches: number): Promise<void> {
    checkInteger(notches, 'notches', -mouseMost, mouseMost);
    await this.session().outgoing.write([this.#report(this.#buttons, notches)]);
  }

  protected begin(channel: HostChannel, closed: () => void): MouseSession {
    return new MouseSession(channel, closed, (event) => this.listeners.tell(event));
  }

  protected ended(): void {
    this.#buttons = 0;
    this.listeners.tell({ kind: 'closed' });
  }

  async #change(buttons: number): Promise<void> {
    const { outgoing } = this.session();
    this.#buttons = buttons;
    await outgoing.write([this.#report(buttons)]);
  }

  #report(buttons: number, wheel = 0): Uint8Array {
    const x = Math.floor(this.#x * mouseMost);
    const y = Math.floor(this.#y * mouseMost);
    return encodeMouseHostMessage({ kind: 'inputReport', report: encodeMouseReport({ buttons, x, y, wheel }) });
  }
}

class MouseSession extends SynthSession {
  readonly #tell: (event: MouseEvent) => void;
  #isDescribed = false;

  constructor(channel: HostChannel, closed: () => void, tell: (event: MouseEvent) => void) {
    super(channel, 'mouse', closed);
    this.#tell = tell;
  }

  protected take(payload: Uint8Array): void {
    const message = decodeMouseGuestMessage(payload);
    if (message.kind === 'protocolRequest') {
      // A refused guest may ask for another version; an accepted one has nothing more to ask.
      if (this.#isDescribed) throw this.unexpected('a second protocol request');
      this.#answer(message.version);
      return;
    }
    if (!this.#isDescribed || this.isReady) throw this.unexpected('a device info acknowledgement');
    this.isReady = true;
    this.#tell({ kind: 'ready', version: mouseVersion });
  }

  #answer(version: number): void {
    const isAccepted = version === mouseVersion;
    this.outgoing.answer(encodeMouseHostMessage({ kind: 'protocolResponse', version, isAccepted }));
    if (!isAccepted) return;
    this.#isDescribed = true;
    const info = { kind: 'deviceInfo', ...mouseIds, reportDescriptor: mouseReportDescriptor } as const;
    this.outgoing.answer(encodeMouseHostMessage(info));
  }
}

const buttonNames = Object.keys(MouseButtonBit) as MouseButton[];

function bits(buttons: readonly MouseButton[]): number {
  return buttons.reduce((sum, button) => {
    if (typeof button !== 'string') throw invalidType('button', 'the name of a button', button);
    if (!buttonNames.includes(button)) throw invalidValue('button', `must be one of ${buttonNames.join(', ')}`, button);
    return sum | MouseButtonBit[button];
  }, 0);
}

function fraction(value: number, name: string): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!(value >= 0 && value <= 1)) throw outOfRange(name, '0 … 1, a fraction of the screen', value);
  return value;
}
