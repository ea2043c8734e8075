// SPDX-License-Identifier: MIT
//
// Messages with descriptors; see descriptor_message.h.

#include "descriptor_message.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vmbus::os {

namespace {

constexpr size_t kControlBytes = CMSG_SPACE(kMostDescriptors * sizeof(int));

void TakeDescriptors(msghdr* header, ReceivedMessage* received) {
  for (cmsghdr* part = CMSG_FIRSTHDR(header); part != nullptr; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      UniqueFd owned(fd);
      // Alignment leaves room for one more than was asked for.
      if (received->fd_count == kMostDescriptors) {
        received->whole = false;
      } else {
        received->fds[received->fd_count++] = std::move(owned);
      }
    }
  }
}

}  // namespace

int SendDescriptors(int socket, std::span<const std::byte> message, std::span<const int> fds) {
  if (fds.empty() || fds.size() > kMostDescriptors) return EINVAL;
  alignas(cmsghdr) char control[kControlBytes] = {};
  iovec data{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(fds.size_bytes());
  memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
  return sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

Result<ReceivedMessage> ReceiveDescriptors(int socket, std::span<std::byte> message) {
  alignas(cmsghdr) char control[kControlBytes] = {};
  iovec data{message.data(), message.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  // MSG_TRUNC: the real length, also of a message that is too long.
  const ssize_t bytes = recvmsg(socket, &header, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
  // Then the kernel has written nothing, and there are no descriptors to look for.
  if (bytes < 0) return LastErrno();
  ReceivedMessage received;
  received.bytes = static_cast<size_t>(bytes);
  received.whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  TakeDescriptors(&header, &received);
  return received;
}

}  // namespace vmbus::os
