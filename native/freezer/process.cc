// SPDX-License-Identifier: MIT
//
// A process that survives a frozen machine; see process.h.

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vmbus::freezer {

namespace {

// The kernel must not choose us when memory runs out: what is frozen would stay so.
void EscapeOutOfMemory() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  constexpr char kNever[] = "-1000";
  if (write(fd, kNever, sizeof kNever - 1) < 0) {
    // Without CAP_SYS_RESOURCE; then we are as safe as everybody else.
  }
  close(fd);
}

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
  setsid();  // fails where whoever started us has done it
  if (chdir("/") != 0) return;
  syscall(SYS_close_range, 3U, ~0U, 0U);  // fails before Linux 5.9
  prctl(PR_SET_NAME, "vmbus-freezer");
  // A core of ours would have to be written to a frozen file system.
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  AllowManyFiles();
  EscapeOutOfMemory();
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
