// SPDX-License-Identifier: MIT
// Tells a failure of the emulated processor from one of what ran on it.
// Called by attempt.ts and hosted/hosted-machine.ts.
import type { TextTail } from './text-tail.js';

/** The stack that a processor enters the kernel on, where only a handful of instructions run and no driver ever does. */
const ENTRY_STACK = /BUG: ENTRY_TRAMPOLINE stack guard page was hit/;

/**
 * What emulator/ mends, on a QEMU that it does not know, hits one of the two kernels: the outer one panics, the guest's
 * processor is reset in the middle of its work (a triple fault), or faults again and again while it enters the guest's kernel.
 * A kernel that dies or stops of its own says so on its console.
 * @param ended which machine's QEMU ended by itself; null: it was ended, or still runs
 * @returns how that showed; undefined if it was not the emulation
 */
export function emulationFault(
  { outer, guest }: { readonly outer: TextTail; readonly guest: TextTail },
  ended: 'outer' | 'guest' | null,
): string | undefined {
  if (outer.text.includes('Kernel panic')) return "the outer machine's kernel died under emulation";
  if (ENTRY_STACK.test(guest.text)) return "the guest's processor lost its way into the kernel under emulation";
  if (ended === null || /Kernel panic|reboot:/.test(guest.text)) return undefined;
  // The outer machine tells of the guest's end before its own.
  const whose = ended === 'outer' ? 'outer machine' : 'guest';
  const status = /guest machine ended with \d+/.exec(outer.text)?.[0];
  return [
    `the ${whose}'s processor was reset under emulation, without a word of its kernel`,
    ...(status ? [status] : []),
  ].join(': ');
}
