// SPDX-License-Identifier: MIT
//
// A process that outlives the script that started it: what vmbus-freezer and vmbus-keeper have in
// common, to be compiled into each of them. Needs the C library alone.
// Called by: freezer/process.cc, keeper/main.cc.

#ifndef VMBUS_PROGRAM_SETTLE_H_
#define VMBUS_PROGRAM_SETTLE_H_

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vmbus::program {

// The kernel must not choose us when memory runs out: what we hold would go with us.
inline void EscapeOutOfMemory() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  constexpr char kNever[] = "-1000";
  if (write(fd, kNever, sizeof kNever - 1) < 0) {
    // Without CAP_SYS_RESOURCE; then we are as safe as everybody else.
  }
  close(fd);
}

// Lets go of whoever started us: terminal, folder, descriptors from `first_unused` on. What fails
// here is no reason not to go on.
inline void SettleProcess(const char* name, int first_unused) {
  setsid();  // fails where whoever started us has done it
  if (chdir("/") != 0) {
    // Then some file system cannot be unmounted while we live.
  }
  syscall(SYS_close_range, static_cast<unsigned>(first_unused), ~0U, 0U);  // since Linux 5.9
  prctl(PR_SET_NAME, name);
  // No core: it would have somebody's data in it, or have to be written to a frozen file system.
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  EscapeOutOfMemory();
}

}  // namespace vmbus::program

#endif  // VMBUS_PROGRAM_SETTLE_H_
