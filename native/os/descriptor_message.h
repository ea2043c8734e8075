// SPDX-License-Identifier: MIT
//
// One message of a seqpacket socket with file descriptors, sent and received without waiting. All
// that came are taken and owned at once, so that none is lost whatever else is wrong with them.
// Called by: memory_share, node_server, simulated_node. Source: unix(7) SCM_RIGHTS, recvmsg(2).

#ifndef VMBUS_OS_DESCRIPTOR_MESSAGE_H_
#define VMBUS_OS_DESCRIPTOR_MESSAGE_H_

#include <array>
#include <cstddef>
#include <span>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

// As many as any message of ours has.
inline constexpr size_t kMostDescriptors = 5;

// 0 or an errno. EINVAL: more descriptors than that.
int SendDescriptors(int socket, std::span<const std::byte> message, std::span<const int> fds);

struct ReceivedMessage {
  size_t bytes = 0;   // as it was sent, also where there was less room; 0: the end of the stream
  bool whole = true;  // false: bytes or descriptors did not fit
  size_t fd_count = 0;
  std::array<UniqueFd, kMostDescriptors> fds;
};

// Fills `message` from its start.
Result<ReceivedMessage> ReceiveDescriptors(int socket, std::span<std::byte> message);

}  // namespace vmbus::os

#endif  // VMBUS_OS_DESCRIPTOR_MESSAGE_H_
