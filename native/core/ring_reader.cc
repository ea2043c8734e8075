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

uint32_t BodyBytes(Descriptor descriptor) {
  return (descriptor.length8 - kDescriptorUnits) * kUnitBytes;
}

// The row of a packet whose body, headers first, starts at `start` in the arena.
PacketRow RowOf(Descriptor descriptor, uint32_t start, uint64_t transaction_id) {
  PacketRow row{descriptor.type, descriptor.flags,      descriptor.offset8,
                start,           BodyBytes(descriptor), transaction_id};
  row.offset += row.header_bytes();
  row.length -= row.header_bytes();
  return row;
}

}  // namespace

// The drain loop's own copy of the position, so that the loop works in registers.
struct RingReader::Cursor {
  RingData data;
  std::byte* arena;
  uint32_t arena_size;
  uint32_t arena_used;
  int32_t* row;
  const int32_t* rows_end;
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

// Takes packets that lie in one piece and fit, which most do: nothing is in this loop but what they
// need. Whatever else comes ends it, and is TakePacket's to judge.
inline void RingReader::TakeRun(Cursor& cursor) {
  const std::byte* const start = cursor.data.At(cursor.read_index);
  const std::byte* const limit =
      start + cursor.data.StraightBytes(cursor.read_index, cursor.available);
  const std::byte* const arena_end = cursor.arena + cursor.arena_size;
  const std::byte* source = start;
  std::byte* target = cursor.arena + cursor.arena_used;
  int32_t* row = cursor.row;
  while (row != cursor.rows_end && source != limit) {
    const Descriptor descriptor = DecodeDescriptor(LoadUnit(source));
    if (!IsSound(descriptor, static_cast<uint32_t>(limit - source))) break;
    const uint32_t body = BodyBytes(descriptor);
    if (body > static_cast<uint32_t>(arena_end - target)) break;
    const uint64_t transaction_id = LoadUnit(source + kUnitBytes);
    CopyBytes(target, source + kDescriptorBytes, body);
    PutRow(row, RowOf(descriptor, static_cast<uint32_t>(target - cursor.arena), transaction_id));
    row += kIndexRowWords;
    target += body;
    source += body + kPacketOverhead;
  }
  const auto taken = static_cast<uint32_t>(source - start);
  cursor.row = row;
  cursor.arena_used = static_cast<uint32_t>(target - cursor.arena);
  cursor.read_index = Advance(cursor.read_index, taken, cursor.data.size());
  cursor.available -= taken;
}

// Takes the packet at the cursor, wherever it lies. False when it does not fit (needed is set) or
// breaks a rule (violation_ is set).
bool RingReader::TakePacket(Cursor& cursor) {
  const RingData& data = cursor.data;
  const Descriptor descriptor = DecodeDescriptor(LoadUnit(data.At(cursor.read_index)));
  violation_ = CheckDescriptor(descriptor, cursor.available);
  if (violation_ != Violation::kNone) return false;
  const uint32_t body = BodyBytes(descriptor);
  if (body > cursor.arena_size - cursor.arena_used) {
    cursor.needed = body;
    return false;
  }
  const auto place = [&cursor](uint32_t offset) {
    return Advance(cursor.read_index, offset, cursor.data.size());
  };
  data.CopyOut(place(kDescriptorBytes), cursor.arena + cursor.arena_used, body);
  PutRow(cursor.row, RowOf(descriptor, cursor.arena_used, LoadUnit(data.At(place(kUnitBytes)))));
  cursor.row += kIndexRowWords;
  cursor.arena_used += body;
  cursor.read_index = place(body + kPacketOverhead);
  cursor.available -= body + kPacketOverhead;
  return true;
}

RingReader::Batch RingReader::Drain(std::span<std::byte> arena, std::span<int32_t> index,
                                    uint32_t max_packets) {
  Batch batch{};
  batch.violation = violation_;
  if (violation_ != Violation::kNone) return batch;

  const size_t rows = std::min<size_t>(max_packets, index.size() / kIndexRowWords);
  Cursor cursor{
      data_,       arena.data(), static_cast<uint32_t>(std::min(arena.size(), kArenaLimit)),
      0,           index.data(), index.data() + rows * kIndexRowWords,
      read_index_, available_,   0};
  while (cursor.row != cursor.rows_end) {
    if (cursor.available == 0) {
      read_index_ = cursor.read_index;
      available_ = 0;
      if (!Refill()) break;
      cursor.available = available_;
    }
    TakeRun(cursor);
    const bool is_through = cursor.row == cursor.rows_end || cursor.available == 0;
    if (!is_through && !TakePacket(cursor)) break;
  }
  batch.count = static_cast<uint32_t>(cursor.row - index.data()) / kIndexRowWords;
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
