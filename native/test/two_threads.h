// SPDX-License-Identifier: MIT
//
// What tests with two threads share: pinning, doorbells that order nothing, a watchdog.
// Used by: stress_test, litmus_data, litmus_store_load.
// Everything here is relaxed on purpose: the rings alone may order one thread's bytes before the
// other's, or a missing ordering in them would go unseen.

#ifndef VMBUS_TEST_TWO_THREADS_H_
#define VMBUS_TEST_TWO_THREADS_H_

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace vmbus::test {

// The processors this process may use: asked before the first thread pins itself, for a new thread
// inherits what its parent is pinned to.
inline const cpu_set_t& AllowedProcessors() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    (void)sched_getaffinity(0, sizeof(set), &set);
    return set;
  }();
  return allowed;
}

// Puts the calling thread on the n-th of them. False if there are not so many.
inline bool PinToProcessor(int n) {
  const cpu_set_t& allowed = AllowedProcessors();
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || n-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof(one), &one) == 0;
  }
  return false;
}

inline int Processors() { return CPU_COUNT(&AllowedProcessors()); }

// One direction of wakes. A wake that comes before the wait ends the wait at once, as the event
// counter of a UIO device does.
class Wakes {
 public:
  void Ring() { count_.fetch_add(1, std::memory_order_relaxed); }
  // Until a wake came that was not waited for yet.
  void Wait() {
    while (count_.load(std::memory_order_relaxed) == seen_) sched_yield();
    seen_ = count_.load(std::memory_order_relaxed);
  }
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> count_{0};
  uint64_t seen_ = 0;
};

// Ends the process with status 4 when a counter stands still for too long: a lost wake hangs.
class Watchdog {
 public:
  Watchdog(const char* what, const std::atomic<uint64_t>& progress, std::chrono::seconds patience)
      : thread_([this, what, &progress, patience] { Watch(what, progress, patience); }) {}
  ~Watchdog() {
    done_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

 private:
  void Watch(const char* what, const std::atomic<uint64_t>& progress,
             std::chrono::seconds patience) {
    uint64_t last = 0;
    auto changed = std::chrono::steady_clock::now();
    while (!done_.load(std::memory_order_relaxed)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const uint64_t now = progress.load(std::memory_order_relaxed);
      if (now != last) {
        last = now;
        changed = std::chrono::steady_clock::now();
      } else if (std::chrono::steady_clock::now() - changed > patience) {
        std::printf("HANG %s: nobody moves after %llu packets\n", what,
                    static_cast<unsigned long long>(now));
        std::fflush(stdout);
        _exit(4);
      }
    }
  }

  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace vmbus::test

#endif  // VMBUS_TEST_TWO_THREADS_H_
