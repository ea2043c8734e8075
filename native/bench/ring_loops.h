// SPDX-License-Identifier: MIT
//
// The measured loops, the same for every ring. A face gives
//   Producer: bool Send(payload, id) false = full; bool Publish()
//   Consumer: uint32_t Take(arena, largest, used) a batch: every packet's type, length, transaction
//             id and first bytes go into `used`; 0 = empty
// Used by: ring_loops_addon.cc.

#ifndef VMBUS_BENCH_RING_LOOPS_H_
#define VMBUS_BENCH_RING_LOOPS_H_

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>
#include <vector>

#include "batch_limits.h"
#include "mapped_ring.h"

namespace vmbus::bench {

// A turn of a loop that waits for another processor.
inline void Relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Keeps the calling thread on one processor; -1: any of them.
inline void Pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < 0) {
    for (int i = 0; i < CPU_SETSIZE; i++) CPU_SET(i, &set);
  } else {
    CPU_SET(static_cast<unsigned>(cpu), &set);
  }
  sched_setaffinity(0, sizeof(set), &set);
}

template <typename Producer, typename Consumer>
class RingLoops {
 public:
  RingLoops() : ring_(MapRing()), producer_(ring_), consumer_(ring_) {}

  // Nanoseconds per packet: the ring is filled outside the timed part.
  double Receive(uint32_t bytes, uint32_t fills) {
    Prepare(bytes);
    return Measure(fills, [&] { Fill(); }, [&] { return Empty(); });
  }

  // The mirror.
  double Send(uint32_t bytes, uint32_t fills) {
    Prepare(bytes);
    const double ns = Measure(fills, [&] { Empty(); }, [&] { return Fill(); });
    Empty();
    return ns;
  }

  // A producer on one processor and the caller on another, as fast as they go.
  double Transfer(uint32_t bytes, uint64_t packets, int producer_cpu, int consumer_cpu) {
    Prepare(bytes);
    Pin(consumer_cpu);
    std::thread thread([&] {
      Pin(producer_cpu);
      for (uint64_t sent = 0; sent < packets;) sent += SendBatch(packets - sent);
    });
    const auto start = Clock::now();
    for (uint64_t taken = 0; taken < packets;) {
      const uint32_t count = consumer_.Take(arena_, largest_, used_);
      if (count == 0) Relax();
      taken += count;
    }
    const Nanoseconds time = Clock::now() - start;
    thread.join();
    Pin(-1);
    return time.count() / static_cast<double>(packets);
  }

  uint64_t used() const { return used_; }

 private:
  using Clock = std::chrono::steady_clock;
  using Nanoseconds = std::chrono::duration<double, std::nano>;

  void Prepare(uint32_t bytes) {
    largest_ = bytes + kDescriptorBytes;
    arena_.resize(std::max(kBatchBytes, largest_));
    batch_ = std::clamp(kBatchBytes / bytes, 1u, kBatchPackets);
    bytes_ = bytes;
    payloads_.assign(size_t{batch_} * bytes, std::byte{0x5a});
  }

  // The first turn is not counted: it finds the caches full of other rings.
  template <typename Before, typename Timed>
  double Measure(uint32_t fills, Before before, Timed timed) {
    Nanoseconds time{};
    uint64_t packets = 0;
    before();
    timed();
    for (uint32_t i = 0; i < fills; i++) {
      before();
      const auto start = Clock::now();
      packets += timed();
      time += Clock::now() - start;
    }
    return time.count() / static_cast<double>(packets);
  }

  // As many of a batch as fit, published together where the ring can do that.
  uint64_t SendBatch(uint64_t most) {
    const uint64_t end = std::min<uint64_t>(most, batch_);
    uint64_t sent = 0;
    while (sent < end && producer_.Send({&payloads_[sent * bytes_], bytes_}, next_id_)) {
      next_id_ += 1;
      sent += 1;
    }
    signals_ += producer_.Publish();
    if (sent == 0) Relax();
    return sent;
  }

  uint64_t Fill() {
    for (uint64_t sent = 0;;) {
      const uint64_t more = SendBatch(batch_);
      sent += more;
      if (more < batch_) return sent;
    }
  }

  uint64_t Empty() {
    for (uint64_t taken = 0;;) {
      const uint32_t count = consumer_.Take(arena_, largest_, used_);
      taken += count;
      if (count == 0) return taken;
    }
  }

  core::RingMemory ring_;
  Producer producer_;
  Consumer consumer_;
  // Of a batch, one behind the other: as from an arena, no packet's bytes were just sent.
  std::vector<std::byte> payloads_;
  uint32_t bytes_ = 0;
  std::vector<std::byte> arena_;
  uint32_t largest_ = 0;
  uint32_t batch_ = 1;
  uint64_t next_id_ = 0;
  uint64_t used_ = 0;
  uint64_t signals_ = 0;
};

}  // namespace vmbus::bench

#endif  // VMBUS_BENCH_RING_LOOPS_H_
