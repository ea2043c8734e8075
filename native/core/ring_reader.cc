// SPDX-License-Identifier: MIT
//
// The receiving end of one ring; see ring_reader.h.

#include "ring_reader.h"

#include <algorithm>

#include "ring_handshake.h"
#include "ring_layout.h"

namespace vmbus::core {

namespace {

constexpr size_t kArenaLimit = INT32_MAX & ~size_t{kUnitBytes - 1};  // offsets go out as int32

// Copies the body of the packet at `start` and returns its transaction id.
inline uint64_t CopyPacket(const RingData& data, uint32_t start, std::byte* target, uint32_t body) {
  if (data.IsStraight(start, kDescriptorBytes + body)) [[likely]] {
    const std::byte* place = data.At(start);
    CopyBytes(target, place + kDescriptorBytes, body);
    return LoadUnit(place + kUnitBytes);
  }
  const uint32_t size = data.size();
  data.CopyOut(Advance(start, kDescriptorBytes, size), target, body);
  return LoadUnit(data.At(Advance(start, kUnitBytes, size)));
}

}  // namespace

// The drain loop's own copy of the position, so that the loop works in registers.
struct RingReader::Cursor {
  RingData data;
  std::byte* arena;
  uint32_t arena_size;
  uint32_t arena_used;
  int32_t* row;
  uint32_t read_index;
  uint32_t available;
  uint32_t needed;
};

RingReader::RingReader(const RingMemory& ring) : data_(ring), control_(ring) {
  if (!IsUsableRing(ring)) {
    violation_ = Violation::kGeometry;
    return;
  }
  const uint32_t read_index = control_.Load<Edge::kUnordered>(Word::kReadIndex);
  if (read_index >= data_.size()) {
    violation_ = Violation::kReadIndexRange;
  } else if (read_index % kUnitBytes != 0) {
    violation_ = Violation::kReadIndexAlignment;
  } else {
    read_index_ = read_index;
    published_ = read_index;
    MaskWakes(control_);
  }
}

// The writer may only add: between the last index seen and the bytes we have not given back yet.
Violation RingReader::CheckWriteIndex(uint32_t write_index) const {
  if (write_index >= data_.size()) return Violation::kWriteIndexRange;
  if (write_index % kUnitBytes != 0) return Violation::kWriteIndexAlignment;
  const uint32_t held = UsedBytes(read_index_, published_, data_.size()) + available_;
  if (UsedBytes(write_index, published_, data_.size()) < held) {
    return Violation::kWriteIndexBackwards;
  }
  return Violation::kNone;
}

// Looks at the write index once. False when there is nothing new or it is broken.
bool RingReader::Refill() {
  const uint32_t write_index = control_.Load<Edge::kWriteIndexThenData>(Word::kWriteIndex);
  violation_ = CheckWriteIndex(write_index);
  if (violation_ != Violation::kNone) return false;
  available_ = UsedBytes(write_index, read_index_, data_.size());
  return available_ != 0;
}

// Copies the packet at the cursor. False when it does not fit (needed is set) or breaks a rule
// (violation_ is set).
[[gnu::always_inline]] inline bool RingReader::TakePacket(Cursor& cursor) {
  const Descriptor descriptor = DecodeDescriptor(LoadUnit(cursor.data.At(cursor.read_index)));
  if (!IsSound(descriptor, cursor.available)) [[unlikely]] {
    violation_ = CheckDescriptor(descriptor, cursor.available);
    return false;
  }
  const uint32_t body = (descriptor.length8 - kDescriptorUnits) * kUnitBytes;
  if (body > cursor.arena_size - cursor.arena_used) [[unlikely]] {
    cursor.needed = body;
    return false;
  }
  const uint64_t transaction_id =
      CopyPacket(cursor.data, cursor.read_index, cursor.arena + cursor.arena_used, body);

  const uint32_t headers = (descriptor.offset8 - kDescriptorUnits) * kUnitBytes;
  cursor.row[0] = descriptor.type;
  cursor.row[1] = static_cast<int32_t>(descriptor.flags | uint32_t{descriptor.offset8} << 16);
  cursor.row[2] = static_cast<int32_t>(cursor.arena_used + headers);
  cursor.row[3] = static_cast<int32_t>(body - headers);
  cursor.row[4] = static_cast<int32_t>(static_cast<uint32_t>(transaction_id));
  cursor.row[5] = static_cast<int32_t>(static_cast<uint32_t>(transaction_id >> 32));
  cursor.row += kIndexRowWords;
  cursor.arena_used += body;
  cursor.read_index = Advance(cursor.read_index, body + kPacketOverhead, cursor.data.size());
  cursor.available -= body + kPacketOverhead;
  return true;
}

RingReader::Batch RingReader::Drain(std::span<std::byte> arena, std::span<int32_t> index,
                                    uint32_t max_packets) {
  Batch batch{};
  batch.violation = violation_;
  if (violation_ != Violation::kNone) return batch;

  const auto rows =
      static_cast<uint32_t>(std::min<size_t>(max_packets, index.size() / kIndexRowWords));
  Cursor cursor{data_,
                arena.data(),
                static_cast<uint32_t>(std::min(arena.size(), kArenaLimit)),
                0,
                index.data(),
                read_index_,
                available_,
                0};
  while (batch.count < rows) {
    if (cursor.available == 0) {
      read_index_ = cursor.read_index;
      available_ = 0;
      if (!Refill()) break;
      cursor.available = available_;
    }
    if (!TakePacket(cursor)) break;
    batch.count += 1;
  }
  return Finish(cursor, batch);
}

RingReader::Batch RingReader::Finish(const Cursor& cursor, Batch batch) {
  read_index_ = cursor.read_index;
  available_ = cursor.available;
  packets_ += batch.count;
  body_bytes_ += cursor.arena_used;
  batch.arena_used = cursor.arena_used;
  batch.bytes = cursor.arena_used + batch.count * kPacketOverhead;
  if (batch.count == 0) {
    batch.violation = violation_;
    batch.needed = cursor.needed;
  }
  return batch;
}

bool RingReader::Publish() {
  if (!has_unpublished()) return false;
  const uint32_t freed = UsedBytes(read_index_, published_, data_.size());
  const BlockedWriter writer = PublishReads(control_, read_index_);
  published_ = read_index_;
  publishes_ += 1;
  if (!writer.waits || violation_ != Violation::kNone) return false;

  violation_ = CheckWriteIndex(writer.write_index);
  if (violation_ != Violation::kNone) return false;
  const uint32_t free_now = FreeBytes(writer.write_index, read_index_, data_.size());
  const bool doorbell = CrossesWanted(free_now, freed, writer.wanted);
  doorbells_ += doorbell ? 1 : 0;
  return doorbell;
}

void RingReader::Mask() {
  if (violation_ != Violation::kGeometry) MaskWakes(control_);
}

bool RingReader::Arm() {
  if (violation_ != Violation::kNone) return false;
  const uint32_t write_index = Unmask(control_);
  if (write_index == read_index_ && available_ == 0) return true;
  MaskWakes(control_);
  violation_ = CheckWriteIndex(write_index);
  if (violation_ == Violation::kNone) {
    available_ = UsedBytes(write_index, read_index_, data_.size());
  }
  return false;
}

}  // namespace vmbus::core
