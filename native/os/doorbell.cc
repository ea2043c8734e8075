// SPDX-License-Identifier: MIT
//
// Doorbells; see doorbell.h.

#include "doorbell.h"

#include <atomic>

namespace vmbus::os {

namespace {

constexpr size_t kSendHalf = 2048;    // the guest's bits in the interrupt page
constexpr size_t kPendingGroups = 8;  // the first trigger group in the monitor page
constexpr size_t kGroupBytes = 8;     // pending word, armed word

// SAFETY: `page` is page-aligned and at least 4096 bytes; callers pass offsets that are multiples
// of 4 below that.
uint32_t* WordAt(std::byte* page, size_t offset) {
  return reinterpret_cast<uint32_t*>(page + offset);
}

// Both pages are shared with the kernel and every other channel: never load, change, store.
void SetBit(uint32_t* word, uint32_t bit) {
  std::atomic_ref<uint32_t>(*word).fetch_or(bit, std::memory_order_seq_cst);
}

}  // namespace

MonitorDoorbell::MonitorDoorbell(std::byte* interrupt_page, std::byte* monitor_page, int relid,
                                 int monitor_id)
    : interrupt_word_(WordAt(interrupt_page, kSendHalf + static_cast<size_t>(relid) / 32 * 4)),
      interrupt_bit_(1u << (relid % 32)),
      monitor_word_(MonitorWord(monitor_page, monitor_id)),
      monitor_bit_(MonitorBit(monitor_id)) {}

void MonitorDoorbell::Ring() {
  // The kernel's order: once the monitor bit is seen, the channel's bit must be there.
  SetBit(interrupt_word_, interrupt_bit_);
  SetBit(monitor_word_, monitor_bit_);
}

uint32_t* MonitorWord(std::byte* monitor_page, int monitor_id) {
  return WordAt(monitor_page,
                kPendingGroups + kGroupBytes * (static_cast<size_t>(monitor_id) / 32));
}

bool TakeMonitorBit(std::byte* monitor_page, int monitor_id) {
  const uint32_t bit = MonitorBit(monitor_id);
  std::atomic_ref<uint32_t> word(*MonitorWord(monitor_page, monitor_id));
  if ((word.load(std::memory_order_relaxed) & bit) == 0) return false;
  return (word.fetch_and(~bit, std::memory_order_seq_cst) & bit) != 0;
}

uint32_t TakeMonitorGroup(std::byte* monitor_page, int group) {
  constexpr int kGroupIds = 32;
  std::atomic_ref<uint32_t> word(*MonitorWord(monitor_page, group * kGroupIds));
  if (word.load(std::memory_order_relaxed) == 0) return 0;
  return word.exchange(0, std::memory_order_seq_cst);
}

void ClearInterruptBits(std::byte* interrupt_page) {
  for (size_t offset = kSendHalf; offset < kSharedPageBytes; offset += sizeof(uint32_t)) {
    std::atomic_ref<uint32_t> word(*WordAt(interrupt_page, offset));
    if (word.load(std::memory_order_relaxed) != 0) word.exchange(0, std::memory_order_seq_cst);
  }
}

}  // namespace vmbus::os
