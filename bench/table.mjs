// SPDX-License-Identifier: MIT
//
// The result as text: a row per way of moving packets with a column per payload size, and a row per promise.

import { spread } from './statistics.mjs';

const unitOf = (row) => row.unit ?? 'ns/packet';
const number = (value) => Number(value).toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 10 ? 2 : 1 });

/** The half of the rounds in the middle, as a part of their median: 0.1 = within 10 %. */
function unrest(row, key) {
  const rounds = row.rounds?.[key] ?? [];
  if (rounds.length < 3) return 0;
  const { median, low, high } = spread(rounds);
  return (high - low) / median;
}

function printSized(rows, width) {
  const sizes = [...new Set(rows.flatMap((row) => Object.keys(row.bySize)))].sort((a, b) => a - b);
  const header = sizes.map((size) => `${size} B`.padStart(15)).join('');
  console.log(`${'ns per packet, and the middle half of rounds'.padEnd(width)}${header}`);
  for (const row of rows) {
    const cells = sizes.map((size) => {
      const figure = row.bySize[size];
      if (figure === undefined) return '–'.padStart(15);
      return `${figure.toFixed(1)} ±${(50 * unrest(row, size)).toFixed(0).padStart(2)}%`.padStart(15);
    });
    console.log(row.name.padEnd(width) + cells.join(''));
  }
}

function printFigures(rows, width) {
  for (const row of rows) {
    const figures = Object.entries(row.values).map(([key, value]) => `${key} ${number(value)}`);
    console.log(`${row.name.padEnd(width)}${figures.join('   ')}  ${unitOf(row)}`);
  }
}

/** What a verdict is about: the row, what it is compared with, and the column. */
export function titleOf({ name, against, key }) {
  const column = /^\d+$/.test(key) ? `${key} B` : key;
  return against === null ? `${name}, ${column}` : `${name} / ${against.replace(/^[^:]*: /, '')}, ${column}`;
}

/** A verdict's figure and its promise. */
export function verdictOf({ figure, low, high, best, goal, kind, unit, met }) {
  const around = `(${low?.toFixed(2)} … ${high?.toFixed(2)}, quickest rounds ${best?.toFixed(2)})`;
  const said = kind === 'least' ? `${figure.toFixed(2)} ${around}` : number(figure);
  const wanted = kind === 'least' ? `at least ${goal}` : `at most ${number(goal)} ${unit}`;
  return `${said}, ${wanted}: ${met ? 'met' : 'NOT MET'}`;
}

/** @param {{ rows: object[], goals: object[] }} result */
export function printTable({ rows, goals }) {
  const sized = rows.filter((row) => row.bySize);
  const width = Math.max(46, ...rows.map((row) => row.name.length + 2));
  if (sized.length) printSized(sized, width);
  printFigures(
    rows.filter((row) => row.values),
    width,
  );
  for (const row of rows.filter((row) => row.note)) console.log(`${row.name}: ${row.note}`);
  if (goals.length === 0) return;
  const titles = goals.map(titleOf);
  const column = Math.max(...titles.map((title) => title.length)) + 2;
  console.log('\ntimes as fast as (middle half of rounds, quickest rounds of both)');
  for (const [i, goal] of goals.entries()) console.log(`${titles[i].padEnd(column)}${verdictOf(goal)}`);
  console.log(`${goals.filter(({ met }) => met).length} of ${goals.length} met`);
}
