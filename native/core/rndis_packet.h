// SPDX-License-Identifier: MIT
//
// One RNDIS message as a synthetic network card carries it: what kind it is, where its frame lies,
// and what stands beside it (checksums, VLAN tag, flow hash). Read from memory that the other side
// may change at any moment: header and elements are copied once and judged on the copy.
// Called by: transfer_reader (received), os/frame_sender (sent), the fuzzer.
// Source: the Remote NDIS specification; drivers/net/hyperv/hyperv_net.h of the Linux kernel.
// Offsets inside a message count from byte 8. All fields are little-endian.

#ifndef VMBUS_CORE_RNDIS_PACKET_H_
#define VMBUS_CORE_RNDIS_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace vmbus::core {

inline constexpr uint32_t kRndisPacket = 1;         // message type
inline constexpr uint32_t kRndisHeaderBytes = 8;    // type, length
inline constexpr uint32_t kPacketHeaderBytes = 44;  // of a PACKET message, with those
inline constexpr uint32_t kElementHeaderBytes = 12;
inline constexpr uint32_t kElementBytes = kElementHeaderBytes + 4;
// Elements of more bytes are nonsense: hosts leave 256 before the frame.
inline constexpr uint32_t kMostElementBytes = 1024;
// Shorter than its Ethernet header is no frame; longer none that a card without coalescing has.
inline constexpr uint32_t kLeastFrameBytes = 14;
inline constexpr uint32_t kMostFrameBytes = 65'550;

// Bits of FrameInfo::present.
inline constexpr uint32_t kHasChecksum = 1;
inline constexpr uint32_t kHasVlan = 2;
inline constexpr uint32_t kHasHash = 4;
inline constexpr uint32_t kHasLargeSend = 8;

struct FrameInfo {
  uint32_t present = 0;
  uint32_t checksum = 0;
  uint32_t vlan = 0;
  uint32_t hash = 0;
  uint32_t large_send = 0;  // sent frames only
};

struct RndisMessage {
  enum class Kind { kFrame, kControl, kBroken, kCoalesced };
  Kind kind = Kind::kBroken;
  uint32_t length = 0;  // of the message
  uint32_t frame_at = 0;
  uint32_t frame_bytes = 0;
  FrameInfo info;
};

// The message at the start of `shared`. What it says lies within `shared`, whatever happens to it.
RndisMessage ReadRndis(std::span<const std::byte> shared);

// What precedes a frame that is sent.
uint32_t PacketHeaderBytes(const FrameInfo& info);
// Writes that; as many bytes as PacketHeaderBytes says.
void WritePacketHeader(std::byte* target, const FrameInfo& info, uint32_t frame_bytes);

}  // namespace vmbus::core

#endif  // VMBUS_CORE_RNDIS_PACKET_H_
