// SPDX-License-Identifier: MIT
//
// Locks on a whole file; see file_lock.h.

#include "file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace vmbus::os {

namespace {

// POSIX lets fcntl answer EACCES for a held lock as well.
int Answer(int result) {
  if (result == 0) return 0;
  return errno == EACCES || errno == EWOULDBLOCK ? EAGAIN : errno;
}

}  // namespace

int TryRecordLock(int fd, FileLock lock) {
  struct flock range{};  // from the start, whole file, no pid: all zero
  range.l_type = F_UNLCK;
  if (lock == FileLock::kShared) range.l_type = F_RDLCK;
  if (lock == FileLock::kExclusive) range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return Answer(fcntl(fd, F_OFD_SETLK, &range));
}

int TryFlock(int fd, FileLock lock) {
  int operation = LOCK_UN;
  if (lock == FileLock::kShared) operation = LOCK_SH | LOCK_NB;
  if (lock == FileLock::kExclusive) operation = LOCK_EX | LOCK_NB;
  for (;;) {
    const int result = flock(fd, operation);
    if (result == 0 || errno != EINTR) return Answer(result);
  }
}

}  // namespace vmbus::os
