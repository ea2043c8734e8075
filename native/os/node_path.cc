// SPDX-License-Identifier: MIT
//
// Nodes by path; see node_path.h.

#include "node_path.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstring>

namespace vmbus::os {

namespace {

std::string DescriptorPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

Result<FoundNode> FindNode(const std::string& path) {
  FoundNode found{};
  found.path = UniqueFd(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!found.path.valid()) return LastErrno();
  if (fstat(found.path.get(), &found.status) != 0) return LastErrno();
  return found;
}

Result<UniqueFd> OpenFound(const FoundNode& found, int flags) {
  return Reopen(found.path.get(), flags);
}

Result<UniqueFd> Reopen(int fd, int flags) {
  UniqueFd opened(open(DescriptorPath(fd).c_str(), flags | O_CLOEXEC));
  if (!opened.valid()) return LastErrno();
  return opened;
}

sockaddr_un AddressOfFound(const FoundNode& found) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof(address.sun_path), "%s",
           DescriptorPath(found.path.get()).c_str());
  return address;
}

Result<sockaddr_un> AddressInDirectory(int directory_fd, const std::string& name) {
  const std::string path = DescriptorPath(directory_fd) + "/" + name;
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path)) return Errno{ENAMETOOLONG};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

}  // namespace vmbus::os
