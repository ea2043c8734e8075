// SPDX-License-Identifier: MIT
//
// The promises as a drawing: a bar per figure, a line where the promise is. Plain SVG, readable on light and dark pages.
import { titleOf } from './table.mjs';

const labelWidth = 470;
const plotWidth = 360;
const rowHeight = 20;
const top = 46;
const unit = plotWidth / 2; // the promise
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function rowOf(verdict, y) {
  const { figure, low, high, goal, met } = verdict;
  const x = (value) => labelWidth + Math.min(2, value / goal) * unit;
  return [
    `<text x="${labelWidth - 8}" y="${y + 14}" text-anchor="end">${escaped(titleOf(verdict))}</text>`,
    `<rect x="${labelWidth}" y="${y + 4}" width="${(x(figure) - labelWidth).toFixed(1)}" height="12" class="${met ? 'met' : 'missed'}"/>`,
    `<path d="M${x(low).toFixed(1)} ${y + 10}H${x(high).toFixed(1)}" class="spread"/>`,
    `<text x="${labelWidth + plotWidth + 8}" y="${y + 14}">${figure.toFixed(2)} (promised ${goal})</text>`,
  ].join('\n');
}

/** @param {{ machine: object, rounds: number, goals: object[] }} result */
export function svgOf({ machine, rounds, goals }) {
  const shown = goals.filter(({ kind }) => kind === 'least');
  const height = top + shown.length * rowHeight + 12;
  const width = labelWidth + plotWidth + 150;
  const line = labelWidth + unit;
  const about = `${machine.model}, ${machine.cpus} CPUs, Node ${machine.node}; medians of ${rounds} rounds, thin lines their middle half`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<style>text{fill:#57606a}.met{fill:#2da44e}.missed{fill:#cf222e}.spread{stroke:#57606a;stroke-width:2}.line{stroke:#57606a;stroke-dasharray:3 3}</style>
<text x="8" y="18" font-size="14">Times as fast as the other, against what is promised</text>
<text x="8" y="36">${escaped(about)}</text>
${shown.map((verdict, i) => rowOf(verdict, top + i * rowHeight)).join('\n')}
<path d="M${line} ${top}V${height - 12}" class="line"/>
</svg>
`;
}
