// SPDX-License-Identifier: MIT
//
// Telling the peer of a channel to look at its ring: three ways, one per kind of channel.
// Called by: channel, when core says that the peer sleeps or waits for space. Calls: node_signal.
// Source: Linux drivers/hv/connection.c (vmbus_set_event).

#ifndef VMBUS_OS_DOORBELL_H_
#define VMBUS_OS_DOORBELL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "node_signal.h"

namespace vmbus::os {

// Bounds of the wire: bits in the send half of the interrupt page, bits in the four groups of the
// monitor page.
inline constexpr int kMaxRelid = 2047;
inline constexpr int kMaxMonitorId = 127;
inline constexpr size_t kSharedPageBytes = 4096;

class Doorbell {
 public:
  virtual ~Doorbell() = default;
  virtual void Ring() = 0;
  // Some kernels unmask our in-ring when this doorbell is rung.
  virtual bool MayUnmask() const { return false; }
};

// Slow channel: a 4-byte write to the node, which the kernel turns into a hypercall.
class IrqDoorbell final : public Doorbell {
 public:
  explicit IrqDoorbell(std::shared_ptr<NodeSignal> signal) : signal_(std::move(signal)) {}
  void Ring() override { signal_->Give(); }
  bool MayUnmask() const override { return true; }

 private:
  std::shared_ptr<NodeSignal> signal_;
};

// Fast channel: a bit in each of two pages that the hypervisor polls.
class MonitorDoorbell final : public Doorbell {
 public:
  // The pages stay the lease's. relid and monitor_id are in range.
  MonitorDoorbell(std::byte* interrupt_page, std::byte* monitor_page, int relid, int monitor_id);
  void Ring() override;

 private:
  uint32_t* interrupt_word_;
  uint32_t interrupt_bit_;
  uint32_t* monitor_word_;
  uint32_t monitor_bit_;
};

// The pending word and bit of a monitor id in the monitor page.
uint32_t* MonitorWord(std::byte* monitor_page, int monitor_id);
constexpr uint32_t MonitorBit(int monitor_id) { return 1u << (monitor_id % 32); }

// The host's side of MonitorDoorbell: takes the bit of this id, true if it was set.
bool TakeMonitorBit(std::byte* monitor_page, int monitor_id);
// The same for all 32 ids of a group at once: the bits that were set.
uint32_t TakeMonitorGroup(std::byte* monitor_page, int group);
// Clears the guest's half of the interrupt page.
void ClearInterruptBits(std::byte* interrupt_page);

}  // namespace vmbus::os

#endif  // VMBUS_OS_DOORBELL_H_
