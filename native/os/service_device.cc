// SPDX-License-Identifier: MIT
//
// Service devices; see service_device.h.

#include "service_device.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node_path.h"

namespace vmbus::os {

namespace {

Result<UniqueFd> Connect(const FoundNode& found) {
  UniqueFd node(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!node.valid()) return LastErrno();
  const sockaddr_un address = AddressOfFound(found);
  const auto* target = reinterpret_cast<const sockaddr*>(&address);
  if (connect(node.get(), target, sizeof(address)) != 0) return LastErrno();
  return node;
}

}  // namespace

Result<UniqueFd> OpenServiceDevice(const std::string& path) {
  Result<FoundNode> found = FindNode(path);
  if (!found.ok()) return Errno{found.error()};
  const mode_t mode = found.value().status.st_mode;
  if (S_ISSOCK(mode)) return Connect(found.value());
  // A read of anything else would not be a message.
  if (!S_ISCHR(mode)) return Errno{ENODEV};
  return OpenFound(found.value(), O_RDWR);
}

ServiceMessage ReadService(int fd, std::span<std::byte> buffer) {
  pollfd entry{fd, POLLIN, 0};
  if (poll(&entry, 1, 0) < 0)
    return {errno == EINTR ? ServiceRead::kNothing : ServiceRead::kGone, 0};
  if ((entry.revents & POLLIN) == 0) {
    const bool broken = (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    return {broken ? ServiceRead::kGone : ServiceRead::kNothing, 0};
  }
  ssize_t count = read(fd, buffer.data(), buffer.size());
  // A socket whose peer has left without hearing us out says that first, once; what it said before
  // is still there.
  if (count < 0 && errno == ECONNRESET) count = read(fd, buffer.data(), buffer.size());
  // A socket cuts off what does not fit, without a word.
  if (count == static_cast<ssize_t>(buffer.size())) return {ServiceRead::kGone, 0};
  if (count > 0) return {ServiceRead::kMessage, static_cast<size_t>(count)};
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {ServiceRead::kNothing, 0};
  return {ServiceRead::kGone, 0};
}

int WriteService(int fd, std::span<const std::byte> message) {
  for (;;) {
    const ssize_t count = write(fd, message.data(), message.size());
    if (count == static_cast<ssize_t>(message.size())) return 0;
    if (count >= 0) return EIO;
    if (errno != EINTR) return errno;
  }
}

}  // namespace vmbus::os
