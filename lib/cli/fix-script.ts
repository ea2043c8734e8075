// SPDX-License-Identifier: MIT
//
// The doctor's fixes as a shell script: one by one, each with what it is for. Host commands stand in it as comments.

import type { DoctorReport } from '../index.js';

/** PowerShell on the host, told from a command of the guest by its verb. */
export function isHostCommand(fix: string): boolean {
  return /^[A-Z][a-z]+-[A-Z]\w+/.test(fix);
}

/** The script. Every fix stands in it once, the broken things first. */
export function fixScript({ results, machine, distribution }: DoctorReport): string {
  const bad = [
    ...results.filter(({ verdict }) => verdict === 'fail'),
    ...results.filter(({ verdict }) => verdict === 'warn'),
  ];
  const seen = new Set<string>();
  const steps = bad.flatMap(({ subject, id, cause, fix }) => {
    if (!fix || seen.has(fix)) return [];
    seen.add(fix);
    const about = `# ${oneLine(`${subject ?? id}: ${cause}`)}`;
    return [[about, isHostCommand(fix) ? `# on the host: ${oneLine(fix)}` : fix].join('\n')];
  });
  const head = [
    '#!/bin/sh',
    `# Fixes found by hv doctor for: ${oneLine([machine, distribution].filter(Boolean).join(', '))}`,
    '# Read it before you run it, as root.',
    'set -u',
  ];
  return `${[head.join('\n'), ...(steps.length > 0 ? steps : ['# There is nothing to fix.'])].join('\n\n')}\n`;
}

/** Text of the machine must not break out of a comment. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
