// SPDX-License-Identifier: MIT
//
// Locks on a whole regular file, tried without waiting: who waits does so on its own loop.
// Called by: native/binding file_lock_functions. Source: fcntl(2) F_OFD_SETLK, flock(2).
//
// The two kinds do not see each other, and programs that share a file use the one or the other.
// Both belong to the open file description here: closing another descriptor of the file does not
// lose them, and two descriptions in one process exclude each other.

#ifndef VMBUS_OS_FILE_LOCK_H_
#define VMBUS_OS_FILE_LOCK_H_

namespace vmbus::os {

enum class FileLock { kNone = 0, kShared = 1, kExclusive = 2 };

// Conflicts with POSIX record locks of other programs (fcntl F_SETLK). 0, EAGAIN while somebody
// else has it, or another errno; kExclusive needs a descriptor open for writing.
int TryRecordLock(int fd, FileLock lock);

// flock(2): the same answers.
int TryFlock(int fd, FileLock lock);

}  // namespace vmbus::os

#endif  // VMBUS_OS_FILE_LOCK_H_
