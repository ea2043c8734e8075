// SPDX-License-Identifier: MIT
//
// The result as text: a row per way of moving packets, a column per payload size.

/** @param {{rows: {name: string, unit: string, bySize?: Record<string, number>, values?: Record<string, number>, note?: string}[]}} result */
export function printTable(result) {
  const sized = result.rows.filter((r) => r.bySize);
  const sizes = [...new Set(sized.flatMap((r) => Object.keys(r.bySize)))].sort((a, b) => a - b);
  const width = Math.max(10, ...result.rows.map((r) => r.name.length)) + 2;
  if (sized.length) console.log(`${'ns per packet'.padEnd(width)}${sizes.map((s) => `${s} B`.padStart(10)).join('')}`);
  for (const row of sized) {
    console.log(row.name.padEnd(width) + sizes.map((s) => (row.bySize[s]?.toFixed(1) ?? '–').padStart(10)).join(''));
  }
  for (const row of result.rows.filter((r) => r.values)) {
    const figures = Object.entries(row.values).map(
      ([k, v]) => `${k} ${Number(v).toLocaleString('en', { maximumFractionDigits: 1 })}`,
    );
    console.log(`${row.name.padEnd(width)}${figures.join('   ')}  ${row.unit}`);
  }
  for (const row of result.rows.filter((r) => r.note)) console.log(`${row.name}: ${row.note}`);
}

/** Middle value. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
