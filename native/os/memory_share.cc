// SPDX-License-Identifier: MIT
//
// Showing memory to a simulated host; see memory_share.h.

#include "memory_share.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

#include "descriptor_message.h"

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
  const MemoryOffer offer{kMemoryMagic, kMemoryVersion, memory.size()};
  const std::array<int, kMemoryOfferFds> fds = {memory.memory_fd(), theirs.get()};
  const int error = SendDescriptors(node, std::as_bytes(std::span(&offer, 1)), fds);
  if (error != 0) return Errno{error};
  return ours;
}

Result<std::vector<uint64_t>> AwaitFrames(int answer, int timeout_ms, size_t bytes) {
  pollfd entry{answer, POLLIN, 0};
  int count = 0;
  do {
    count = poll(&entry, 1, timeout_ms);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return LastErrno();
  if (count == 0) return Errno{ETIMEDOUT};

  MemoryAnswer said{};
  std::vector<uint64_t> blocks(bytes / kHugePageBytes);
  iovec parts[] = {{&said, sizeof(said)}, {blocks.data(), blocks.size() * sizeof(uint64_t)}};
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = 2;
  const ssize_t received = recvmsg(answer, &header, MSG_DONTWAIT);
  if (received < 0) return LastErrno();
  if (received == 0) return Errno{ECONNRESET};
  const auto length = static_cast<size_t>(received);
  if (length < sizeof(said) || said.magic != kMemoryMagic || said.error < 0) return Errno{EPROTO};
  if (said.error != 0) return Errno{said.error};
  const bool whole = length == sizeof(said) + blocks.size() * sizeof(uint64_t);
  if (!whole || (header.msg_flags & MSG_TRUNC) != 0) return Errno{EPROTO};

  std::vector<uint64_t> frames;
  frames.reserve(blocks.size() * kFramesOfBlock);
  for (const uint64_t first : blocks) {
    if (first >= kMostFrame - kFramesOfBlock) return Errno{EPROTO};
    for (size_t i = 0; i < kFramesOfBlock; ++i) frames.push_back(first + i);
  }
  return frames;
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
