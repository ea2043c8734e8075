// SPDX-License-Identifier: MIT
//
// The table of mounts, as the kernel prints it.
// Called by: plan.ts. Source: proc_pid_mountinfo(5), show_mountinfo() in fs/proc_namespace.c.

/** One line. */
export interface MountEntry {
  readonly id: number;
  /** `8:1`: the file system's own number. All subvolumes of a btrfs have one. */
  readonly device: string;
  /** What of the file system is mounted: `/`, a subvolume, or the file or folder of a bind mount. */
  readonly part: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
  /** Whether the file system itself is read-only, not just this mount of it. */
  readonly isReadOnly: boolean;
}

/** Mounts in the order in which they were made; lines that make no sense are left out. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): MountEntry | null {
  const fields = line.split(' ');
  // Optional fields stand between the sixth and a lone dash.
  const dash = fields.indexOf('-', 6);
  const [id = '', , device = '', part = '', point = ''] = fields;
  const [type, source, superOptions] = dash < 0 ? [] : fields.slice(dash + 1);
  if (type === undefined || source === undefined || superOptions === undefined) return null;
  if (!/^\d+$/.test(id) || !/^\d+:\d+$/.test(device) || !point.startsWith('/')) return null;
  return {
    id: Number(id),
    device,
    part: unescaped(part),
    point: unescaped(point),
    type,
    source: unescaped(source),
    isReadOnly: superOptions.split(',').includes('ro'),
  };
}

/** The kernel writes space, tab, line end, backslash and `#` in octal; other bytes, such as those of UTF-8, as they are. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
