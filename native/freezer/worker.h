// SPDX-License-Identifier: MIT
//
// The thread that freezes. FIFREEZE writes back everything first and can block for very long, or
// for ever where a file system needs another one that is frozen already; the main thread must be
// able to thaw meanwhile. Called by: main.cc. Calls mounts, report.

#ifndef VMBUS_FREEZER_WORKER_H_
#define VMBUS_FREEZER_WORKER_H_

#include "mounts.h"

namespace vmbus::freezer {

class Worker {
 public:
  explicit Worker(Mounts& mounts) : mounts_(mounts) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread, which waits. 0 or an errno.
  int Start();
  // Lets it freeze.
  void Freeze();
  // Readable when it is done: all frozen, or stopped, or at the first failure.
  int done_fd() const { return done_fd_; }
  // Only then.
  bool has_failed() const { return has_failed_; }

 private:
  static void* Run(void* self);
  void FreezeAll();

  Mounts& mounts_;
  int start_fd_ = -1;
  int done_fd_ = -1;
  std::atomic<bool> has_failed_{false};
};

}  // namespace vmbus::freezer

#endif  // VMBUS_FREEZER_WORKER_H_
