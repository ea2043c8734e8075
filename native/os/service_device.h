// SPDX-License-Identifier: MIT
//
// /dev/vmbus/hv_kvp, hv_vss, hv_fcopy: one whole message per read and per write. A seqpacket socket
// in their place is connected to instead. Called by: native/binding service_entry, which reads when
// the descriptor is readable: the kernel's read blocks, whatever the flags. Source: Linux
// drivers/hv/hv_utils_transport.c.

#ifndef VMBUS_OS_SERVICE_DEVICE_H_
#define VMBUS_OS_SERVICE_DEVICE_H_

#include <cstddef>
#include <span>
#include <string>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

// More than the longest message, KVP's 7432 bytes: one that fills a buffer of this size is none. A
// read that is too short is refused by the kernel.
inline constexpr size_t kMaxServiceBytes = 8192;

// Errno EBUSY: somebody has the device; of a socket the first message tells (service_server).
Result<UniqueFd> OpenServiceDevice(const std::string& path);

enum class ServiceRead { kMessage, kNothing, kGone };

struct ServiceMessage {
  ServiceRead what;
  size_t bytes;  // kMessage
};

// One message into `buffer` of kMaxServiceBytes. kGone: the service is off, or broken; the
// descriptor must be closed soon, the kernel waits for that.
ServiceMessage ReadService(int fd, std::span<std::byte> buffer);

// One message. 0 or an errno.
int WriteService(int fd, std::span<const std::byte> message);

}  // namespace vmbus::os

#endif  // VMBUS_OS_SERVICE_DEVICE_H_
