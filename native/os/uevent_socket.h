// SPDX-License-Identifier: MIT
//
// Kernel uevents over netlink, as the kernel sent them; messages of other processes are dropped.
// Called by: native/binding system_functions, which watches the descriptor and calls Read when it
// is readable. Source: Linux lib/kobject_uevent.c, netlink(7).

#ifndef VMBUS_OS_UEVENT_SOCKET_H_
#define VMBUS_OS_UEVENT_SOCKET_H_

#include <cstddef>
#include <span>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

// The kernel's own buffer for one event is 2 KiB, plus the path in the header.
inline constexpr size_t kMaxUeventBytes = 8192;

Result<UniqueFd> OpenUevents();

enum class UeventRead { kMessage, kNothing, kForeign, kLost, kBroken };

struct UeventMessage {
  UeventRead what;
  size_t bytes;  // kMessage
};

// One message into `buffer`. kNothing: none there. kForeign: not the kernel's, skip it. kLost: the
// socket overflowed, events are missing. kBroken: the socket is of no use any more.
UeventMessage ReadUevent(int fd, std::span<std::byte> buffer);

}  // namespace vmbus::os

#endif  // VMBUS_OS_UEVENT_SOCKET_H_
