// SPDX-License-Identifier: MIT
//
// The kernel tree's user-space ring (tools/hv/vmbus_bufring.c), compiled from where its package put
// it, behind the face that ring_loops.h drives: a call per packet, as its users write it.

#ifndef VMBUS_BENCH_FACE_KERNEL_H_
#define VMBUS_BENCH_FACE_KERNEL_H_

#include <span>

#include "batch_limits.h"
#include "mapped_ring.h"

extern "C" {
#include <vmbus_bufring.h>
}

namespace vmbus::bench {

inline constexpr const char* kFaceName = "kernel";

inline vmbus_br BufferRing(const core::RingMemory& ring) {
  vmbus_br buffer_ring;
  vmbus_br_setup(&buffer_ring, ring.header, ring.data_size + kPage);
  return buffer_ring;
}

class Producer {
 public:
  explicit Producer(const core::RingMemory& ring) : ring_(BufferRing(ring)) {}
  // It knows no transaction ids.
  bool Send(std::span<std::byte> payload, uint64_t) {
    const auto bytes = static_cast<uint32_t>(payload.size());
    return rte_vmbus_chan_send(&ring_, kInBand, payload.data(), bytes, 0) == 0;
  }
  bool Publish() { return false; }

 private:
  vmbus_br ring_;
};

class Consumer {
 public:
  explicit Consumer(const core::RingMemory& ring) : ring_(BufferRing(ring)) {}

  uint32_t Take(std::span<std::byte> arena, uint32_t largest, uint64_t& used) {
    uint32_t count = 0;
    for (size_t at = 0; count < kBatchPackets && at + largest <= arena.size(); count++) {
      auto bytes = static_cast<uint32_t>(arena.size() - at);
      if (rte_vmbus_chan_recv_raw(&ring_, arena.data() + at, &bytes) < 0) break;
      used += LookAt(arena.data() + at, bytes);
      at += bytes;
    }
    return count;
  }

 private:
  vmbus_br ring_;
};

}  // namespace vmbus::bench

#endif  // VMBUS_BENCH_FACE_KERNEL_H_
