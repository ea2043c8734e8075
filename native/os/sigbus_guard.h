// SPDX-License-Identifier: MIT
//
// Turns a SIGBUS in one of our mappings into a flag. The kernel takes the pages of a sysfs `ring`
// mapping away when the device goes; the next access would kill the process. A fault in a
// registered range is answered with anonymous zero pages over the whole range, and the range's flag
// is set. Any other fault goes to the handler that was there before. Process-wide; installed with
// the first range. Others may take the signal from us: process.on('SIGBUS') replaces the handler,
// and off() leaves none at all. So it is looked after with every new range and, KeepSigbusGuard, at
// wakes; a fault between somebody's change and the next look is not answered.
// Called by: mapping, native/binding lease_entry.
// Source: Linux fs/kernfs/file.c (kernfs_vma_fault, kernfs_drain_open_files), sigaction(2).

#ifndef VMBUS_OS_SIGBUS_GUARD_H_
#define VMBUS_OS_SIGBUS_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace vmbus::os {

// Takes the signal back where somebody took it. Costs a look at the clock; a system call every 10
// ms at most.
void KeepSigbusGuard();

// A registered range of addresses. The flag outlives it; nobody touches the range after it.
class GuardedRange {
 public:
  GuardedRange() = default;
  GuardedRange(void* begin, size_t length, std::atomic<uint32_t>* faulted);
  GuardedRange(GuardedRange&& other) noexcept;
  GuardedRange& operator=(GuardedRange&& other) noexcept;
  GuardedRange(const GuardedRange&) = delete;
  GuardedRange& operator=(const GuardedRange&) = delete;
  ~GuardedRange();

 private:
  void* slot_ = nullptr;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_SIGBUS_GUARD_H_
