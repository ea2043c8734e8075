// SPDX-License-Identifier: MIT
//
// A row of the numbers-only index, one per packet: what the packets of an arena are. ring_reader
// writes rows, JavaScript reads them (Row in lib/native/binding.ts), and for sending the other way
// round.
// Used by: ring_reader, ring_writer, os/frame_queue.

#ifndef VMBUS_CORE_PACKET_ROW_H_
#define VMBUS_CORE_PACKET_ROW_H_

#include <cstdint>
#include <cstring>

#include "ring_layout.h"

namespace vmbus::core {

inline constexpr uint32_t kIndexRowWords = 6;

// Header bytes behind the descriptor (offset8 > 2) lie directly before the payload:
// (offset8 - 2) * 8 bytes.
struct PacketRow {
  uint32_t type;
  uint16_t flags;
  uint16_t offset8;
  uint32_t offset;  // of the payload in the arena
  uint32_t length;  // of the payload
  uint64_t transaction_id;

  uint32_t header_bytes() const { return (uint32_t{offset8} - kDescriptorUnits) * kUnitBytes; }
};
static_assert(sizeof(PacketRow) == kIndexRowWords * sizeof(int32_t));

// Word by word, as JavaScript has written them.
inline PacketRow RowAt(const int32_t* words) {
  const auto word = [words](int position) { return static_cast<uint32_t>(words[position]); };
  return {word(0), static_cast<uint16_t>(word(1)),   static_cast<uint16_t>(word(1) >> 16), word(2),
          word(3), word(4) | uint64_t{word(5)} << 32};
}

// Unit by unit: put together in memory first, the row would be read back before it is there.
inline void PutRow(int32_t* words, const PacketRow& row) {
  const uint64_t units[] = {
      row.type | uint64_t{row.flags} << 32 | uint64_t{row.offset8} << 48,
      row.offset | uint64_t{row.length} << 32,
      row.transaction_id,
  };
  std::memcpy(words, &units[0], kUnitBytes);
  std::memcpy(words + 2, &units[1], kUnitBytes);
  std::memcpy(words + 4, &units[2], kUnitBytes);
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_PACKET_ROW_H_
