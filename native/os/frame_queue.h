// SPDX-License-Identifier: MIT
//
// One channel of a network card as frames: drains the ring, copies each frame once from the receive
// buffer, completes every packet of the host; and puts frames into sections of the send buffer.
// Whatever is no frame comes out with its bytes. One thread at a time; the pool of sections is
// shared with the other queues. Called by: native/binding frame_functions. Calls: channel,
// frame_buffers, core/transfer_reader.
// The order of a call: completions that are owed, then what is left of the packets drained last,
// then the ring. So nothing is received while the host's ring is full, and what is owed has bounds.

#ifndef VMBUS_OS_FRAME_QUEUE_H_
#define VMBUS_OS_FRAME_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../core/transfer_reader.h"
#include "channel.h"
#include "frame_buffers.h"

namespace vmbus::os {

// A frame to be sent.
struct OutgoingFrame {
  std::span<const std::byte> bytes;
  core::FrameInfo info;
};

struct FrameCounts {
  uint64_t packets = 0;      // of the host, in all
  uint64_t completions = 0;  // given to the host
  uint64_t completed = 0;    // of ours by the host: frames and control messages
  uint64_t refused = 0;      // of those: with another status than success
  uint64_t stray = 0;        // completions of the host that belong to nothing
  uint64_t full = 0;         // sends that found no room
  uint64_t frames_sent = 0;
  uint64_t frame_bytes_sent = 0;
};

class FrameQueue {
 public:
  FrameQueue(std::shared_ptr<Channel> channel, std::shared_ptr<FrameBuffers> buffers, int relid);
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;
  ~FrameQueue();

  // The count of rows (core/transfer_reader.h); 0 = nothing, and a wake will follow; kAgain =
  // nothing for the script yet, call again; or a status.
  [[nodiscard]] int32_t Receive(std::span<std::byte> arena, std::span<int32_t> rows);

  // How many of the frames, from the first on, are on their way; 0 = none, and a wake will follow
  // when it is worth another try; kTooLarge: the first one fits no section; or a status.
  [[nodiscard]] int32_t Send(std::span<const OutgoingFrame> frames);
  // The same for one RNDIS control message. 1, 0 or a status.
  [[nodiscard]] int32_t SendControl(std::span<const std::byte> message);

  // Bytes of a frame, with the elements that its info needs, that fit a section; 0 before the
  // buffers were agreed on.
  uint32_t largest_frame();

  const FrameCounts& counts() const { return counts_; }
  const core::TransferCounts& transfer_counts() const { return reader_.counts(); }
  // Completions that wait for room in the ring.
  uint32_t owed() const {
    return static_cast<uint32_t>(owed_rows_.size() / core::kIndexRowWords) - owed_first_;
  }
  int relid() const { return relid_; }
  FrameBuffers& buffers() { return *buffers_; }

 private:
  struct Row;

  int32_t Work(core::FrameSink* sink);
  int32_t Refill();
  bool TakeLeft(core::FrameSink* sink);
  bool TakePacket(const Row& row, std::span<const std::byte> buffer, core::FrameSink* sink);
  bool TakeTransfer(const Row& row, std::span<const std::byte> buffer, core::FrameSink* sink);
  bool CopyPacket(const Row& row, core::FrameSink* sink);
  void TakeCompletion(const Row& row);
  void Owe(uint64_t id, bool good);
  int32_t PayOwed();
  bool RefreshTerms();
  int32_t Gone(const DeviceBuffer& buffer) const;
  void Announce(uint32_t row, uint64_t id, uint32_t bytes, uint32_t channel_type);
  int32_t WriteSections(uint32_t count);

  const std::shared_ptr<Channel> channel_;
  const std::shared_ptr<FrameBuffers> buffers_;
  const int relid_;
  FrameBuffers::Terms terms_;

  std::vector<std::byte> drained_;  // packets, private copies
  std::vector<int32_t> drained_rows_;
  uint32_t drained_count_ = 0;
  uint32_t next_ = 0;
  bool in_transfer_ = false;  // the packet at next_ is half done
  core::TransferReader reader_;

  std::vector<int32_t> owed_rows_;
  uint32_t owed_first_ = 0;

  std::vector<std::byte> announcements_;
  std::vector<int32_t> announcement_rows_;
  std::vector<uint64_t> ids_;
  uint32_t wanted_ = 0;  // space that a send waits for
  FrameCounts counts_;
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_FRAME_QUEUE_H_
