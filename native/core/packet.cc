// SPDX-License-Identifier: MIT
//
// Names the rule that a packet descriptor breaks; see packet.h.

#include "packet.h"

namespace vmbus::core {

Violation CheckDescriptor(Descriptor descriptor, uint32_t used) {
  if (used < kDescriptorBytes) return Violation::kPartialDescriptor;
  if (descriptor.length8 < kDescriptorUnits) return Violation::kPacketTooShort;
  if (RingBytes(descriptor) > used) return Violation::kPacketBeyondUsed;
  if (descriptor.offset8 < kDescriptorUnits) return Violation::kPayloadOffset;
  if (descriptor.offset8 > descriptor.length8) return Violation::kPayloadOffset;
  if (descriptor.flags > kFlagCompletionRequested) return Violation::kUnknownFlag;
  if (descriptor.type == 0 || descriptor.type > kPacketLastType) return Violation::kUnknownType;
  return Violation::kNone;
}

}  // namespace vmbus::core
