// SPDX-License-Identifier: MIT
//
// Showing memory to a simulated host; see memory_share.h.

#include "memory_share.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vmbus::os {

namespace {

constexpr size_t kFramesOfBlock = kHugePageBytes / kFrameBytes;
// Beyond what a machine can have: 52 bits of address.
constexpr uint64_t kMostFrame = uint64_t{1} << 40;

}  // namespace

Result<UniqueFd> OfferMemory(int node, const DmaMemory& memory) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return LastErrno();
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  MemoryOffer offer{kMemoryMagic, kMemoryVersion, memory.size()};
  const int fds[kMemoryOfferFds] = {memory.memory_fd(), theirs.get()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
  iovec data{&offer, sizeof(offer)};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(fds));
  memcpy(CMSG_DATA(part), fds, sizeof(fds));
  if (sendmsg(node, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return LastErrno();
  return ours;
}

int AwaitFrames(int answer, int timeout_ms, DmaMemory& memory) {
  pollfd entry{answer, POLLIN, 0};
  int count = 0;
  do {
    count = poll(&entry, 1, timeout_ms);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return errno;
  if (count == 0) return ETIMEDOUT;

  MemoryAnswer said{};
  std::vector<uint64_t> blocks(memory.size() / kHugePageBytes);
  iovec parts[] = {{&said, sizeof(said)}, {blocks.data(), blocks.size() * sizeof(uint64_t)}};
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = 2;
  const ssize_t received = recvmsg(answer, &header, MSG_DONTWAIT);
  if (received < 0) return errno;
  if (received == 0) return ECONNRESET;
  const auto bytes = static_cast<size_t>(received);
  if (bytes < sizeof(said) || said.magic != kMemoryMagic || said.error < 0) return EPROTO;
  if (said.error != 0) return said.error;
  const bool whole = bytes == sizeof(said) + blocks.size() * sizeof(uint64_t);
  if (!whole || (header.msg_flags & MSG_TRUNC) != 0) return EPROTO;

  std::vector<uint64_t> frames;
  frames.reserve(blocks.size() * kFramesOfBlock);
  for (const uint64_t first : blocks) {
    if (first >= kMostFrame - kFramesOfBlock) return EPROTO;
    for (size_t i = 0; i < kFramesOfBlock; ++i) frames.push_back(first + i);
  }
  return memory.SetFrames(std::move(frames)) ? 0 : EINVAL;
}

void AnswerOffer(int answer, int error, std::span<const uint64_t> blocks) {
  MemoryAnswer said{kMemoryMagic, error};
  iovec parts[] = {{&said, sizeof(said)},
                   {const_cast<uint64_t*>(blocks.data()), blocks.size_bytes()}};
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = blocks.empty() ? 1 : 2;
  static_cast<void>(sendmsg(answer, &header, MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace vmbus::os
