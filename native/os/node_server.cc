// SPDX-License-Identifier: MIT
//
// Served nodes; see node_server.h.

#include "node_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <span>
#include <utility>

#include "descriptor_message.h"
#include "doorbell.h"
#include "node_handshake.h"
#include "node_path.h"
#include "sealed_memory.h"

namespace vmbus::os {

namespace {

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// The host's signal to the guest. The server outlives every open host end: it closes them.
class WakeDoorbell final : public Doorbell {
 public:
  explicit WakeDoorbell(NodeServer* server) : server_(server) {}
  void Ring() override { server_->Wake(); }

 private:
  NodeServer* server_;
};

NodeBuffer HandshakeOf(const NodeServer::Buffer& buffer) {
  if (buffer.memory == nullptr) return {};
  return {static_cast<uint32_t>(buffer.memory->bytes()), buffer.gpadl};
}

}  // namespace

Result<std::unique_ptr<NodeServer>> NodeServer::Listen(const std::string& path, uint64_t ring_bytes,
                                                       int monitor_id) {
  std::unique_ptr<NodeServer> server(new NodeServer);
  if (monitor_id < -1 || monitor_id > kMaxMonitorId) return Errno{EINVAL};
  server->ring_bytes_ = ring_bytes;
  if (monitor_id >= 0) {
    if (const int error = server->MakePages(); error != 0) return Errno{error};
  }
  const Result<int> primary = server->AddRing(ring_bytes, monitor_id);
  if (!primary.ok()) return Errno{primary.error()};

  Result<ListeningNode> listener = ListeningNode::Listen(path);
  if (!listener.ok()) return Errno{listener.error()};
  server->listener_ = listener.Take();
  return server;
}

NodeServer::~NodeServer() { Close(); }

int NodeServer::MakePages() {
  for (auto [memory, page] : {std::pair{&interrupt_memory_, &interrupt_page_},
                              std::pair{&monitor_memory_, &monitor_page_}}) {
    Result<UniqueFd> made = MakeSealedMemory("vmbus-page", PageSize());
    if (!made.ok()) return made.error();
    *memory = made.Take();
    Result<Mapping> mapped = Mapping::Map(memory->get(), PageSize(), 0, link_);
    if (!mapped.ok()) return mapped.error();
    *page = mapped.Take();
  }
  return 0;
}

Result<NodeServer::Ring> NodeServer::MakeRing(uint64_t ring_bytes, int monitor_id) {
  if (!IsRingPairSize(ring_bytes) || ring_bytes > UINT32_MAX) return Errno{EINVAL};
  if (monitor_id < -1 || monitor_id > kMaxMonitorId) return Errno{EINVAL};
  if (monitor_id >= 0 && !is_fast()) return Errno{ENOTSUP};
  const auto bytes = static_cast<size_t>(ring_bytes);
  Result<UniqueFd> memory = MakeSealedMemory("vmbus-rings", bytes);
  if (!memory.ok()) return Errno{memory.error()};
  Result<Mapping> mapping = Mapping::Map(memory.value().get(), bytes, 0, link_);
  if (!mapping.ok()) return Errno{mapping.error()};
  auto host = std::make_shared<Channel>(mapping.Take(), End::kHost,
                                        std::make_unique<WakeDoorbell>(this), link_);
  static_cast<void>(host->Reset());
  return Ring{memory.Take(), std::move(host), monitor_id};
}

Result<int> NodeServer::AddRing(uint64_t ring_bytes, int monitor_id) {
  Result<Ring> made = MakeRing(ring_bytes, monitor_id);
  if (!made.ok()) return Errno{made.error()};
  rings_.emplace(next_ring_, made.Take());
  return next_ring_++;
}

int NodeServer::ShareBuffers(Buffer receive, Buffer send) {
  for (const Buffer* buffer : {&receive, &send}) {
    const uint64_t bytes = buffer->memory == nullptr ? 0 : buffer->memory->bytes();
    if (bytes == 0 || bytes % PageSize() != 0 || bytes > kMostBufferBytes) return EINVAL;
  }
  receive_ = std::move(receive);
  send_ = std::move(send);
  return 0;
}

void NodeServer::RemoveRing(int ring) {
  const auto found = rings_.find(ring);
  if (ring == 0 || found == rings_.end()) return;
  found->second.host->Close();
  rings_.erase(found);
}

int NodeServer::RingDescriptor(int ring) const {
  const auto found = rings_.find(ring);
  return found == rings_.end() ? -1 : found->second.memory.get();
}

std::shared_ptr<Channel> NodeServer::Host(int ring) {
  const auto found = rings_.find(ring);
  return found == rings_.end() ? nullptr : found->second.host;
}

Result<NodeServer::Accepted> NodeServer::Accept() {
  Result<UniqueFd> accepted = listener_.Accept();
  if (!accepted.ok()) return Errno{accepted.error()};
  UniqueFd fd = accepted.Take();
  if (connections_.size() >= kMaxConnections) return Errno{ECONNABORTED};
  const bool first = connections_.empty();
  if (first) static_cast<void>(rings_.at(0).host->Reset());
  const int number = fd.get();
  connections_.emplace(number, Connection{std::move(fd), false});
  return Accepted{number, first};
}

int NodeServer::Greet(int connection_fd) {
  const auto found = connections_.find(connection_fd);
  if (found == connections_.end()) return EBADF;
  const int error = SendHandshake(connection_fd);
  found->second.greeted = error == 0;
  return error;
}

int NodeServer::SendHandshake(int fd) const {
  const Ring& primary = rings_.at(0);
  NodeHandshake message{kHandshakeMagic,
                        kHandshakeVersion,
                        static_cast<uint32_t>(PageSize()),
                        static_cast<uint32_t>(ring_bytes_),
                        primary.monitor_id,
                        HandshakeOf(receive_),
                        HandshakeOf(send_),
                        {}};
  // A description of its own for each connection, so that the guests can lock each other out; ours
  // goes at once.
  Result<UniqueFd> rings = Reopen(primary.memory.get(), O_RDWR);
  if (!rings.ok()) return rings.error();
  std::array<int, kMostDescriptors> fds = {rings.value().get()};
  static_assert(kHandshakeFdsFast + kHandshakeFdsBuffers <= kMostDescriptors);
  size_t count = kHandshakeFdsSlow;
  if (primary.monitor_id >= 0) {
    fds[count++] = interrupt_memory_.get();
    fds[count++] = monitor_memory_.get();
  }
  if (receive_.memory != nullptr) {
    fds[count++] = receive_.memory->fd();
    fds[count++] = send_.memory->fd();
  }
  return SendDescriptors(fd, std::as_bytes(std::span(&message, 1)), std::span(fds).first(count));
}

NodeServer::Message NodeServer::Read(int connection_fd) {
  union {
    int32_t doorbell;
    MemoryOffer offer;
  } said{};
  Result<ReceivedMessage> received =
      ReceiveDescriptors(connection_fd, std::as_writable_bytes(std::span(&said, 1)));
  if (!received.ok() && (received.error() == EAGAIN || received.error() == EINTR)) {
    return {Heard::kNothing, 0};
  }
  // What the kernel answers with EINVAL has no answer here: a guest that cannot count to 4 is
  // dropped.
  if (!received.ok() || !received.value().whole) return {Heard::kGone, 0};
  ReceivedMessage& message = received.value();
  if (message.bytes == sizeof(said.offer) && message.fd_count == kMemoryOfferFds) {
    return TakeOffer(connection_fd, said.offer, std::move(message.fds[0]),
                     std::move(message.fds[1]));
  }
  if (message.bytes != sizeof(said.doorbell)) return {Heard::kGone, 0};
  link_->wakes.fetch_add(1, std::memory_order_relaxed);
  return {Heard::kDoorbell, said.doorbell};
}

NodeServer::Message NodeServer::TakeOffer(int connection_fd, const MemoryOffer& offer,
                                          UniqueFd memory, UniqueFd answer) {
  const bool valid = offer.magic == kMemoryMagic && offer.version == kMemoryVersion;
  if (!valid) return {Heard::kGone, 0};
  Result<std::vector<uint64_t>> blocks = memory_.Add(connection_fd, std::move(memory), offer.bytes);
  if (blocks.ok()) {
    AnswerOffer(answer.get(), 0, blocks.value());
  } else {
    AnswerOffer(answer.get(), blocks.error(), {});
  }
  return {Heard::kMemory, 0};
}

void NodeServer::Drop(int connection_fd) {
  memory_.Drop(connection_fd);
  connections_.erase(connection_fd);
}

void NodeServer::Wake() {
  wake_count_ += 1;
  for (const auto& [number, connection] : connections_) {
    if (!connection.greeted) continue;
    // A broken connection shows in its poll.
    static_cast<void>(send(number, &wake_count_, sizeof(wake_count_), MSG_NOSIGNAL | MSG_DONTWAIT));
  }
}

bool NodeServer::TakeMonitorSignals() {
  bool any = false;
  for (const auto& [number, ring] : rings_) {
    if (ring.monitor_id >= 0 && TakeMonitorBit(monitor_page_.data(), ring.monitor_id)) any = true;
  }
  if (!any) return false;
  ClearInterruptBits(interrupt_page_.data());
  link_->wakes.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void NodeServer::Close() {
  for (auto& [number, ring] : rings_) ring.host->Close();
  listener_.Close();
  interrupt_page_.Unmap();
  monitor_page_.Unmap();
  rings_.clear();
  memory_.Clear();
}

}  // namespace vmbus::os
