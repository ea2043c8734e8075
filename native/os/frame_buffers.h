// SPDX-License-Identifier: MIT
//
// What the queues of one network card share: its two buffers, and what was agreed on about them
// with the host. Made by: lease, at the first demand. Used by: frame_queue.

#ifndef VMBUS_OS_FRAME_BUFFERS_H_
#define VMBUS_OS_FRAME_BUFFERS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "../core/transfer_reader.h"
#include "device_buffer.h"
#include "section_pool.h"

namespace vmbus::os {

class FrameBuffers {
 public:
  // Both, as a lease has them.
  FrameBuffers(std::shared_ptr<DeviceBuffer> receive, std::shared_ptr<DeviceBuffer> send)
      : receive_(std::move(receive)), send_(std::move(send)) {}

  struct Agreement {
    uint32_t piece_bytes;    // of the receive buffer
    uint32_t pieces;         // how many of them
    uint32_t section_bytes;  // of the send buffer
    uint32_t messages;       // looked for in one piece
  };
  // Once. False: another was made before, or it does not fit the buffers.
  bool Agree(const Agreement& agreement) {
    const uint64_t pieces = uint64_t{agreement.piece_bytes} * agreement.pieces;
    const bool fits = agreement.piece_bytes > 0 && pieces > 0 && pieces <= receive_->size() &&
                      agreement.section_bytes >= kLeastSectionBytes &&
                      agreement.section_bytes <= send_->size() && agreement.messages > 0;
    const std::lock_guard lock(mutex_);
    if (!fits || pool_ != nullptr) return false;
    rules_ = {static_cast<uint32_t>(pieces), agreement.piece_bytes, agreement.messages};
    section_bytes_ = agreement.section_bytes;
    pool_ = std::make_shared<SectionPool>(
        static_cast<uint32_t>(send_->size() / agreement.section_bytes));
    return true;
  }

  struct Terms {
    core::TransferRules rules;
    uint32_t section_bytes = 0;
    std::shared_ptr<SectionPool> pool;  // null: nothing was agreed on yet
  };
  Terms terms() {
    const std::lock_guard lock(mutex_);
    return {rules_, section_bytes_, pool_};
  }

  DeviceBuffer& receive() { return *receive_; }
  DeviceBuffer& send() { return *send_; }

  // A header with one element, and the shortest frame.
  static constexpr uint32_t kLeastSectionBytes =
      core::kPacketHeaderBytes + core::kElementBytes + core::kLeastFrameBytes;

 private:
  const std::shared_ptr<DeviceBuffer> receive_;
  const std::shared_ptr<DeviceBuffer> send_;
  std::mutex mutex_;
  core::TransferRules rules_;
  uint32_t section_bytes_ = 0;
  std::shared_ptr<SectionPool> pool_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_FRAME_BUFFERS_H_
