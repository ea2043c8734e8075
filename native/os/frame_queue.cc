// SPDX-License-Identifier: MIT
//
// Frames of one channel; see frame_queue.h.

#include "frame_queue.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "../core/load.h"
#include "../core/ring_layout.h"
#include "../core/ring_reader.h"
#include "../core/shared_copy_unsafe.h"
#include "status.h"

namespace vmbus::os {

namespace {

using core::kIndexRowWords;
using core::Load;
using core::RowKind;

constexpr uint32_t kBatchPackets = 256;
constexpr uint32_t kMostSends = 256;
// Rounds of a call that yield nothing for the script, such as completions of what it sent.
constexpr int kMostRounds = 8;
constexpr size_t kDrainBytes = 65'536;

// NVSP: carries RNDIS, and its completion.
constexpr uint32_t kNvspPacket = 107;
constexpr uint32_t kNvspPacketComplete = 108;
constexpr uint32_t kNvspSuccess = 1;
constexpr uint32_t kNvspFailure = 2;
constexpr uint32_t kNvspData = 0;
constexpr uint32_t kNvspControl = 1;
// All messages of a guest have this size; a completion is as short as it can be.
constexpr uint32_t kNvspBytes = 40;
constexpr uint32_t kCompletionBytes = 8;

// The two completions, one after the other.
const std::array<std::byte, 2 * kCompletionBytes>& Completions() {
  static const auto bytes = [] {
    std::array<std::byte, 2 * kCompletionBytes> made{};
    const uint32_t words[] = {kNvspPacketComplete, kNvspSuccess, kNvspPacketComplete, kNvspFailure};
    std::memcpy(made.data(), words, sizeof(words));
    return made;
  }();
  return bytes;
}

}  // namespace

// A drained packet.
struct FrameQueue::Row {
  uint32_t type;
  uint32_t flags;
  uint64_t id;
  std::span<const std::byte> header;
  std::span<const std::byte> payload;
};

FrameQueue::FrameQueue(std::shared_ptr<Channel> channel, std::shared_ptr<FrameBuffers> buffers,
                       int relid)
    : channel_(std::move(channel)),
      buffers_(std::move(buffers)),
      relid_(relid),
      drained_(kDrainBytes),
      drained_rows_(kBatchPackets * kIndexRowWords),
      announcements_(size_t{kMostSends} * kNvspBytes),
      announcement_rows_(kMostSends * kIndexRowWords),
      ids_(kMostSends) {
  owed_rows_.reserve(kBatchPackets * kIndexRowWords);
}

FrameQueue::~FrameQueue() = default;

bool FrameQueue::RefreshTerms() {
  if (terms_.pool == nullptr) terms_ = buffers_->terms();
  return terms_.pool != nullptr;
}

int32_t FrameQueue::Gone(const DeviceBuffer& buffer) const {
  return buffer.IsGone() ? kRescinded : kClosed;
}

// -- receiving -----------------------------------------------------------------------------------

int32_t FrameQueue::Receive(std::span<std::byte> arena, std::span<int32_t> rows) {
  if (arena.size() < core::kLeastArenaBytes || rows.size() < core::kFrameRowWords) return kBadRow;
  static_cast<void>(RefreshTerms());
  if (const int32_t paid = PayOwed(); paid <= 0) return paid;
  core::FrameSink sink(arena, rows);
  const int32_t status = Work(&sink);
  const int32_t paid = PayOwed();
  // Pages that vanished during the copy were answered with zeros.
  if (buffers_->receive().IsGone()) return kRescinded;
  if (sink.count() > 0) return static_cast<int32_t>(sink.count());
  return status < 0 || paid > 0 ? status : paid;
}

int32_t FrameQueue::Work(core::FrameSink* sink) {
  for (int round = 0; round < kMostRounds; ++round) {
    if (!TakeLeft(sink)) return kAgain;
    if (const int32_t paid = PayOwed(); paid <= 0) return paid;
    if (const int32_t count = Refill(); count <= 0) return count;
  }
  return kAgain;
}

int32_t FrameQueue::Refill() {
  next_ = 0;
  drained_count_ = 0;
  int32_t count = channel_->Drain(drained_, drained_rows_, kBatchPackets);
  if (count == kArenaTooSmall) {
    // A packet's length has 16 bits of 8-byte units.
    const auto needed = static_cast<size_t>(drained_rows_[0]);
    drained_.resize(std::min<size_t>(needed, core::kMaxPacketUnits * core::kUnitBytes));
    count = channel_->Drain(drained_, drained_rows_, kBatchPackets);
  }
  if (count <= 0) return count;
  drained_count_ = static_cast<uint32_t>(count);
  counts_.packets += drained_count_;
  return count;
}

// False: the sink is full.
bool FrameQueue::TakeLeft(core::FrameSink* sink) {
  if (next_ == drained_count_) return true;
  // Once for all packets: a lock for each shows. A buffer that is gone has no bytes: then every
  // piece of a packet lies outside.
  const DeviceBuffer::Stay stay = buffers_->receive().Enter();
  for (; next_ < drained_count_; ++next_) {
    const core::PacketRow packet =
        core::RowAt(drained_rows_.data() + size_t{next_} * kIndexRowWords);
    const std::span<const std::byte> drained(drained_);
    const uint32_t headers = packet.header_bytes();
    const Row row{packet.type, packet.flags, packet.transaction_id,
                  drained.subspan(packet.offset - headers, headers),
                  drained.subspan(packet.offset, packet.length)};
    if (!TakePacket(row, stay.bytes(), sink)) return false;
  }
  return true;
}

bool FrameQueue::TakePacket(const Row& row, std::span<const std::byte> buffer,
                            core::FrameSink* sink) {
  if (row.type == core::kPacketTransferPages) return TakeTransfer(row, buffer, sink);
  if (row.type == core::kPacketCompletion && SectionPool::IsSectionId(row.id)) {
    TakeCompletion(row);
    return true;
  }
  return CopyPacket(row, sink);
}

bool FrameQueue::TakeTransfer(const Row& row, std::span<const std::byte> buffer,
                              core::FrameSink* sink) {
  if (!std::exchange(in_transfer_, true)) {
    const bool carries =
        row.payload.size() >= sizeof(uint32_t) && Load(row.payload.data()) == kNvspPacket;
    reader_.Begin(carries ? row.header : std::span<const std::byte>(), terms_.rules);
  }
  if (!reader_.Continue(buffer, terms_.rules, sink)) return false;
  in_transfer_ = false;
  Owe(row.id, reader_.good());
  return true;
}

bool FrameQueue::CopyPacket(const Row& row, core::FrameSink* sink) {
  const auto bytes =
      static_cast<uint32_t>(std::min<size_t>(row.payload.size(), core::kMostControlBytes));
  std::byte* target = sink->Room(bytes);
  if (target == nullptr) return false;
  std::copy_n(row.payload.data(), bytes, target);
  int32_t* words = sink->Add(RowKind::kPacket, bytes);
  words[3] = static_cast<int32_t>(row.type | row.flags << 16);
  words[4] = static_cast<int32_t>(static_cast<uint32_t>(row.id));
  words[5] = static_cast<int32_t>(static_cast<uint32_t>(row.id >> 32));
  return true;
}

void FrameQueue::TakeCompletion(const Row& row) {
  const bool whole =
      row.payload.size() >= 2 * sizeof(uint32_t) && Load(row.payload.data()) == kNvspPacketComplete;
  if (!whole || terms_.pool == nullptr || !terms_.pool->Complete(relid_, row.id)) {
    counts_.stray += 1;
    return;
  }
  counts_.completed += 1;
  if (Load(row.payload.data() + sizeof(uint32_t)) != kNvspSuccess) counts_.refused += 1;
}

void FrameQueue::Owe(uint64_t id, bool good) {
  const size_t at = owed_rows_.size();
  owed_rows_.resize(at + kIndexRowWords);
  core::PutRow(owed_rows_.data() + at, {core::kPacketCompletion, 0, core::kDescriptorUnits,
                                        good ? 0 : kCompletionBytes, kCompletionBytes, id});
}

// 1 = nothing is owed any more, 0 = the ring is full and a wake will follow, or a status.
int32_t FrameQueue::PayOwed() {
  while (owed() > 0) {
    const int32_t written = channel_->WriteRows(Completions(), owed_rows_, owed_first_, owed());
    if (written < 0) return written;
    owed_first_ += static_cast<uint32_t>(written);
    counts_.completions += static_cast<uint64_t>(written);
    if (owed() == 0) break;
    const int32_t fits = channel_->AwaitSpace(kCompletionBytes);
    if (fits <= 0) return fits;
  }
  if (owed_rows_.empty()) return 1;
  owed_rows_.clear();
  owed_first_ = 0;
  // What was written took back the wish for space of a send that waits.
  if (wanted_ > 0) static_cast<void>(channel_->AwaitSpace(wanted_));
  return 1;
}

// -- sending -------------------------------------------------------------------------------------

uint32_t FrameQueue::largest_frame() {
  if (!RefreshTerms()) return 0;
  constexpr uint32_t elements = 3 * core::kElementBytes;
  return terms_.section_bytes - std::min(terms_.section_bytes, core::kPacketHeaderBytes + elements);
}

int32_t FrameQueue::Send(std::span<const OutgoingFrame> frames) {
  if (!RefreshTerms()) return kBadRow;
  uint32_t count = 0;
  for (const OutgoingFrame& frame : frames.first(std::min<size_t>(frames.size(), kMostSends))) {
    const size_t header = core::PacketHeaderBytes(frame.info);
    if (header + frame.bytes.size() > terms_.section_bytes) break;
    count += 1;
  }
  if (count == 0) return frames.empty() ? 0 : kTooLarge;
  const uint32_t taken =
      terms_.pool->Take(relid_, SectionPool::Purpose::kFrames, std::span(ids_).first(count));
  if (taken == 0) {
    counts_.full += 1;
    return 0;
  }
  uint64_t bytes = 0;
  {
    const DeviceBuffer::Stay stay = buffers_->send().Enter();
    if (stay.bytes().empty()) {
      terms_.pool->GiveBack(relid_, std::span(ids_).first(taken));
      return Gone(buffers_->send());
    }
    for (uint32_t i = 0; i < taken; ++i) {
      const OutgoingFrame& frame = frames[i];
      const uint32_t header = core::PacketHeaderBytes(frame.info);
      const auto length = static_cast<uint32_t>(frame.bytes.size());
      std::byte* section =
          stay.bytes().data() + size_t{SectionPool::SectionOf(ids_[i])} * terms_.section_bytes;
      core::WritePacketHeader(section, frame.info, length);
      core::CopyBytes(section + header, frame.bytes.data(), length);
      Announce(i, ids_[i], header + length, kNvspData);
    }
  }
  const int32_t written = WriteSections(taken);
  for (int32_t i = 0; i < written; ++i) bytes += frames[static_cast<size_t>(i)].bytes.size();
  if (written > 0) counts_.frames_sent += static_cast<uint64_t>(written);
  counts_.frame_bytes_sent += bytes;
  return written;
}

int32_t FrameQueue::SendControl(std::span<const std::byte> message) {
  if (!RefreshTerms()) return kBadRow;
  if (message.empty() || message.size() > terms_.section_bytes) return kTooLarge;
  const auto id = std::span(ids_).first(1);
  if (terms_.pool->Take(relid_, SectionPool::Purpose::kControl, id) == 0) {
    counts_.full += 1;
    return 0;
  }
  {
    const DeviceBuffer::Stay stay = buffers_->send().Enter();
    if (stay.bytes().empty()) {
      terms_.pool->GiveBack(relid_, id);
      return Gone(buffers_->send());
    }
    std::byte* section =
        stay.bytes().data() + size_t{SectionPool::SectionOf(id[0])} * terms_.section_bytes;
    std::copy(message.begin(), message.end(), section);
  }
  Announce(0, id[0], static_cast<uint32_t>(message.size()), kNvspControl);
  return WriteSections(1);
}

// The message that tells the host of a section.
void FrameQueue::Announce(uint32_t row, uint64_t id, uint32_t bytes, uint32_t channel_type) {
  const uint32_t at = row * kNvspBytes;
  const uint32_t words[] = {kNvspPacket, channel_type, SectionPool::SectionOf(id), bytes};
  std::memcpy(announcements_.data() + at, words, sizeof(words));
  core::PutRow(announcement_rows_.data() + size_t{row} * kIndexRowWords,
               {core::kPacketInBand, core::kFlagCompletionRequested, core::kDescriptorUnits, at,
                kNvspBytes, id});
}

// Publishes announcements once; those that do not fit give their sections back.
int32_t FrameQueue::WriteSections(uint32_t count) {
  uint32_t done = 0;
  int32_t status = 0;
  wanted_ = 0;
  while (done < count) {
    status = channel_->WriteRows(announcements_, announcement_rows_, done, count - done);
    if (status < 0) break;
    done += static_cast<uint32_t>(status);
    if (done == count) break;
    wanted_ = kNvspBytes;
    status = channel_->AwaitSpace(wanted_);
    if (status <= 0) break;
  }
  if (done < count) {
    counts_.full += 1;
    terms_.pool->GiveBack(relid_, std::span(ids_).subspan(done, count - done));
  } else {
    wanted_ = 0;
  }
  return done > 0 || status >= 0 ? static_cast<int32_t>(done) : status;
}

}  // namespace vmbus::os
