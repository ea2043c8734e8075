// SPDX-License-Identifier: MIT
//
// A process that survives a frozen machine; see process.h.

#include "process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../program/settle.h"

namespace vmbus::freezer {

namespace {

// Every mount takes a descriptor.
void AllowManyFiles() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Stack that is not there yet would have to be made while everything is frozen.
void TouchStack() {
  constexpr size_t kBytes = 64 * 1024;
  char stack[kBytes];
  explicit_bzero(stack, sizeof stack);  // is not optimised away
}

}  // namespace

void SettleProcess() {
  program::SettleProcess("vmbus-freezer", STDERR_FILENO + 1);
  AllowManyFiles();
}

int WatchSignals() {
  sigset_t all;
  sigfillset(&all);
  // Of a pipe that nobody reads any more, write() tells as well.
  if (sigprocmask(SIG_BLOCK, &all, nullptr) != 0) return -errno;
  sigset_t asking;
  sigemptyset(&asking);
  constexpr int kAsking[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
  for (const int signal : kAsking) sigaddset(&asking, signal);
  const int fd = signalfd(-1, &asking, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int LockMemory() {
  TouchStack();
  return mlockall(MCL_CURRENT | MCL_FUTURE) == 0 ? 0 : errno;
}

}  // namespace vmbus::freezer
