// SPDX-License-Identifier: MIT
//
// Bytes as hexadecimal in which a long run of one byte is `xx*count`, as in `0102 00*120 03`.

/** Shorter runs are written out. */
const leastRun = 12;

export function pack(bytes) {
  const pieces = [];
  let plain = '';
  for (let at = 0; at < bytes.length; ) {
    let end = at + 1;
    while (end < bytes.length && bytes[end] === bytes[at]) end += 1;
    const byte = bytes[at].toString(16).padStart(2, '0');
    if (end - at < leastRun) plain += byte.repeat(end - at);
    else {
      if (plain !== '') pieces.push(plain);
      plain = '';
      pieces.push(`${byte}*${end - at}`);
    }
    at = end;
  }
  if (plain !== '') pieces.push(plain);
  return pieces.join(' ');
}
