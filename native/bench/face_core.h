// SPDX-License-Identifier: MIT
//
// Our own ring behind the face that ring_loops.h drives. Published once per batch, as the channel
// does.

#ifndef VMBUS_BENCH_FACE_CORE_H_
#define VMBUS_BENCH_FACE_CORE_H_

#include <cstring>
#include <span>
#include <vector>

#include "../core/ring_reader.h"
#include "../core/ring_writer.h"
#include "batch_limits.h"

namespace vmbus::bench {

inline constexpr const char* kFaceName = "core";

class Producer {
 public:
  explicit Producer(const core::RingMemory& ring) : writer_(ring) {}
  bool Send(std::span<std::byte> payload, uint64_t id) {
    const core::RingWriter::Packet packet{kInBand, 0, 2, id, payload};
    return writer_.Write(packet) == core::RingWriter::Status::kWritten;
  }
  bool Publish() { return writer_.Publish(); }

 private:
  core::RingWriter writer_;
};

class Consumer {
 public:
  explicit Consumer(const core::RingMemory& ring)
      : reader_(ring), index_(kBatchPackets * core::kIndexRowWords) {}

  uint32_t Take(std::span<std::byte> arena, uint32_t, uint64_t& used) {
    const auto batch = reader_.Drain(arena, index_, kBatchPackets);
    for (uint32_t row = 0; row < batch.count; row++) {
      const int32_t* words = &index_[row * core::kIndexRowWords];
      uint64_t first;
      std::memcpy(&first, arena.data() + words[2], sizeof(first));
      used += static_cast<uint64_t>(words[0] + words[3]) + first;
      used += static_cast<uint32_t>(words[4]);
    }
    if (batch.count != 0) used += reader_.Publish();
    return batch.count;
  }

 private:
  core::RingReader reader_;
  std::vector<int32_t> index_;
};

}  // namespace vmbus::bench

#endif  // VMBUS_BENCH_FACE_CORE_H_
