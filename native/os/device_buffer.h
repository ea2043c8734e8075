// SPDX-License-Identifier: MIT
//
// A buffer of a device beside its rings, shared with the host: UIO map 3 or 4. Several channels and
// threads work in it at the same time; closing waits for them and unmaps then, before the node's
// last close. Made by: lease. Used by: whatever moves data of a device. Nothing of it ever becomes
// memory of JavaScript: a host may write to it at any moment, and it may vanish.

#ifndef VMBUS_OS_DEVICE_BUFFER_H_
#define VMBUS_OS_DEVICE_BUFFER_H_

#include <cstddef>
#include <memory>
#include <shared_mutex>
#include <span>
#include <utility>

#include "link_state.h"
#include "mapping.h"

namespace vmbus::os {

class DeviceBuffer {
 public:
  DeviceBuffer(Mapping memory, std::shared_ptr<LinkState> link)
      : size_(memory.size()), link_(std::move(link)), memory_(std::move(memory)) {}
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  // The memory for as long as this lives: short, and without a wait in it. No bytes once it is
  // closed, or the device is gone.
  class Stay {
   public:
    std::span<std::byte> bytes() const { return bytes_; }

   private:
    friend class DeviceBuffer;
    explicit Stay(DeviceBuffer& buffer) : lock_(buffer.mutex_) {
      if (buffer.link_->IsGone()) return;
      bytes_ = {buffer.memory_.data(), buffer.memory_.size()};
    }
    std::shared_lock<std::shared_mutex> lock_;
    std::span<std::byte> bytes_;
  };
  Stay Enter() { return Stay(*this); }

  // As it was mapped, also when it is closed.
  size_t size() const { return size_; }
  bool IsGone() const { return link_->IsGone(); }

  // Waits until nobody stays in it, and unmaps.
  void Close() {
    const std::lock_guard lock(mutex_);
    memory_.Unmap();
  }

 private:
  const size_t size_;
  const std::shared_ptr<LinkState> link_;
  std::shared_mutex mutex_;
  Mapping memory_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_DEVICE_BUFFER_H_
