// SPDX-License-Identifier: MIT
//
// What everybody who uses one opened node knows together: is the other side still there, and a few
// counters. Shared by the lease or the served node, its channels, its mappings and the SIGBUS
// guard, across threads.

#ifndef VMBUS_OS_LINK_STATE_H_
#define VMBUS_OS_LINK_STATE_H_

#include <atomic>
#include <cstdint>

namespace vmbus::os {

struct LinkState {
  // Set once: the host withdrew the device, or the node broke.
  std::atomic<bool> rescinded{false};
  // Set once, by the SIGBUS guard: a mapping lost its pages.
  std::atomic<uint32_t> faulted{0};
  // Wakes read from the node, in whatever thread. Also tells a channel that its armed state may be
  // stale: some kernels mask the in-ring before they count the wake.
  std::atomic<uint64_t> wakes{0};
  // 4-byte writes made as doorbells.
  std::atomic<uint64_t> doorbell_writes{0};

  bool IsGone() const {
    return rescinded.load(std::memory_order_acquire) ||
           faulted.load(std::memory_order_acquire) != 0;
  }
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_LINK_STATE_H_
