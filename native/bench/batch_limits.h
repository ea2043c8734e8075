// SPDX-License-Identifier: MIT
//
// What a batch is for every ring that is measured, and how a descriptor is looked at.

#ifndef VMBUS_BENCH_BATCH_LIMITS_H_
#define VMBUS_BENCH_BATCH_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vmbus::bench {

inline constexpr uint32_t kBatchPackets = 256;
inline constexpr uint32_t kBatchBytes = 16384;
inline constexpr uint16_t kInBand = 6;
inline constexpr uint32_t kDescriptorBytes = 16;

// Type, length, transaction id and first payload bytes of a packet that was copied with its
// descriptor.
inline uint64_t LookAt(const std::byte* packet, uint32_t bytes) {
  uint16_t type;
  uint64_t id;
  uint64_t first;
  std::memcpy(&type, packet, sizeof(type));
  std::memcpy(&id, packet + 8, sizeof(id));
  std::memcpy(&first, packet + kDescriptorBytes, sizeof(first));
  return type + id + first + bytes - kDescriptorBytes;
}

}  // namespace vmbus::bench

#endif  // VMBUS_BENCH_BATCH_LIMITS_H_
