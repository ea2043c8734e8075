// SPDX-License-Identifier: MIT
//
// The lock around one channel: one atomic exchange to enter, one store to leave.
// A channel is used by one thread almost always; a lease may be closed by its owner while a worker
// drains, and then the unmapping waits here until the worker is out of the rings. Sections are
// short (one batch) and never block. A std::mutex costs a second locked instruction per call, which
// shows in an empty drain.

#ifndef VMBUS_OS_GATE_H_
#define VMBUS_OS_GATE_H_

#include <sched.h>
#include <time.h>

#include <atomic>

namespace vmbus::os {

class Gate {
 public:
  void lock() {
    if (!held_.exchange(true, std::memory_order_acquire)) [[likely]]
      return;
    Wait();
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  // Sleeps after a while: a thread with real-time priority that only yields would keep the holder
  // from its processor.
  void Wait() {
    int tries = 0;
    while (held_.load(std::memory_order_relaxed) ||
           held_.exchange(true, std::memory_order_acquire)) {
      if (++tries < 64) {
        sched_yield();
      } else {
        const timespec pause{0, 50'000};
        nanosleep(&pause, nullptr);
      }
    }
  }

  std::atomic<bool> held_{false};
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_GATE_H_
