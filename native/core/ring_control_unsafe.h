// SPDX-License-Identifier: MIT
//
// The five control words of a ring header, and every memory ordering the two ends rely on. This is
// the only file that touches shared control words; what is done with them in which order stands in
// ring_handshake.h, which is written against this class's interface so that tests can run it on a
// model of weak memory.
// Source: Linux drivers/hv/ring_buffer.c (hv_signal_on_write, hv_pkt_iter_close),
// include/linux/hyperv.h (comments of hv_ring_buffer).

#ifndef VMBUS_CORE_RING_CONTROL_UNSAFE_H_
#define VMBUS_CORE_RING_CONTROL_UNSAFE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ring_layout.h"
#include "ring_memory_unsafe.h"

namespace vmbus::core {

enum class Word : uint32_t {
  kWriteIndex = kWriteIndexOffset,
  kReadIndex = kReadIndexOffset,
  kInterruptMask = kInterruptMaskOffset,
  kPendingSendSize = kPendingSendSizeOffset,
  kFeatureBits = kFeatureBitsOffset,
};

// Every ordering between two accesses, named "what comes first, then what". The peer's half is in
// the comment. An acquire belongs to the load that comes first, a release to the store that comes
// last; a full fence on the other side is both.
enum class Edge : int {
  kUnordered = 0,
  kDataThenWriteIndex = 1,       // release; pairs with: kWriteIndexThenData
  kWriteIndexThenMask = 2,       // full;    pairs with: kUnmaskThenWriteIndex
  kMaskThenReadIndex = 3,        // acquire; pairs with: kReadIndexThenUnmask
  kWriteIndexThenData = 4,       // acquire; pairs with: kDataThenWriteIndex
  kDataThenReadIndex = 5,        // release; pairs with: kReadIndexThenOverwrite
  kReadIndexThenPending = 6,     // full;    pairs with: kPendingThenReadIndex
  kPendingThenWriteIndex = 7,    // acquire; pairs with: kWriteIndexThenMask
  kUnmaskThenWriteIndex = 8,     // full;    pairs with: kWriteIndexThenMask
  kPendingThenReadIndex = 9,     // full;    pairs with: kReadIndexThenPending
  kReadIndexThenUnmask = 10,     // release; pairs with: kMaskThenReadIndex
  kReadIndexThenOverwrite = 11,  // acquire; pairs with: kDataThenReadIndex
};
inline constexpr int kLastEdge = 11;

// Test seam: the litmus tests compile this code once for each edge with that edge missing and must
// then fail.
#ifdef VMBUS_OMIT_EDGE
inline constexpr Edge kOmittedEdge = static_cast<Edge>(VMBUS_OMIT_EDGE);
#else
inline constexpr Edge kOmittedEdge = Edge::kUnordered;
#endif

constexpr bool IsOrdered(Edge edge) { return edge != Edge::kUnordered && edge != kOmittedEdge; }

// The words of one ring as lock-free 32-bit atomics. A load names the edge it opens (its value is
// read before what follows), a store the edge it closes, a fence stands between a store and a load.
class ControlWords {
 public:
  explicit ControlWords(const RingMemory& ring) : header_(ring.header) {}

  // pairs with: the edge's other half, see Edge.
  template <Edge kEdge>
  uint32_t Load(Word word) const {
    constexpr auto kOrder =
        IsOrdered(kEdge) ? std::memory_order_acquire : std::memory_order_relaxed;
    return Ref(word).load(kOrder);
  }

  // pairs with: the edge's other half, see Edge.
  template <Edge kEdge>
  void Store(Word word, uint32_t value) const {
    constexpr auto kOrder =
        IsOrdered(kEdge) ? std::memory_order_release : std::memory_order_relaxed;
    Ref(word).store(value, kOrder);
  }

  // A full fence: the store before it is visible to the peer before the load after it is done.
  // pairs with: the edge's other half, see Edge.
  template <Edge kEdge>
  void Fence() const {
    if constexpr (IsOrdered(kEdge)) std::atomic_thread_fence(std::memory_order_seq_cst);
  }

 private:
  std::atomic_ref<uint32_t> Ref(Word word) const {
    // SAFETY: the header is page-aligned and every offset a multiple of 4 below kHeaderBytes.
    auto* address = reinterpret_cast<uint32_t*>(header_ + static_cast<uint32_t>(word));
    return std::atomic_ref<uint32_t>(*address);
  }

  static_assert(std::atomic_ref<uint32_t>::is_always_lock_free);

  std::byte* header_;
};

// The words of a ring as they were a moment ago, each read once; for inspection only, nothing is
// decided on it.
struct RingSnapshot {
  uint32_t write_index;
  uint32_t read_index;
  uint32_t interrupt_mask;
  uint32_t pending_send_size;
  uint32_t feature_bits;
};

inline RingSnapshot SnapshotRing(const RingMemory& ring) {
  const ControlWords words(ring);
  return RingSnapshot{words.Load<Edge::kUnordered>(Word::kWriteIndex),
                      words.Load<Edge::kUnordered>(Word::kReadIndex),
                      words.Load<Edge::kUnordered>(Word::kInterruptMask),
                      words.Load<Edge::kUnordered>(Word::kPendingSendSize),
                      words.Load<Edge::kUnordered>(Word::kFeatureBits)};
}

// What the end that creates a ring does before the peer sees it: an empty ring whose writer uses
// pending_send_sz.
inline void ResetRing(const RingMemory& ring) {
  std::memset(ring.header, 0, kHeaderBytes);
  ControlWords(ring).Store<Edge::kUnordered>(Word::kFeatureBits, kFeaturePendingSendSize);
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_RING_CONTROL_UNSAFE_H_
