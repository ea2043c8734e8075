// SPDX-License-Identifier: MIT
//
// A number out of bytes that need not be aligned, in the order of the machine, which is the order
// of every wire format here. Used by: rndis_packet, transfer_reader, os/frame_queue.

#ifndef VMBUS_CORE_LOAD_H_
#define VMBUS_CORE_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace vmbus::core {

// The caller has seen to it that sizeof(T) bytes are there.
template <class T = uint32_t>
T Load(const std::byte* place) {
  static_assert(std::is_unsigned_v<T>);
  T value = 0;
  std::memcpy(&value, place, sizeof(value));
  return value;
}

}  // namespace vmbus::core

#endif  // VMBUS_CORE_LOAD_H_
