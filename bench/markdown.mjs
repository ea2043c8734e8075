// SPDX-License-Identifier: MIT
//
// The result as Markdown tables, for documents.
import { titleOf, verdictOf } from './table.mjs';

const tableOf = (header, lines) =>
  [header, header.map((_, i) => (i === 0 ? '---' : '---:')), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

function sizedTable(rows) {
  const sizes = [...new Set(rows.flatMap((row) => Object.keys(row.bySize)))].sort((a, b) => a - b);
  return tableOf(
    ['ns per packet', ...sizes.map((size) => `${size} B`)],
    rows.map((row) => [row.name, ...sizes.map((size) => row.bySize[size]?.toFixed(1) ?? '')]),
  );
}

function figureTable(rows) {
  const lines = rows.flatMap((row) =>
    Object.entries(row.values).map(([key, value]) => [
      row.name,
      `${key} ${value.toFixed(value < 10 ? 2 : 1)}`,
      row.unit,
    ]),
  );
  return tableOf(['figure', 'median', 'unit'], lines);
}

function budgetTable(budget) {
  const sizes = [...new Set(budget.flatMap(({ bySize }) => Object.keys(bySize)))].sort((a, b) => a - b);
  return tableOf(
    ['ns that a step adds', ...sizes.map((size) => `${size} B`)],
    budget.map(({ step, bySize }) => [step, ...sizes.map((size) => bySize[size]?.median.toFixed(1) ?? '')]),
  );
}

/** @param {{ machine: object, rounds: number, rows: object[], goals: object[], budget: object[] }} result */
export function markdownOf({ machine, rounds, rows, goals, budget }) {
  const sized = rows.filter((row) => row.bySize);
  const figures = rows.filter((row) => row.values);
  const notes = rows.filter((row) => row.note);
  const about = `${machine.model}, ${machine.cpus} processors, Node ${machine.node}, ${machine.date.slice(0, 10)}`;
  return [
    `Made by the bench: ${about}; medians of ${rounds} rounds.`,
    ...(sized.length ? [sizedTable(sized)] : []),
    ...(figures.length ? [figureTable(figures)] : []),
    ...(goals.length
      ? [
          tableOf(
            ['times as fast as', 'figure, and what is promised'],
            goals.map((goal) => [titleOf(goal), verdictOf(goal)]),
          ),
        ]
      : []),
    ...(budget.length ? [budgetTable(budget)] : []),
    ...(notes.length ? [notes.map(({ name, note }) => `- ${name}: ${note}`).join('\n')] : []),
  ]
    .join('\n\n')
    .concat('\n');
}
