// SPDX-License-Identifier: MIT
//
// The command in a guest's PATH, as users have it. The project is there already.

import { GUEST_ROOT } from '../../guest-project.js';
import type { HostedMachine } from '../../lab/hosted/hosted-machine.js';

const SCRIPT = `#!/bin/sh\nexec node ${GUEST_ROOT}/dist/cli/main.js "$@"\n`;

/** @param root a folder that is to be the guest's root */
export async function installHv(machine: HostedMachine, root = ''): Promise<void> {
  const file = `${root}/usr/local/bin/hv`;
  await machine.must(`mkdir -p ${root}/usr/local/bin && cat > ${file} && chmod +x ${file}`, { input: SCRIPT });
}
