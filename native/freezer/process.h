// SPDX-License-Identifier: MIT
//
// Makes this process one that survives a frozen machine: nothing of it is paged out, the kernel
// does not end it for want of memory, Ctrl-C does not reach it, and signals wait to be looked at.
// Called by: main.cc.

#ifndef VMBUS_FREEZER_PROCESS_H_
#define VMBUS_FREEZER_PROCESS_H_

namespace vmbus::freezer {

// Before anything is opened. What fails here is no reason not to go on.
void SettleProcess();

// Readable for a signal that asks to end; all signals are blocked from here on, in threads to come
// too. A descriptor or a negative errno.
int WatchSignals();

// Everything there is and will be stays in memory. 0 or an errno.
int LockMemory();

}  // namespace vmbus::freezer

#endif  // VMBUS_FREEZER_PROCESS_H_
