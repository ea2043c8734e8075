// SPDX-License-Identifier: MIT
//
// A private copy of bytes that somebody else may change while they are read. What is decided is
// decided on the copy, and the compiler may not look at the original a second time.
// Called by: rndis_packet, transfer_reader.

#ifndef VMBUS_CORE_SHARED_COPY_UNSAFE_H_
#define VMBUS_CORE_SHARED_COPY_UNSAFE_H_

#include <cstddef>
#include <cstdint>

#include "ring_memory_unsafe.h"

namespace vmbus::core {

inline void CopyOnce(std::byte* copy, const std::byte* shared, uint32_t bytes) {
  CopyBytes(copy, shared, bytes);
  // The copy is looked at from outside here, so that it must be real, and complete.
  asm volatile("" : : "r"(copy) : "memory");
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_SHARED_COPY_UNSAFE_H_
