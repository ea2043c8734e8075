// SPDX-License-Identifier: MIT
//
// One transfer-pages packet of a network card's host: which pieces of the receive buffer it hands
// over, and the frames and control messages in them, copied once into an arena with a row of
// numbers each. Stops where the arena is full and goes on later. The packet is a private copy; the
// buffer is the host's, which may write to it at any moment.
// Called by: os/frame_queue, the fuzzer. No system call, no allocation.
// Source: struct vmtransfer_page_packet_header in include/linux/hyperv.h.

#ifndef VMBUS_CORE_TRANSFER_READER_H_
#define VMBUS_CORE_TRANSFER_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "rndis_packet.h"

namespace vmbus::core {

// The id that a guest gives its receive buffer.
inline constexpr uint16_t kReceiveBufferId = 0xcafe;
// Hosts put up to 375 pieces into a packet, 562 with coalescing.
inline constexpr uint32_t kMostRanges = 562;

// A row per frame or message, int32 words:
//   [0] kind   [1] offset in the arena   [2] bytes
//   kFrame:    [3] FrameInfo::present   [4] checksum   [5] vlan   [6] hash   [7] 0
//   kControl:  0 (an RNDIS control message with all that stands behind it in its piece)
//   kPacket:   [3] packet type | flags << 16   [4] id, low half   [5] id, high half   [6] [7] 0
inline constexpr uint32_t kFrameRowWords = 8;
enum class RowKind : int32_t { kFrame = 0, kControl = 1, kPacket = 2 };

// Longer ones are nonsense; an arena has at least room for the longest frame.
inline constexpr uint32_t kMostControlBytes = 65'536;
inline constexpr size_t kLeastArenaBytes = 131'072;

// Where rows and bytes go.
class FrameSink {
 public:
  FrameSink(std::span<std::byte> arena, std::span<int32_t> rows) : arena_(arena), rows_(rows) {}

  // Room for so many bytes and a row; null: there is none. They count with Add.
  std::byte* Room(uint32_t bytes) const {
    if (rows_.size() < (count_ + 1) * size_t{kFrameRowWords}) return nullptr;
    return bytes <= arena_.size() - used_ ? arena_.data() + used_ : nullptr;
  }
  // The row of what was put where Room said, to be completed.
  int32_t* Add(RowKind kind, uint32_t bytes) {
    int32_t* row = rows_.data() + count_ * size_t{kFrameRowWords};
    row[0] = static_cast<int32_t>(kind);
    row[1] = static_cast<int32_t>(used_);
    row[2] = static_cast<int32_t>(bytes);
    for (uint32_t word = 3; word < kFrameRowWords; ++word) row[word] = 0;
    count_ += 1;
    // Arenas are smaller than 2 GiB; each piece starts at a multiple of 8.
    const size_t next = used_ + ((size_t{bytes} + 7) & ~size_t{7});
    used_ = next < arena_.size() ? next : arena_.size();
    return row;
  }
  uint32_t count() const { return count_; }

 private:
  std::span<std::byte> arena_;
  std::span<int32_t> rows_;
  size_t used_ = 0;
  uint32_t count_ = 0;
};

// What was agreed on with the host, and what we make of it.
struct TransferRules {
  uint32_t buffer_bytes = 0;  // 0: there is no buffer, and every packet is broken
  uint32_t piece_bytes = 0;   // the most that one piece may have
  // Messages that are looked for in one piece. With 1, as Linux does it, what stands behind a
  // message is not read: it may be left over from an earlier frame, whose sender chose it.
  uint32_t messages = 1;
};

struct TransferCounts {
  uint64_t frames = 0;
  uint64_t frame_bytes = 0;
  uint64_t controls = 0;
  uint64_t broken_packets = 0;   // wrong set id, no pieces, more than there is room for
  uint64_t broken_ranges = 0;    // outside the buffer, or larger than a piece
  uint64_t broken_messages = 0;  // not what RNDIS allows
  uint64_t coalesced = 0;        // parts of frames, which nobody asked for
};

class TransferReader {
 public:
  // `header` is what stands between descriptor and payload; it stays where it is until the packet
  // is done.
  void Begin(std::span<const std::byte> header, const TransferRules& rules);

  // True: the packet is done. False: the sink is full, go on with another.
  [[nodiscard]] bool Continue(std::span<const std::byte> buffer, const TransferRules& rules,
                              FrameSink* sink);

  // Whether all of the finished packet was in order.
  bool good() const { return good_; }
  const TransferCounts& counts() const { return counts_; }

 private:
  bool TakeRange(std::span<const std::byte> buffer, const TransferRules& rules, FrameSink* sink);
  enum class Taken { kNext, kLast, kNoRoom };
  Taken TakeMessage(std::span<const std::byte> rest, FrameSink* sink);
  void Fail(uint64_t* count) {
    *count += 1;
    good_ = false;
  }

  std::span<const std::byte> header_;
  uint32_t range_count_ = 0;
  uint32_t range_ = 0;          // the next one
  uint32_t at_ = 0;             // the next message in it
  uint32_t messages_done_ = 0;  // in it
  bool good_ = true;
  TransferCounts counts_;
};

}  // namespace vmbus::core

#endif  // VMBUS_CORE_TRANSFER_READER_H_
