// SPDX-License-Identifier: MIT
//
// Transfer-pages packets; see transfer_reader.h.

#include "transfer_reader.h"

#include <algorithm>

#include "load.h"
#include "shared_copy_unsafe.h"

namespace vmbus::core {

namespace {

constexpr uint32_t kTransferHeaderBytes = 8;  // set id, a flag, count
constexpr uint32_t kRangeBytes = 8;           // byte count, byte offset

}  // namespace

void TransferReader::Begin(std::span<const std::byte> header, const TransferRules& rules) {
  header_ = header;
  range_count_ = 0;
  range_ = 0;
  at_ = 0;
  messages_done_ = 0;
  good_ = true;
  if (header.size() < kTransferHeaderBytes || rules.buffer_bytes == 0) {
    return Fail(&counts_.broken_packets);
  }
  const auto set = Load<uint16_t>(header.data());
  const auto count = Load<uint32_t>(header.data() + 4);
  const size_t room = (header.size() - kTransferHeaderBytes) / kRangeBytes;
  if (set != kReceiveBufferId || count == 0 || count > kMostRanges || count > room) {
    return Fail(&counts_.broken_packets);
  }
  range_count_ = count;
}

bool TransferReader::Continue(std::span<const std::byte> buffer, const TransferRules& rules,
                              FrameSink* sink) {
  while (range_ < range_count_) {
    if (!TakeRange(buffer, rules, sink)) return false;
    range_ += 1;
    at_ = 0;
    messages_done_ = 0;
  }
  return true;
}

// False: no room, go on at at_.
bool TransferReader::TakeRange(std::span<const std::byte> buffer, const TransferRules& rules,
                               FrameSink* sink) {
  const std::byte* place = header_.data() + kTransferHeaderBytes + size_t{range_} * kRangeBytes;
  const auto bytes = Load<uint32_t>(place);
  const auto offset = Load<uint32_t>(place + 4);
  const auto limit = static_cast<uint32_t>(std::min<size_t>(buffer.size(), rules.buffer_bytes));
  if (offset > limit || bytes > limit - offset || bytes > rules.piece_bytes) {
    Fail(&counts_.broken_ranges);
    return true;
  }
  while (messages_done_ < rules.messages) {
    const auto rest = buffer.subspan(offset, bytes).subspan(at_);
    // Less than a header behind a message is padding.
    if (messages_done_ > 0 && rest.size() < kRndisHeaderBytes) return true;
    const Taken taken = TakeMessage(rest, sink);
    if (taken == Taken::kNoRoom) return false;
    messages_done_ += 1;
    if (taken == Taken::kLast) return true;
  }
  return true;
}

TransferReader::Taken TransferReader::TakeMessage(std::span<const std::byte> rest,
                                                  FrameSink* sink) {
  const RndisMessage message = ReadRndis(rest);
  switch (message.kind) {
    case RndisMessage::Kind::kFrame: {
      std::byte* target = sink->Room(message.frame_bytes);
      if (target == nullptr) return Taken::kNoRoom;
      CopyBytes(target, rest.data() + message.frame_at, message.frame_bytes);
      int32_t* row = sink->Add(RowKind::kFrame, message.frame_bytes);
      row[3] = static_cast<int32_t>(message.info.present);
      row[4] = static_cast<int32_t>(message.info.checksum);
      row[5] = static_cast<int32_t>(message.info.vlan);
      row[6] = static_cast<int32_t>(message.info.hash);
      counts_.frames += 1;
      counts_.frame_bytes += message.frame_bytes;
      at_ += message.length;
      return Taken::kNext;
    }
    case RndisMessage::Kind::kControl: {
      // Some hosts forget to count the buffer of an indication in its length.
      const auto bytes = static_cast<uint32_t>(std::min<size_t>(rest.size(), kMostControlBytes));
      std::byte* target = sink->Room(bytes);
      if (target == nullptr) return Taken::kNoRoom;
      CopyBytes(target, rest.data(), bytes);
      static_cast<void>(sink->Add(RowKind::kControl, bytes));
      counts_.controls += 1;
      return Taken::kLast;
    }
    case RndisMessage::Kind::kCoalesced:
      Fail(&counts_.coalesced);
      return Taken::kLast;
    case RndisMessage::Kind::kBroken:
      break;
  }
  Fail(&counts_.broken_messages);
  return Taken::kLast;
}

}  // namespace vmbus::core
