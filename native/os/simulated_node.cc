// SPDX-License-Identifier: MIT
//
// The guest's end of simulated nodes; see simulated_node.h.

#include "simulated_node.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <span>
#include <utility>

#include "channel.h"
#include "descriptor_message.h"
#include "doorbell.h"
#include "node_handshake.h"
#include "sealed_memory.h"

namespace vmbus::os {

namespace {

constexpr int kRetryMs = 5;  // between two tries at a full backlog

int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// 0 when readable, else an errno.
int WaitReadable(int fd, int64_t deadline) {
  for (;;) {
    const int64_t left = deadline - NowMs();
    if (left <= 0) return ETIMEDOUT;
    pollfd entry{fd, POLLIN, 0};
    const int count = poll(&entry, 1, static_cast<int>(left));
    if (count > 0) return 0;
    if (count < 0 && errno != EINTR) return errno;
  }
}

Result<UniqueFd> Connect(const FoundNode& found, int64_t deadline) {
  UniqueFd node(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!node.valid()) return LastErrno();
  const sockaddr_un address = AddressOfFound(found);
  while (connect(node.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno != EAGAIN && errno != EINTR) return LastErrno();
    if (NowMs() >= deadline) return Errno{ETIMEDOUT};
    poll(nullptr, 0, kRetryMs);
  }
  return node;
}

struct Answer {
  NodeHandshake message{};
  std::array<UniqueFd, kMostDescriptors> fds;
  size_t fd_count = 0;
};

std::variant<Answer, OpenFailure> Receive(int node, int64_t deadline) {
  if (const int error = WaitReadable(node, deadline); error != 0) {
    return OpenFailure{error, OpenStage::kConnect};
  }
  Answer answer;
  auto received = ReceiveDescriptors(node, std::as_writable_bytes(std::span(&answer.message, 1)));
  if (!received.ok()) return OpenFailure{received.error(), OpenStage::kConnect};
  ReceivedMessage message = received.Take();
  if (message.bytes == 0) return OpenFailure{ECONNRESET, OpenStage::kConnect};
  if (!message.whole || message.bytes != sizeof(answer.message)) {
    return OpenFailure{EPROTO, OpenStage::kHandshake};
  }
  answer.fds = std::move(message.fds);
  answer.fd_count = message.fd_count;
  return answer;
}

// Both buffers or none, in whole pages.
bool AreBuffersValid(const NodeHandshake& message, uint32_t page) {
  if (message.receive.bytes == 0 && message.send.bytes == 0) return true;
  const auto is_size = [page](uint32_t bytes) {
    return bytes != 0 && bytes % page == 0 && bytes <= kMostBufferBytes;
  };
  return is_size(message.receive.bytes) && is_size(message.send.bytes);
}

// Where the buffers' descriptors begin.
size_t FirstBufferFd(const NodeHandshake& message) {
  return message.monitor_id >= 0 ? kHandshakeFdsFast : kHandshakeFdsSlow;
}

bool IsValid(const Answer& answer) {
  const NodeHandshake& message = answer.message;
  const auto page = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
  if (message.magic != kHandshakeMagic || message.version != kHandshakeVersion) return false;
  if (message.page_bytes != page || !IsRingPairSize(message.ring_bytes)) return false;
  if (message.monitor_id < -1 || message.monitor_id > kMaxMonitorId) return false;
  if (!AreBuffersValid(message, page)) return false;
  const bool fast = message.monitor_id >= 0;
  const bool buffered = message.receive.bytes != 0;
  const size_t first = FirstBufferFd(message);
  if (answer.fd_count != first + (buffered ? kHandshakeFdsBuffers : 0)) return false;
  if (buffered) {
    if (!IsSealedMemory(answer.fds[first], message.receive.bytes)) return false;
    if (!IsSealedMemory(answer.fds[first + 1], message.send.bytes)) return false;
  }
  if (!IsSealedMemory(answer.fds[0], message.ring_bytes)) return false;
  return !fast || (IsSealedMemory(answer.fds[1], page) && IsSealedMemory(answer.fds[2], page));
}

// 0 or an errno.
int MapBuffers(const Answer& answer, const BufferPlan& plan, OpenedNode* opened) {
  const NodeHandshake& message = answer.message;
  if (!plan.wanted()) return 0;
  if (message.receive.bytes == 0) return ENODATA;
  const bool same =
      message.receive.bytes == plan.receive_bytes && message.send.bytes == plan.send_bytes &&
      message.receive.gpadl == plan.receive_handle && message.send.gpadl == plan.send_handle;
  if (!same) return EPROTO;
  const size_t at = FirstBufferFd(message);
  Result<Mapping> receive =
      Mapping::Map(answer.fds[at].get(), message.receive.bytes, 0, opened->link);
  if (!receive.ok()) return receive.error();
  Result<Mapping> send =
      Mapping::Map(answer.fds[at + 1].get(), message.send.bytes, 0, opened->link);
  if (!send.ok()) return send.error();
  opened->receive_buffer = receive.Take();
  opened->send_buffer = send.Take();
  return 0;
}

OpenResult MapAnswer(OpenedNode opened, Answer answer, const BufferPlan& buffers) {
  Result<Mapping> rings =
      Mapping::Map(answer.fds[0].get(), answer.message.ring_bytes, 0, opened.link);
  if (!rings.ok()) return OpenFailure{rings.error(), OpenStage::kMapRing};
  opened.rings = rings.Take();
  if (const int error = MapBuffers(answer, buffers, &opened); error != 0) {
    return OpenFailure{error, OpenStage::kMapBuffers};
  }
  opened.lock = std::move(answer.fds[0]);
  opened.monitor_id = answer.message.monitor_id;
  if (opened.monitor_id < 0) return opened;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  Result<Mapping> interrupts = Mapping::Map(answer.fds[1].get(), page, 0, opened.link);
  if (!interrupts.ok()) return OpenFailure{interrupts.error(), OpenStage::kMapPages};
  opened.interrupt_page.page = interrupts.Take();
  Result<Mapping> monitor = Mapping::Map(answer.fds[2].get(), page, 0, opened.link);
  if (!monitor.ok()) return OpenFailure{monitor.error(), OpenStage::kMapPages};
  opened.monitor_page.page = monitor.Take();
  return opened;
}

}  // namespace

OpenResult ConnectSimulatedNode(const FoundNode& found, const OpenPlan& plan) {
  const int64_t deadline = NowMs() + plan.timeout_ms;
  OpenedNode opened;
  opened.kind = NodeKind::kSimulated;
  opened.link = std::make_shared<LinkState>();
  Result<UniqueFd> node = Connect(found, deadline);
  if (!node.ok()) return OpenFailure{node.error(), OpenStage::kConnect};
  opened.node = node.Take();

  std::variant<Answer, OpenFailure> received = Receive(opened.node.get(), deadline);
  if (const auto* failure = std::get_if<OpenFailure>(&received)) return *failure;
  auto& answer = *std::get_if<Answer>(&received);
  if (!IsValid(answer)) return OpenFailure{EPROTO, OpenStage::kHandshake};
  // The host hands out an open file description of its own per connection, so the lock is ours
  // alone.
  if (plan.exclusive && flock(answer.fds[0].get(), LOCK_EX | LOCK_NB) != 0) {
    return OpenFailure{errno, OpenStage::kLock};
  }
  return MapAnswer(std::move(opened), std::move(answer), plan.buffers);
}

Result<UniqueFd> ReconnectSimulatedNode(const FoundNode& found, int timeout_ms) {
  const int64_t deadline = NowMs() + timeout_ms;
  Result<UniqueFd> node = Connect(found, deadline);
  if (!node.ok()) return node;
  std::variant<Answer, OpenFailure> received = Receive(node.value().get(), deadline);
  if (const auto* failure = std::get_if<OpenFailure>(&received)) return Errno{failure->error};
  if (!IsValid(*std::get_if<Answer>(&received))) return Errno{EPROTO};
  return node;
}

}  // namespace vmbus::os
