// SPDX-License-Identifier: MIT
//
// A view of one ring in shared memory: where its bytes are, and the copy where they wrap.
// Called by: ring_reader, ring_writer. The five control words are the business of
// ring_control_unsafe.h alone.
// Invariant of every function: position < data_size and a multiple of 8, bytes <= data_size. The
// callers guarantee it with their private, validated indices; nothing here trusts a number from
// shared memory.
// Source: Linux drivers/hv/ring_buffer.c (hv_copyto_ringbuffer, hv_pkt_iter_first).

#ifndef VMBUS_CORE_RING_MEMORY_UNSAFE_H_
#define VMBUS_CORE_RING_MEMORY_UNSAFE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "copy_bytes.h"
#include "ring_layout.h"

namespace vmbus::core {

struct RingMemory {
  std::byte* header;           // page-aligned
  std::byte* data;             // page-aligned
  uint32_t data_size;          // bytes, a multiple of 8
  bool double_mapped = false;  // the data area is mapped a second time directly behind itself
};

// One direction of a ring mapping: the header takes a whole page of the guest, the data follows.
inline RingMemory RingAt(std::byte* ring, uint32_t ring_size, uint32_t page_size) {
  if (ring_size <= page_size) return RingMemory{ring, nullptr, 0};
  return RingMemory{ring, ring + page_size, ring_size - page_size};
}

constexpr bool IsUsableRing(const RingMemory& ring) {
  return ring.header != nullptr && ring.data != nullptr && ring.data_size % kUnitBytes == 0 &&
         ring.data_size >= kMinDataBytes && ring.data_size <= kMaxDataBytes;
}

// One aligned unit, read exactly once: the value cannot change between its check and its use.
inline uint64_t LoadUnit(const std::byte* place) {
  // SAFETY: units start at multiples of 8 in a page-aligned area, so the access is aligned.
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(place), __ATOMIC_RELAXED);
}

inline void StoreUnit(std::byte* place, uint64_t value) {
  std::memcpy(place, &value, sizeof(value));
}

// The data area, which wraps at its end. A position is < data_size; what reaches over the end
// continues at 0, or in the second mapping where there is one.
class RingData {
 public:
  explicit RingData(const RingMemory& ring)
      : data_(ring.data),
        size_(ring.data_size),
        contiguous_(ring.double_mapped ? 2 * ring.data_size : ring.data_size) {}

  uint32_t size() const { return size_; }

  // True when so many bytes lie in one piece.
  bool IsStraight(uint32_t position, uint32_t bytes) const {
    return position + bytes <= contiguous_;
  }

  // How many of so many bytes lie in one piece.
  uint32_t StraightBytes(uint32_t position, uint32_t bytes) const {
    return std::min(bytes, contiguous_ - position);
  }

  // Where a position is; only as many bytes follow as IsStraight says. One unit always does.
  std::byte* At(uint32_t position) const { return data_ + position; }

  void CopyOut(uint32_t position, std::byte* target, uint32_t bytes) const {
    const uint32_t head = std::min(bytes, size_ - position);
    CopyBytes(target, data_ + position, head);
    CopyBytes(target + head, data_, bytes - head);
  }

  void CopyIn(uint32_t position, const std::byte* source, uint32_t bytes) const {
    const uint32_t head = std::min(bytes, size_ - position);
    CopyBytes(data_ + position, source, head);
    CopyBytes(data_, source + head, bytes - head);
  }

 private:
  std::byte* data_;
  uint32_t size_;
  uint32_t contiguous_;
};

}  // namespace vmbus::core

#endif  // VMBUS_CORE_RING_MEMORY_UNSAFE_H_
