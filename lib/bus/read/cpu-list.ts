// SPDX-License-Identifier: MIT
//
// CPU lists as the kernel writes them: "0-3,8,10-11".
// Called by move-channel.ts. Source: lib/bitmap.c (bitmap_print_to_pagebuf).

/** The CPUs of a list; null for a text that is none. An empty text is an empty list. */
export function parseCpuList(text: string): ReadonlySet<number> | null {
  const cpus = new Set<number>();
  if (text.trim() === '') return cpus;
  for (const part of text.trim().split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (!match) return null;
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first) return null;
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return cpus;
}
