// SPDX-License-Identifier: MIT
//
// RNDIS messages of a network card; see rndis_packet.h.

#include "rndis_packet.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "load.h"
#include "shared_copy_unsafe.h"

namespace vmbus::core {

namespace {

// Fields of a PACKET message, from its start.
constexpr uint32_t kLengthAt = 4;
constexpr uint32_t kDataOffsetAt = 8;
constexpr uint32_t kDataLengthAt = 12;
constexpr uint32_t kElementsOffsetAt = 28;
constexpr uint32_t kElementsLengthAt = 32;

// Types of elements; with the top bit they are of a numbering of their own.
constexpr uint32_t kChecksumElement = 0;
constexpr uint32_t kLargeSendElement = 2;
constexpr uint32_t kVlanElement = 6;
constexpr uint32_t kHashElement = 8;
constexpr uint32_t kInternal = 0x8000'0000;
constexpr uint32_t kFragmentElement = kInternal | 1;
constexpr uint32_t kFragmentMany = 1u << 8;  // flags are the second byte

std::byte* Store(std::byte* place, uint32_t value) {
  std::memcpy(place, &value, sizeof(value));
  return place + sizeof(value);
}

void Take(uint32_t type, uint32_t value, RndisMessage* message) {
  FrameInfo& info = message->info;
  const auto set = [&info, value](uint32_t bit, uint32_t* field) {
    if ((info.present & bit) != 0) return;  // the first one counts
    info.present |= bit;
    *field = value;
  };
  switch (type) {
    case kChecksumElement:
      return set(kHasChecksum, &info.checksum);
    case kVlanElement:
      return set(kHasVlan, &info.vlan);
    case kHashElement:
      return set(kHasHash, &info.hash);
    case kFragmentElement:
      // Coalescing was never agreed on: a part of a frame is of no use.
      if ((value & kFragmentMany) != 0) message->kind = RndisMessage::Kind::kCoalesced;
      return;
    default:
      return;
  }
}

// Up to the first one that is broken: what was good before it counts.
void ReadElements(std::span<const std::byte> elements, RndisMessage* message) {
  while (elements.size() >= kElementHeaderBytes) {
    const uint32_t size = Load(elements.data());
    const uint32_t type = Load(elements.data() + 4);
    const uint32_t offset = Load(elements.data() + 8);
    if (size < kElementHeaderBytes || size > elements.size()) return;
    if (offset < kElementHeaderBytes || offset >= size) return;
    if (size - offset >= sizeof(uint32_t)) Take(type, Load(elements.data() + offset), message);
    elements = elements.subspan(size);
  }
}

// Whether `bytes` at `offset` lie within `limit`, without a sum that could overflow.
constexpr bool Fits(uint32_t offset, uint32_t bytes, uint32_t limit) {
  return offset <= limit && bytes <= limit - offset;
}

}  // namespace

RndisMessage ReadRndis(std::span<const std::byte> shared) {
  RndisMessage message;
  const auto available =
      static_cast<uint32_t>(std::min<size_t>(shared.size(), UINT32_MAX - kPacketHeaderBytes));
  if (available < kRndisHeaderBytes) return message;
  alignas(8) std::array<std::byte, kPacketHeaderBytes> header{};
  CopyOnce(header.data(), shared.data(), std::min(available, kPacketHeaderBytes));
  const uint32_t length = Load(header.data() + kLengthAt);
  if (length < kRndisHeaderBytes || length > available) return message;
  message.length = length;
  if (Load(header.data()) != kRndisPacket) {
    message.kind = RndisMessage::Kind::kControl;
    return message;
  }
  if (length < kPacketHeaderBytes) return message;
  const uint32_t body = length - kRndisHeaderBytes;
  const uint32_t data_offset = Load(header.data() + kDataOffsetAt);
  const uint32_t data_length = Load(header.data() + kDataLengthAt);
  if (data_length < kLeastFrameBytes || data_length > kMostFrameBytes) return message;
  if (!Fits(data_offset, data_length, body)) return message;
  const uint32_t elements_offset = Load(header.data() + kElementsOffsetAt);
  const uint32_t elements_length = Load(header.data() + kElementsLengthAt);
  if (!Fits(elements_offset, elements_length, body) && elements_length != 0) return message;
  if (elements_length > kMostElementBytes) return message;

  message.kind = RndisMessage::Kind::kFrame;
  message.frame_at = kRndisHeaderBytes + data_offset;
  message.frame_bytes = data_length;
  if (elements_length == 0) return message;
  alignas(8) std::array<std::byte, kMostElementBytes> elements;
  CopyOnce(elements.data(), shared.data() + kRndisHeaderBytes + elements_offset, elements_length);
  ReadElements({elements.data(), elements_length}, &message);
  return message;
}

uint32_t PacketHeaderBytes(const FrameInfo& info) {
  uint32_t bytes = kPacketHeaderBytes;
  for (const uint32_t bit : {kHasChecksum, kHasVlan, kHasHash, kHasLargeSend}) {
    if ((info.present & bit) != 0) bytes += kElementBytes;
  }
  return bytes;
}

void WritePacketHeader(std::byte* target, const FrameInfo& info, uint32_t frame_bytes) {
  const uint32_t header = PacketHeaderBytes(info);
  const uint32_t elements = header - kPacketHeaderBytes;
  std::byte* place = Store(target, kRndisPacket);
  place = Store(place, header + frame_bytes);
  place = Store(place, header - kRndisHeaderBytes);
  place = Store(place, frame_bytes);
  for (int out_of_band = 0; out_of_band < 3; ++out_of_band) place = Store(place, 0);
  place = Store(place, elements == 0 ? 0 : kPacketHeaderBytes - kRndisHeaderBytes);
  place = Store(place, elements);
  place = Store(place, 0);
  place = Store(place, 0);
  const auto add = [&place, &info](uint32_t bit, uint32_t type, uint32_t value) {
    if ((info.present & bit) == 0) return;
    place = Store(place, kElementBytes);
    place = Store(place, type);
    place = Store(place, kElementHeaderBytes);
    place = Store(place, value);
  };
  add(kHasVlan, kVlanElement, info.vlan);
  add(kHasHash, kHashElement, info.hash);
  add(kHasLargeSend, kLargeSendElement, info.large_send);
  add(kHasChecksum, kChecksumElement, info.checksum);
}

}  // namespace vmbus::core
