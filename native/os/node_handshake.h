// SPDX-License-Identifier: MIT
//
// The one message a simulated node sends to each connection before it behaves like a UIO device:
// sizes, and the memory as file descriptors. A protocol of ours, between simulated_node (guest) and
// node_server (host).
//
//   message   this struct, 48 bytes, with SCM_RIGHTS: ring memory; with monitor_id >= 0 also
//   interrupt and monitor page; with buffers also receive buffer and send buffer.
//   then      host to guest: 4 bytes, a counter: a wake.   guest to
//   host: 4 bytes, an int32: the doorbell. end of the stream = the device is rescinded.

#ifndef VMBUS_OS_NODE_HANDSHAKE_H_
#define VMBUS_OS_NODE_HANDSHAKE_H_

#include <cstddef>
#include <cstdint>

namespace vmbus::os {

inline constexpr uint32_t kHandshakeMagic = 0x4e424d56;  // "VMBN"
inline constexpr uint32_t kHandshakeVersion = 2;

// Memory beside the rings that host and guest share, and the handle that the host knows it by.
struct NodeBuffer {
  uint32_t bytes;  // 0: none
  uint32_t gpadl;
};

struct NodeHandshake {
  uint32_t magic;
  uint32_t version;
  uint32_t page_bytes;  // page size that the rings are laid out for
  uint32_t ring_bytes;  // both rings with their headers
  int32_t monitor_id;   // -1: slow channel
  NodeBuffer receive;   // both buffers or none
  NodeBuffer send;
  uint32_t reserved[3];  // 0
};
static_assert(sizeof(NodeHandshake) == 48);

// Descriptors that come along, in this order.
inline constexpr size_t kHandshakeFdsSlow = 1;
inline constexpr size_t kHandshakeFdsFast = 3;
inline constexpr size_t kHandshakeFdsBuffers = 2;

// The largest buffer that is taken: the kernel's are 31 and 16 MiB.
inline constexpr uint32_t kMostBufferBytes = 1u << 30;

}  // namespace vmbus::os

#endif  // VMBUS_OS_NODE_HANDSHAKE_H_
