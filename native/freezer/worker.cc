// SPDX-License-Identifier: MIT
//
// The thread that freezes; see worker.h.

#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "report.h"

namespace vmbus::freezer {

namespace {

// Small, because all of it is locked into memory.
constexpr size_t kStackBytes = 128 * 1024;

void Ring(int fd) {
  const uint64_t one = 1;
  if (write(fd, &one, sizeof one) < 0) return;  // an event counter takes it
}

}  // namespace

int Worker::Start() {
  start_fd_ = eventfd(0, EFD_CLOEXEC);
  done_fd_ = eventfd(0, EFD_CLOEXEC);
  if (start_fd_ < 0 || done_fd_ < 0) return errno;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int error = pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  if (error == 0) error = pthread_create(&thread, &attributes, Run, this);
  pthread_attr_destroy(&attributes);
  if (error == 0) pthread_detach(thread);
  return error;
}

void Worker::Freeze() { Ring(start_fd_); }

void* Worker::Run(void* self) {
  auto& worker = *static_cast<Worker*>(self);
  uint64_t count = 0;
  if (read(worker.start_fd_, &count, sizeof count) < 0) return nullptr;
  worker.FreezeAll();
  Ring(worker.done_fd_);
  return nullptr;
}

void Worker::FreezeAll() {
  for (int i = 0; i < mounts_.count(); ++i) {
    if (mounts_.stop) return;
    const int error = mounts_.Freeze(i);
    if (error != 0 && error != EBUSY) {
      Say("failed", i, error);
      has_failed_ = true;
      return;
    }
    Say(error == 0 ? "frozen" : "foreign", i);
    // Too late: whoever stopped us has looked at this one's state before it was frozen, or looks at
    // it now as well. It is thawed once.
    if (!mounts_.stop) continue;
    const int thawed = mounts_.Thaw(i);
    if (thawed != Mounts::kNothing) Say("thawed", i, thawed);
    return;
  }
}

}  // namespace vmbus::freezer
