// SPDX-License-Identifier: MIT
//
// The sending end of one ring; see ring_writer.h.

#include "ring_writer.h"

#include <algorithm>

#include "packet_row.h"
#include "ring_handshake.h"
#include "ring_layout.h"

namespace vmbus::core {

namespace {

Violation CheckIndex(uint32_t index, uint32_t data_size, Violation range, Violation alignment) {
  if (index >= data_size) return range;
  return index % kUnitBytes != 0 ? alignment : Violation::kNone;
}

// False: the row names bytes that are not in the arena, or what no descriptor can say.
inline bool PacketOf(const PacketRow& row, std::span<const std::byte> arena,
                     RingWriter::Packet* packet) {
  constexpr uint32_t kMaxField = 0xffff;
  if (row.type > kMaxField || row.offset8 < kDescriptorUnits) return false;
  const uint32_t headers = row.header_bytes();
  if (row.offset < headers || row.offset > arena.size()) return false;
  if (row.length > arena.size() - row.offset) return false;
  *packet = {static_cast<uint16_t>(row.type), row.flags, row.offset8, row.transaction_id,
             arena.subspan(row.offset - headers, size_t{headers} + row.length)};
  return true;
}

Descriptor DescriptorOf(const RingWriter::Packet& packet, uint32_t body) {
  return {packet.type, packet.offset8,
          static_cast<uint16_t>((kDescriptorBytes + body) / kUnitBytes), packet.flags};
}

// The packet that starts at index `start`, which is at `place`, in one piece. The last unit of the
// body goes first: what the payload does not cover stays zero. Without a body that is the
// transaction id's place, which is stored after it.
inline void PutStraight(std::byte* place, uint32_t start, const RingWriter::Packet& packet,
                        uint32_t body) {
  StoreUnit(place + kUnitBytes + body, 0);
  StoreUnit(place, EncodeDescriptor(DescriptorOf(packet, body)));
  StoreUnit(place + kUnitBytes, packet.transaction_id);
  CopyBytes(place + kDescriptorBytes, packet.body.data(),
            static_cast<uint32_t>(packet.body.size()));
  StoreUnit(place + kDescriptorBytes + body, EncodeTrailer(start));
}

uint32_t LargestBody(uint32_t data_size) {
  constexpr uint32_t kLargest = (kMaxPacketUnits - kDescriptorUnits) * kUnitBytes;
  return std::min(kLargest, data_size - kPacketOverhead - kUnitBytes);
}

}  // namespace

RingWriter::RingWriter(const RingMemory& ring) : data_(ring), control_(ring) {
  if (!IsUsableRing(ring)) {
    violation_ = Violation::kGeometry;
    return;
  }
  const uint32_t write_index = control_.Load<Edge::kUnordered>(Word::kWriteIndex);
  const uint32_t read_index = control_.Load<Edge::kReadIndexThenOverwrite>(Word::kReadIndex);
  largest_ = LargestBody(data_.size());
  violation_ = CheckIndex(write_index, data_.size(), Violation::kWriteIndexRange,
                          Violation::kWriteIndexAlignment);
  if (violation_ != Violation::kNone) return;
  violation_ = CheckIndex(read_index, data_.size(), Violation::kReadIndexRange,
                          Violation::kReadIndexAlignment);
  if (violation_ != Violation::kNone) return;
  write_index_ = write_index;
  published_ = write_index;
  read_index_ = read_index;
  free_ = FreeBytes(write_index, read_index, data_.size());
  control_.Store<Edge::kUnordered>(Word::kPendingSendSize, 0);
}

// The reader may only take what was published to it, and never give bytes back to us twice.
Violation RingWriter::CheckReadIndex(uint32_t read_index) const {
  const Violation broken = CheckIndex(read_index, data_.size(), Violation::kReadIndexRange,
                                      Violation::kReadIndexAlignment);
  if (broken != Violation::kNone) return broken;
  const uint32_t could_take = UsedBytes(published_, read_index_, data_.size());
  if (UsedBytes(read_index, read_index_, data_.size()) > could_take) {
    return Violation::kReadIndexBeyondWrite;
  }
  return Violation::kNone;
}

void RingWriter::AcceptReadIndex(uint32_t read_index) {
  violation_ = CheckReadIndex(read_index);
  if (violation_ != Violation::kNone) return;
  read_index_ = read_index;
  free_ = FreeBytes(write_index_, read_index, data_.size());
}

RingWriter::Status RingWriter::Write(const Packet& packet) {
  if (violation_ != Violation::kNone) [[unlikely]]
    return Status::kViolation;
  if (packet.body.size() > largest_) [[unlikely]]
    return Status::kTooLarge;
  const uint32_t body = RoundUpToUnit(static_cast<uint32_t>(packet.body.size()));
  const uint32_t total = body + kPacketOverhead;
  if (free_ <= total) [[unlikely]] {
    AcceptReadIndex(control_.Load<Edge::kReadIndexThenOverwrite>(Word::kReadIndex));
    if (violation_ != Violation::kNone) return Status::kViolation;
    if (free_ <= total) return Status::kFull;
  }
  if (data_.IsStraight(write_index_, total)) [[likely]] {
    PutStraight(data_.At(write_index_), write_index_, packet, body);
  } else {
    PutWrapped(packet, body);
  }
  Count(1, total);
  return Status::kWritten;
}

// So many packets, which took so many bytes of the ring, were written.
inline void RingWriter::Count(uint32_t packets, uint32_t total) {
  write_index_ = Advance(write_index_, total, data_.size());
  free_ -= total;
  packets_ += packets;
  body_bytes_ += total - packets * kPacketOverhead;
}

// As PutStraight, in the same order.
void RingWriter::PutWrapped(const Packet& packet, uint32_t body) {
  const uint32_t start = write_index_;
  const auto place = [this, start](uint32_t offset) {
    return Advance(start, offset, data_.size());
  };
  StoreUnit(data_.At(place(kUnitBytes + body)), 0);
  StoreUnit(data_.At(start), EncodeDescriptor(DescriptorOf(packet, body)));
  StoreUnit(data_.At(place(kUnitBytes)), packet.transaction_id);
  data_.CopyIn(place(kDescriptorBytes), packet.body.data(),
               static_cast<uint32_t>(packet.body.size()));
  StoreUnit(data_.At(place(kDescriptorBytes + body)), EncodeTrailer(start));
}

// Writes rows as long as they are right and fit in one piece into the free bytes known of, which
// most do: nothing is in this loop but what they need. Whatever else comes ends it, and is Write's
// to judge. Answers how many.
uint32_t RingWriter::WriteRun(std::span<const std::byte> arena, std::span<const int32_t> rows) {
  // What the loop needs, in registers.
  const uint32_t first = write_index_;
  const uint32_t largest = largest_;
  std::byte* const start = data_.At(first);
  // A packet leaves a unit free.
  const std::byte* const limit = start + data_.StraightBytes(first, free_ - kUnitBytes);
  const int32_t* const rows_end = rows.data() + rows.size();
  const int32_t* row = rows.data();
  std::byte* place = start;
  for (; row != rows_end; row += kIndexRowWords) {
    Packet packet;
    if (!PacketOf(RowAt(row), arena, &packet) || packet.body.size() > largest) break;
    const uint32_t body = RoundUpToUnit(static_cast<uint32_t>(packet.body.size()));
    if (body + kPacketOverhead > static_cast<uint32_t>(limit - place)) break;
    PutStraight(place, first + static_cast<uint32_t>(place - start), packet, body);
    place += body + kPacketOverhead;
  }
  const auto written = static_cast<uint32_t>(row - rows.data()) / kIndexRowWords;
  Count(written, static_cast<uint32_t>(place - start));
  return written;
}

RingWriter::Batch RingWriter::WriteRows(std::span<const std::byte> arena,
                                        std::span<const int32_t> rows) {
  if (violation_ != Violation::kNone) return {0, Status::kViolation};
  const auto count = static_cast<uint32_t>(rows.size() / kIndexRowWords);
  for (uint32_t written = 0;;) {
    written += WriteRun(arena, rows.subspan(size_t{written} * kIndexRowWords));
    if (written == count) return {written, Status::kWritten};
    Packet packet;
    const bool is_right = PacketOf(RowAt(&rows[written * kIndexRowWords]), arena, &packet);
    const Status status = is_right ? Write(packet) : Status::kBadRow;
    if (status != Status::kWritten) return {written, status};
    written += 1;
  }
}

bool RingWriter::Publish() {
  if (!has_unpublished()) return false;
  const bool doorbell = PublishWrites(control_, published_, write_index_);
  published_ = write_index_;
  publishes_ += 1;
  doorbells_ += doorbell ? 1 : 0;
  return doorbell;
}

bool RingWriter::AwaitSpace(uint32_t body_bytes) {
  if (violation_ != Violation::kNone) return true;
  // More than the largest packet would never be granted.
  const uint32_t wanted = RoundUpToUnit(std::min(body_bytes, largest_)) + kPacketOverhead;
  awaits_space_ = true;
  AcceptReadIndex(AskForSpace(control_, wanted));
  if (violation_ == Violation::kNone && free_ <= wanted) {
    waits_ += 1;
    return false;
  }
  ClearAwaitSpace();
  return true;
}

void RingWriter::ClearAwaitSpace() {
  if (!awaits_space_) return;
  awaits_space_ = false;
  control_.Store<Edge::kUnordered>(Word::kPendingSendSize, 0);
}

uint32_t RingWriter::free_bytes() {
  if (violation_ != Violation::kNone) return 0;
  AcceptReadIndex(control_.Load<Edge::kReadIndexThenOverwrite>(Word::kReadIndex));
  return violation_ == Violation::kNone ? free_ : 0;
}

}  // namespace vmbus::core
