// SPDX-License-Identifier: MIT
//
// Served nodes of an environment; see node_entry.h.
// Every call into the script may close the node: `closed_` is looked at after each.

#include "node_entry.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "env_state.h"

namespace vmbus::binding {

namespace {

constexpr uint64_t kMonitorPollMs = 1;  // the hypervisor's own latency is of that order
// Events taken in one turn of the loop, so that one guest cannot hold it.
constexpr int kMaxAccepts = 16;
constexpr int kMaxMessages = 16;
// So many times that many are more than a socket holds.
constexpr int kMaxRounds = 64;

}  // namespace

NodeEntry::NodeEntry(EnvState& state, std::unique_ptr<os::NodeServer> server, JsCallback on_event)
    : state_(state), server_(std::move(server)), on_event_(std::move(on_event)) {}

NodeEntry::~NodeEntry() = default;

int NodeEntry::Watch() {
  return listener_.Start(state_, server_->listening_fd(), [this] { OnConnect(); });
}

void NodeEntry::Keep(bool keep) {
  kept_ = keep;
  listener_.Keep(keep);
  for (auto& [fd, watch] : connections_) watch.Keep(keep);
}

void NodeEntry::Close() {
  if (std::exchange(closed_, true)) return;
  listener_.Stop();
  monitor_.Stop();
  state_.DropChannelsOf(this);
  server_->Close();
  for (auto& [fd, watch] : connections_) {
    watch.Stop();
    server_->Drop(fd);
  }
  connections_.clear();
}

void NodeEntry::Tell(NodeEvent event, int32_t value) {
  on_event_.Call(state_, {static_cast<double>(event), static_cast<double>(value)});
}

void NodeEntry::OnConnect() {
  const auto self = shared_from_this();
  HearOut();
  for (int i = 0; i < kMaxAccepts && !closed_; ++i) {
    auto accepted = server_->Accept();
    if (!accepted.ok() && accepted.error() == EAGAIN) return;
    if (!accepted.ok() && accepted.error() == ECONNABORTED) continue;
    if (!accepted.ok()) return listener_.Pause();
    const int fd = accepted.value().fd;
    PollWatch watch;
    if (watch.Start(state_, fd, [this, fd](bool readable) {
          if (readable) {
            OnMessage(fd);
            return;
          }
          const auto alive = shared_from_this();
          OnGone(fd);
        }) != 0) {
      server_->Drop(fd);
      continue;
    }
    watch.Keep(kept_);
    connections_.emplace(fd, std::move(watch));
    // The guest's open returns with the handshake, so the host has seen to it before, as with a
    // real one.
    if (accepted.value().first) OnOpened();
    if (!closed_ && connections_.contains(fd) && server_->Greet(fd) != 0) OnGone(fd);
  }
}

void NodeEntry::OnOpened() {
  // Nobody sets bits in the monitor page while nobody is connected.
  if (server_->is_fast()) monitor_.Start(state_, kMonitorPollMs, [this] { OnTick(); });
  Tell(NodeEvent::kOpened, 0);
}

// A guest that closed and opened again has closed first, in whatever order poll tells of it:
// without this the new connection would count as a second one, and find the rings of the old.
void NodeEntry::HearOut() {
  std::vector<int> known;
  for (const auto& [fd, watch] : connections_) known.push_back(fd);
  for (const int fd : known) {
    for (int i = 0; i < kMaxRounds && !closed_ && connections_.contains(fd); ++i) {
      if (!OnMessage(fd)) break;
    }
  }
}

bool NodeEntry::OnMessage(int connection) {
  const auto self = shared_from_this();
  for (int i = 0; i < kMaxMessages && !closed_; ++i) {
    const os::NodeServer::Message message = server_->Read(connection);
    if (message.what == os::NodeServer::Heard::kNothing) return false;
    if (message.what == os::NodeServer::Heard::kGone) {
      OnGone(connection);
      return false;
    }
    if (message.what == os::NodeServer::Heard::kMemory) continue;
    Tell(NodeEvent::kDoorbell, message.value);
  }
  return true;
}

void NodeEntry::OnGone(int connection) {
  connections_.erase(connection);
  server_->Drop(connection);
  if (server_->connection_count() > 0) return;
  monitor_.Stop();
  Tell(NodeEvent::kClosed, 0);
}

void NodeEntry::OnTick() {
  const auto self = shared_from_this();
  if (server_->TakeMonitorSignals()) Tell(NodeEvent::kDoorbell, 1);
}

}  // namespace vmbus::binding
