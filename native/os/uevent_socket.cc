// SPDX-License-Identifier: MIT
//
// Uevents; see uevent_socket.h.

#include "uevent_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

namespace vmbus::os {

namespace {

constexpr unsigned kKernelGroup = 1;  // 2 is udev's, sent by a process
constexpr int kReceiveBytes =
    1024 * 1024;  // a host that adds many channels at once sends hundreds of events

}  // namespace

Result<UniqueFd> OpenUevents() {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!fd.valid()) return LastErrno();
  // Beyond the system's limit as root, up to it otherwise; less buffer is no error.
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof(kReceiveBytes)) !=
      0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof(kReceiveBytes));
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kKernelGroup;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return LastErrno();
  }
  return fd;
}

UeventMessage ReadUevent(int fd, std::span<std::byte> buffer) {
  sockaddr_nl sender{};
  socklen_t sender_bytes = sizeof(sender);
  const ssize_t received = recvfrom(fd, buffer.data(), buffer.size(), MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_bytes);
  if (received < 0) {
    if (errno == ENOBUFS) return {UeventRead::kLost, 0};
    if (errno == EAGAIN || errno == EINTR) return {UeventRead::kNothing, 0};
    return {UeventRead::kBroken, 0};
  }
  // Any process with the right may send to a group; only the kernel has port id 0.
  if (sender_bytes != sizeof(sender) || sender.nl_pid != 0) return {UeventRead::kForeign, 0};
  const auto bytes = static_cast<size_t>(received);
  if (bytes == 0 || bytes > buffer.size()) return {UeventRead::kForeign, 0};
  return {UeventRead::kMessage, bytes};
}

}  // namespace vmbus::os
