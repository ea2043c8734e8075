// SPDX-License-Identifier: MIT
//
// Two processors that this process may use, for what needs a core each.
import { readFileSync } from 'node:fs';

/** Numbers of a list such as `0-3,8`. */
export function numbersOf(list) {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** The first two, or null where there is only one. */
export function twoProcessors() {
  const [, list = '0'] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const [one, other] = numbersOf(list);
  return other === undefined ? null : { producer: one, consumer: other };
}
