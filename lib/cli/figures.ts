// SPDX-License-Identifier: MIT
//
// Numbers for people: counts, bytes, times and runs of CPUs.

/** `1,234,567` */
export function grouped(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `950`, `12.3 k`, `4.56 M`: three digits that count. */
export function short(value: number): string {
  const [divisor, unit] =
    value >= 1e9 ? [1e9, ' G'] : value >= 1e6 ? [1e6, ' M'] : value >= 1e4 ? [1e3, ' k'] : [1, ''];
  const scaled = value / divisor;
  if (divisor === 1) return String(Math.round(scaled));
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)}${unit}`;
}

/** `512 B`, `16 KiB`, `2 MiB` */
export function bytes(value: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1024 && unit < names.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(scaled) ? scaled : scaled.toFixed(1)} ${names[unit]}`;
}

/** A time in µs, in the unit that reads best: `850 ns`, `12.3 µs`, `4.5 ms`, `1.2 s`. */
export function time(us: number, micro = 'µs'): string {
  if (us < 1) return `${Math.round(us * 1000)} ns`;
  if (us < 1000) return `${us.toFixed(us < 100 ? 1 : 0)} ${micro}`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e5 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}

/** `0-3,7` for 0, 1, 2, 3, 7, in any order and with repetitions. */
export function runs(numbers: Iterable<number>): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end += 1;
    parts.push(end === i ? String(sorted[i]) : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return parts.join(',');
}
