// SPDX-License-Identifier: MIT
//
// What a peer can do wrong on a ring. Any violation is final: the channel is dead and gets closed.
// Used by: ring_reader, ring_writer, packet; the numbers go through native/binding to
// lib/errors.ts, so they never change.

#ifndef VMBUS_CORE_VIOLATION_H_
#define VMBUS_CORE_VIOLATION_H_

#include <cstdint>

namespace vmbus::core {

enum class Violation : int32_t {
  kNone = 0,
  kGeometry = 1,              // the memory is no ring: size 0, not a multiple of 8, or absurd
  kWriteIndexRange = 2,       // write_index outside the data area
  kWriteIndexAlignment = 3,   // write_index not a multiple of 8
  kReadIndexRange = 4,        // read_index outside the data area
  kReadIndexAlignment = 5,    // read_index not a multiple of 8
  kWriteIndexBackwards = 6,   // write_index moved into bytes that were not free
  kReadIndexBeyondWrite = 7,  // read_index moved over bytes that were never published
  kPartialDescriptor = 8,     // less than a descriptor between the indices
  kPacketTooShort = 9,        // packet length smaller than its descriptor
  kPacketBeyondUsed = 10,     // packet reaches beyond what was published
  kPayloadOffset = 11,        // payload starts inside the descriptor or after the packet
  kUnknownFlag = 12,          // a flag bit nobody defined
  kUnknownType = 13,          // a packet type nobody defined
};

constexpr const char* ViolationName(Violation violation) {
  switch (violation) {
    case Violation::kNone:
      return "none";
    case Violation::kGeometry:
      return "ring memory has no usable size";
    case Violation::kWriteIndexRange:
      return "write index out of range";
    case Violation::kWriteIndexAlignment:
      return "write index misaligned";
    case Violation::kReadIndexRange:
      return "read index out of range";
    case Violation::kReadIndexAlignment:
      return "read index misaligned";
    case Violation::kWriteIndexBackwards:
      return "write index moved backwards";
    case Violation::kReadIndexBeyondWrite:
      return "read index beyond published bytes";
    case Violation::kPartialDescriptor:
      return "less than a packet descriptor published";
    case Violation::kPacketTooShort:
      return "packet shorter than its descriptor";
    case Violation::kPacketBeyondUsed:
      return "packet longer than the published bytes";
    case Violation::kPayloadOffset:
      return "payload offset out of range";
    case Violation::kUnknownFlag:
      return "unknown packet flag";
    case Violation::kUnknownType:
      return "unknown packet type";
  }
  return "unknown violation";
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_VIOLATION_H_
