// SPDX-License-Identifier: MIT
//
// A node looked up by path and held without opening it, so that looking costs nothing and what is
// opened is what was looked at. Also the way to socket paths longer than sockaddr_un allows. Called
// by: uio_device, simulated_node, listening_node, service_device, attribute_write. Source: open(2)
// O_PATH, proc(5) /proc/pid/fd, unix(7).

#ifndef VMBUS_OS_NODE_PATH_H_
#define VMBUS_OS_NODE_PATH_H_

#include <sys/stat.h>
#include <sys/un.h>

#include <string>

#include "result.h"
#include "unique_fd.h"

namespace vmbus::os {

struct FoundNode {
  UniqueFd path;  // O_PATH
  struct stat status;
};

Result<FoundNode> FindNode(const std::string& path);

// Opens what was found, with these flags and O_CLOEXEC.
Result<UniqueFd> OpenFound(const FoundNode& found, int flags);

// Another open file description of the same file: its own position, its own flock.
Result<UniqueFd> Reopen(int fd, int flags);

// Address of the socket that was found.
sockaddr_un AddressOfFound(const FoundNode& found);

// Address of `name` in the directory that `directory_fd` holds; the name alone must be short (100
// bytes).
Result<sockaddr_un> AddressInDirectory(int directory_fd, const std::string& name);

}  // namespace vmbus::os

#endif  // VMBUS_OS_NODE_PATH_H_
