// SPDX-License-Identifier: MIT
//
// A line of commands as words, quoted as in a shell: blanks part words; "…" takes \n \t \" \\, '…' takes everything as it is.
// Called by: control.ts.

import { UsageError } from '../usage-error.js';

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', e: '\u001b' };

/** The words of a line; none where it is empty or a comment. @throws UsageError for a quote that does not end */
export function commandWords(line: string): string[] {
  if (/^\s*#/.test(line)) return [];
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < line.length; i += 1) {
    const letter = line.charAt(i);
    if (letter === quote) quote = '';
    else if (quote === '' && (letter === '"' || letter === "'")) {
      quote = letter;
      word ??= '';
    } else if (letter === '\\' && quote !== "'") {
      i += 1;
      word = (word ?? '') + escaped(line.charAt(i), quote);
    } else if (quote === '' && /\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + letter;
  }
  if (quote !== '') throw new UsageError(`a quote does not end: ${line.trim()}`, `close it with ${quote}`);
  return word === null ? words : [...words, word];
}

function escaped(letter: string, quote: string): string {
  return quote === '"' ? (escapes[letter] ?? letter) : letter;
}
