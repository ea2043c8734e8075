// SPDX-License-Identifier: MIT
//
// What every visitor of the bench does with a packet: it looks at payload, length, type and transaction id.

// A small integer always: a larger number would be an object for each packet.
let sink = 0;

/** For `channel.drain`. */
export const visit = (arena, offset, length, type, idLow) => {
  sink = (sink + arena[offset] + length + type + idLow) | 0;
};

/** Uses what was summed up, so that no compiler leaves the sums out. */
export function useSums() {
  if (sink === 1) console.error(sink);
}
