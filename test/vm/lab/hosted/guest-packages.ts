// SPDX-License-Identifier: MIT
// Programs of Debian packages for a guest: what the packages themselves hold, and the libraries that it needs.
// Called by boot-hosted.ts. Calls provision.ts.
import fs from 'node:fs';
import path from 'node:path';
import { isElf } from '../elf.js';
import type { Extras, Program } from '../guest-contents.js';
import type { PackageTree } from '../provision.js';

/** What nobody looks at in a guest. */
const LEFT_OUT =
  /^usr\/share\/(doc|man|locale|lintian|bash-completion|i18n|info)(\/|$)|^usr\/lib\/(systemd|udev)(\/|$)/;

/**
 * Everything of some packages as parts of a guest's root. Its /bin and /sbin belong to busybox; theirs go to /usr.
 * @param tree from `provisionPackages`
 */
export function packageContents({ own, all }: PackageTree): Extras {
  const programs: Program[] = [];
  const files: Record<string, string> = {};
  for (const folder of own) {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true, recursive: true })) {
      const file = path.join(entry.parentPath, entry.name);
      const relative = path.relative(folder, file);
      if (entry.isDirectory() || LEFT_OUT.test(relative)) continue;
      const place = `/${relative.replace(/^s?bin\//, 'usr/$&')}`;
      if (entry.isFile() && isElf(file)) programs.push({ place, file, root: all });
      else files[place] = file;
    }
  }
  return { programs, files };
}
