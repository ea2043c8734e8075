// SPDX-License-Identifier: MIT
//
// DPDK's VMBus ring, linked from its static library, behind the face that ring_loops.h drives: a
// call per packet through its public functions, and the reader's signal once a batch, as its
// network driver does. The channel is made by hand, because DPDK makes them for devices it has
// bound only; so its layout and the public functions are declared here.
// Source: DPDK 22.11 drivers/bus/vmbus/private.h, rte_bus_vmbus.h.

#ifndef VMBUS_BENCH_FACE_DPDK_H_
#define VMBUS_BENCH_FACE_DPDK_H_

#include <span>

#include "batch_limits.h"
#include "mapped_ring.h"

extern "C" {

struct vmbus_br {
  void* vbr;
  uint32_t dsize;
  uint32_t windex;
};

struct vmbus_channel {
  void* subchannels[2];
  void* next;
  const void* device;  // for doorbells, which nobody asks for here
  vmbus_br rxbr;
  vmbus_br txbr;
  uint16_t relid;
  uint16_t subchannel_id;
  uint8_t monitor_id;
  void* monitor_page;
};

void vmbus_br_setup(vmbus_br* br, void* buf, unsigned int blen);
int rte_vmbus_chan_send(vmbus_channel* channel, uint16_t type, void* data, uint32_t dlen,
                        uint64_t xactid, uint32_t flags, bool* need_sig);
int rte_vmbus_chan_recv_raw(vmbus_channel* channel, void* data, uint32_t* len);
void rte_vmbus_chan_signal_read(vmbus_channel* channel, uint32_t bytes_read);
}

namespace vmbus::bench {

inline constexpr const char* kFaceName = "dpdk";

class Producer {
 public:
  explicit Producer(const core::RingMemory& ring) {
    vmbus_br_setup(&channel_.txbr, ring.header, ring.data_size + kPage);
  }
  bool Send(std::span<std::byte> payload, uint64_t id) {
    const auto bytes = static_cast<uint32_t>(payload.size());
    return rte_vmbus_chan_send(&channel_, kInBand, payload.data(), bytes, id, 0, &signal_) == 0;
  }
  bool Publish() { return signal_; }

 private:
  vmbus_channel channel_{};
  bool signal_ = false;
};

class Consumer {
 public:
  explicit Consumer(const core::RingMemory& ring) {
    vmbus_br_setup(&channel_.rxbr, ring.header, ring.data_size + kPage);
  }

  uint32_t Take(std::span<std::byte> arena, uint32_t largest, uint64_t& used) {
    uint32_t count = 0;
    uint32_t taken = 0;
    for (size_t at = 0; count < kBatchPackets && at + largest <= arena.size(); count++) {
      auto bytes = static_cast<uint32_t>(arena.size() - at);
      const int status = rte_vmbus_chan_recv_raw(&channel_, arena.data() + at, &bytes);
      if (status < 0) break;
      used += LookAt(arena.data() + at, bytes);
      at += bytes;
      taken += static_cast<uint32_t>(status);
    }
    if (count != 0) rte_vmbus_chan_signal_read(&channel_, taken);
    return count;
  }

 private:
  vmbus_channel channel_{};
};

}  // namespace vmbus::bench

#endif  // VMBUS_BENCH_FACE_DPDK_H_
