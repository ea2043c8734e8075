// SPDX-License-Identifier: MIT
//
// Positive integers for the objects that JavaScript holds, never given out twice: a stale number
// finds nothing. Used by: env_state, one table for each kind of object.

#ifndef VMBUS_BINDING_HANDLE_TABLE_H_
#define VMBUS_BINDING_HANDLE_TABLE_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace vmbus::binding {

// A handle is a slot (low bits) and the generation of its use (high bits), 31 bits in all: small
// integers in V8.
template <class T>
class HandleTable {
 public:
  // 0 when the table is full.
  int32_t Add(std::shared_ptr<T> object) {
    size_t slot = slots_.size();
    if (!free_.empty()) {
      slot = free_.front();
      free_.pop_front();
    } else if (slot > kSlotMask) {
      return 0;
    } else {
      slots_.push_back({nullptr, static_cast<int32_t>(slot)});
    }
    Slot& entry = slots_[slot];
    entry.handle += kGenerationStep;
    entry.object = std::move(object);
    return entry.handle;
  }

  // Null for a handle that is not open.
  T* Find(int32_t handle) const {
    const auto slot = static_cast<size_t>(handle & kSlotMask);
    if (slot >= slots_.size() || slots_[slot].handle != handle) return nullptr;
    return slots_[slot].object.get();
  }

  // Keeps the object alive beyond Remove.
  std::shared_ptr<T> Share(int32_t handle) const {
    return Find(handle) == nullptr ? nullptr
                                   : slots_[static_cast<size_t>(handle & kSlotMask)].object;
  }

  // Null for a handle that is not open.
  std::shared_ptr<T> Remove(int32_t handle) {
    if (Find(handle) == nullptr) return nullptr;
    const auto slot = static_cast<size_t>(handle & kSlotMask);
    // The last generation would start again with the first one: such a slot is not used any more.
    if (handle <= INT32_MAX - kGenerationStep) free_.push_back(slot);
    return std::move(slots_[slot].object);
  }

  // Handles that are open now.
  std::vector<int32_t> Open() const {
    std::vector<int32_t> open;
    for (const Slot& slot : slots_) {
      if (slot.object != nullptr) open.push_back(slot.handle);
    }
    return open;
  }

 private:
  struct Slot {
    std::shared_ptr<T> object;
    int32_t handle;
  };
  static constexpr int32_t kSlotMask = (1 << 14) - 1;
  static constexpr int32_t kGenerationStep = kSlotMask + 1;

  std::vector<Slot> slots_;
  std::deque<size_t> free_;
};

// Has a new entry watch its descriptor and gives it a handle; or closes it and answers a negative
// errno.
template <class Entry>
double Enter(const std::shared_ptr<Entry>& entry, HandleTable<Entry>& table) {
  const int error = entry->Watch();
  const int32_t handle = error == 0 ? table.Add(entry) : 0;
  if (handle != 0) return handle;
  entry->Close();
  return error == 0 ? -EMFILE : -error;
}

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_HANDLE_TABLE_H_
