// SPDX-License-Identifier: MIT
//
// The byte layout of a VMBus ring and of its packets: every offset and limit of the wire, typed
// once.
// Used by: every other file of native/core. Never touches memory.
// Source: Linux include/linux/hyperv.h (hv_ring_buffer, vmpacket_descriptor) and
// drivers/hv/ring_buffer.c. All fields are little-endian.

#ifndef VMBUS_CORE_RING_LAYOUT_H_
#define VMBUS_CORE_RING_LAYOUT_H_

#include <bit>
#include <cstdint>

namespace vmbus::core {

static_assert(std::endian::native == std::endian::little, "VMBus is little-endian");

// Header words, as byte offsets in the header page. The reader of a ring owns read_index and
// interrupt_mask, its writer owns write_index and pending_send_sz.
inline constexpr uint32_t kWriteIndexOffset = 0x00;
inline constexpr uint32_t kReadIndexOffset = 0x04;
inline constexpr uint32_t kInterruptMaskOffset = 0x08;
inline constexpr uint32_t kPendingSendSizeOffset = 0x0c;
inline constexpr uint32_t kFeatureBitsOffset = 0x40;

// The part of the header page that both ends see, whatever the page size of the guest.
inline constexpr uint32_t kHeaderBytes = 4096;

// feature_bits, bit 0: the writer of this ring sets pending_send_sz when it is blocked.
inline constexpr uint32_t kFeaturePendingSendSize = 1;

// Everything in the data area comes in units of 8 bytes; a unit never wraps, a descriptor can.
inline constexpr uint32_t kUnitBytes = 8;
inline constexpr uint32_t kDescriptorBytes = 16;
inline constexpr uint32_t kTrailerBytes = 8;
inline constexpr uint32_t kPacketOverhead = kDescriptorBytes + kTrailerBytes;

// Lengths in the descriptor count units: 2 is the descriptor alone.
inline constexpr uint32_t kDescriptorUnits = kDescriptorBytes / kUnitBytes;
inline constexpr uint32_t kMaxPacketUnits = 0xffff;

// Bounds of a usable data area: one empty packet must fit, and sums of two indices must not
// overflow.
inline constexpr uint32_t kMinDataBytes = 2 * kPacketOverhead;
inline constexpr uint32_t kMaxDataBytes = 1u << 30;

// Packet types (vmbus_packet_type). 0 is invalid by definition.
inline constexpr uint16_t kPacketInBand = 0x6;
inline constexpr uint16_t kPacketTransferPages = 0x7;
inline constexpr uint16_t kPacketGpaDirect = 0x9;
inline constexpr uint16_t kPacketCompletion = 0xb;
inline constexpr uint16_t kPacketLastType = 0xd;

// Packet flags: the only one defined.
inline constexpr uint16_t kFlagCompletionRequested = 1;

// Bytes between read index and write index: what the reader may take. Both indices already
// validated.
constexpr uint32_t UsedBytes(uint32_t write_index, uint32_t read_index, uint32_t data_size) {
  return write_index >= read_index ? write_index - read_index
                                   : data_size - (read_index - write_index);
}

// Bytes the writer may use, and the whole data area when the ring is empty. A packet of N bytes
// fits when free > N: equality would make a full ring look empty.
constexpr uint32_t FreeBytes(uint32_t write_index, uint32_t read_index, uint32_t data_size) {
  return data_size - UsedBytes(write_index, read_index, data_size);
}

// Moves an index forward; bytes <= data_size.
constexpr uint32_t Advance(uint32_t index, uint32_t bytes, uint32_t data_size) {
  const uint32_t next = index + bytes;
  return next >= data_size ? next - data_size : next;
}

constexpr uint32_t RoundUpToUnit(uint32_t bytes) {
  return (bytes + kUnitBytes - 1) & ~(kUnitBytes - 1);
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_RING_LAYOUT_H_
