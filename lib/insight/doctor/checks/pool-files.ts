// SPDX-License-Identifier: MIT
//
// Check: secrets that a host passes by key-value pairs are not open to every user of the guest. The daemon makes its files 0644.
// Called by ../doctor.ts. Source: tools/hv/hv_kvp_daemon.c kvp_file_init().

import { statSync } from 'node:fs';
import path from 'node:path';
import { decodeKvpPool } from '../../../protocol/kvp-pool.js';
import { kvpPoolNames } from '../../../services/kvp/open-pool.js';
import { poolFolder, poolPath } from '../../../services/kvp/pool-path.js';
import { looksSecret } from '../../../services/kvp/warnings.js';
import type { Check, DoctorContext } from '../context.js';
import type { CheckOutcome } from '../types.js';

/** Where daemons of other systems, and older ones, keep them: what is written there reaches nobody here. */
const strayFolders = ['var/opt/hyperv', 'var/db/hyperv/pool'];
const inRoot = (path: string): string => path.slice(1);

export const poolFilesCheck: Check = {
  id: 'pool-files',
  title: 'Secrets in key-value pairs are not open to every user',
  topics: ['services', 'kvp', 'security'],
  run: (context) => {
    if (context.rootKind === 'snapshot') return { verdict: 'skip', cause: 'a snapshot does not hold the pools' };
    const found = kvpPoolNames.flatMap((name) => checkPool(context, inRoot(poolPath('/', name))));
    const strays = strayFolders
      .filter((stray) => context.exists(`${stray}/.kvp_pool_0`))
      .map((stray) => strayOutcome(stray));
    const all = [...found, ...strays];
    return all.length > 0 ? all : { verdict: 'skip', cause: `there are no pool files in ${poolFolder('/')}` };
  },
};

function checkPool(context: DoctorContext, file: string): CheckOutcome[] {
  const mode = modeOf(path.join(context.root, file));
  if (mode === null) return [];
  const subject = path.basename(file);
  const evidence = [{ source: file, says: `mode ${mode.toString(8).padStart(4, '0')}` }];
  if ((mode & 0o004) === 0)
    return [{ verdict: 'pass', subject, cause: 'only its owner, and perhaps a group, may read it', evidence }];
  const secrets = secretKeys(context, file);
  if (secrets.length === 0)
    return [{ verdict: 'pass', subject, cause: 'every user may read it, and no key looks secret', evidence }];
  const cause = `every user of this guest may read ${secrets.join(', ')}`;
  return [{ verdict: 'warn', subject, cause, fix: `chmod 0600 /${file}`, evidence }];
}

function secretKeys(context: DoctorContext, file: string): readonly string[] {
  const bytes = Buffer.from(context.read(file) ?? '', 'latin1');
  const { records } = decodeKvpPool(bytes);
  // A key of the host or of anybody else: no more of it than fits a line, and nothing that moves a terminal.
  return [...new Set(records.map(({ key }) => key ?? ''))]
    .filter((key) => looksSecret(key))
    .slice(0, 5)
    .map((key) => JSON.stringify(key.slice(0, 60)));
}

function strayOutcome(stray: string): CheckOutcome {
  return {
    verdict: 'info',
    subject: stray,
    cause: `there are pools in /${stray} as well; Linux daemons use ${poolFolder('/')} only`,
    evidence: [{ source: `${stray}/.kvp_pool_0`, says: 'there' }],
  };
}

function modeOf(file: string): number | null {
  try {
    const stat = statSync(file);
    return stat.isFile() ? stat.mode & 0o777 : null;
  } catch {
    return null;
  }
}
