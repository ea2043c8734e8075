// SPDX-License-Identifier: MIT
//
// The 16-byte packet descriptor and the 8-byte trailer: decoding, checking, encoding, on private
// copies only.
// Called by: ring_reader, ring_writer.
// Source: Linux include/linux/hyperv.h (vmpacket_descriptor, vmbus_packet_type).

#ifndef VMBUS_CORE_PACKET_H_
#define VMBUS_CORE_PACKET_H_

#include <cstdint>

#include "ring_layout.h"
#include "violation.h"

namespace vmbus::core {

// Lengths in units of 8 bytes, counted from the start of the descriptor; the trailer is not in
// length8.
struct Descriptor {
  uint16_t type;
  uint16_t offset8;  // where the payload starts
  uint16_t length8;  // where the packet ends
  uint16_t flags;
};

constexpr Descriptor DecodeDescriptor(uint64_t unit) {
  return Descriptor{static_cast<uint16_t>(unit), static_cast<uint16_t>(unit >> 16),
                    static_cast<uint16_t>(unit >> 32), static_cast<uint16_t>(unit >> 48)};
}

constexpr uint64_t EncodeDescriptor(const Descriptor& descriptor) {
  return uint64_t{descriptor.type} | uint64_t{descriptor.offset8} << 16 |
         uint64_t{descriptor.length8} << 32 | uint64_t{descriptor.flags} << 48;
}

// Low half zero, high half the index where the packet started.
constexpr uint64_t EncodeTrailer(uint32_t start) { return uint64_t{start} << 32; }

// Bytes a packet takes in the ring, trailer included.
constexpr uint32_t RingBytes(const Descriptor& descriptor) {
  return uint32_t{descriptor.length8} * kUnitBytes + kTrailerBytes;
}

// The first rule a descriptor breaks, given the bytes published behind it, itself included.
Violation CheckDescriptor(Descriptor descriptor, uint32_t used);

// The same rules as one expression for the hot path; false sends the reader to CheckDescriptor for
// the reason.
constexpr bool IsSound(Descriptor descriptor, uint32_t used) {
  return static_cast<uint32_t>(descriptor.type - 1) < kPacketLastType &&
         descriptor.flags <= kFlagCompletionRequested && descriptor.offset8 >= kDescriptorUnits &&
         descriptor.offset8 <= descriptor.length8 && RingBytes(descriptor) <= used;
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_PACKET_H_
