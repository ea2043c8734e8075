// SPDX-License-Identifier: MIT
// Finds what a Linux kernel says on its console when something is wrong with the kernel itself.
// Called by hosted-machine.ts. Facts: lib/bug.c, kernel/panic.c, kernel/hung_task.c, kernel/rcu/tree_stall.h of Linux.

const TROUBLE =
  /\b(BUG: |Oops: |Kernel panic - |WARNING: CPU: |WARNING: (?:.*) at |general protection fault|unable to handle (?:kernel )?(?:page|NULL)|kernel BUG at |INFO: task .* blocked for more|rcu.*(?:self-)?detected stall|soft lockup|hard LOCKUP|UBSAN: |KASAN: |refcount_t: |list_(?:add|del) corruption|unregister_netdevice: waiting|sysfs: cannot create duplicate|Call Trace:)/;

/** Lines of a console that tell of trouble, in their order. */
export const kernelTrouble = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replaceAll('\r', '').trim())
    .filter((line) => TROUBLE.test(line));
