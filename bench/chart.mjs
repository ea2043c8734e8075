// SPDX-License-Identifier: MIT
//
// Bars in the terminal: each promise's ratio beside the promise, or, where nothing was promised, packets per second at 64 B.
import { titleOf } from './table.mjs';

const half = 20;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of so many columns, in eighths of a column. */
export function bar(columns) {
  const whole = Math.floor(columns);
  return '█'.repeat(whole) + eighths[Math.floor((columns - whole) * 8)];
}

/** The promise stands in the middle, twice the promise at the right end; what is longer ends in an arrow. */
export function promiseBar(figure, goal) {
  const columns = (figure / goal) * half;
  const text = columns > 2 * half ? `${'█'.repeat(2 * half - 1)}▶` : bar(columns).padEnd(2 * half);
  return columns >= half ? text : `${text.slice(0, half)}│${text.slice(half + 1)}`;
}

function printPromises(goals) {
  const titles = goals.map(titleOf);
  const width = Math.max(...titles.map((title) => title.length)) + 2;
  console.log(`\n${''.padEnd(width + half)}│ promised`);
  for (const [i, { figure, goal, met }] of goals.entries()) {
    console.log(`${titles[i].padEnd(width)}${promiseBar(figure, goal)} ${figure.toFixed(2)}${met ? '' : ' ✗'}`);
  }
}

function printRates(rows) {
  const rates = rows.map((row) => ({ name: row.name, perSecond: 1e9 / row.bySize[64] }));
  const width = Math.max(...rates.map(({ name }) => name.length)) + 2;
  const most = Math.max(...rates.map(({ perSecond }) => perSecond));
  console.log('\nmillion packets of 64 B a second');
  for (const { name, perSecond } of rates) {
    const text = bar((perSecond / most) * 2 * half).padEnd(2 * half);
    console.log(`${name.padEnd(width)}${text} ${(perSecond / 1e6).toFixed(1)}`);
  }
}

/** @param {{ rows: object[], goals: object[] }} result */
export function printChart({ rows, goals }) {
  const promises = goals.filter(({ kind }) => kind === 'least');
  const sized = rows.filter((row) => row.bySize?.[64]);
  if (sized.length > 0) printRates(sized);
  if (promises.length > 0) printPromises(promises);
}
