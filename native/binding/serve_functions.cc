// SPDX-License-Identifier: MIT
//
// The simulated host's end: serving nodes, their rings, the host's ends of the channels.
// Called by: lib/host through lib/native/binding.ts. Calls: node_entry, os/node_server.

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "../os/doorbell.h"
#include "../os/node_server.h"
#include "../os/status.h"
#include "arguments.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"
#include "node_entry.h"

namespace vmbus::binding {

namespace {

constexpr int64_t kMaxRingBytes = UINT32_MAX;
constexpr int64_t kMaxRing = INT32_MAX;
constexpr int64_t kMaxAddress = (int64_t{1} << 53) - 1;

Napi::Value ServeNode(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto path = arguments.Text(0, "path");
  if (!path) return {};
  const auto bytes = arguments.Integer(1, "ringBytes", 0, kMaxRingBytes);
  if (!bytes) return {};
  const auto monitor_id = arguments.Integer(2, "monitorId", -1, os::kMaxMonitorId);
  if (!monitor_id) return {};
  auto on_event = arguments.Function(3, "onEvent");
  if (!on_event) return {};
  EnvState& state = arguments.state();
  auto server =
      os::NodeServer::Listen(*path, static_cast<uint64_t>(*bytes), static_cast<int>(*monitor_id));
  if (!server.ok()) return arguments.Number(-server.error());
  auto entry = std::make_shared<NodeEntry>(state, server.Take(), std::move(*on_event));
  return arguments.Number(Enter(entry, state.nodes));
}

// The node of the first argument; null when it is closed, nothing with an exception pending.
std::optional<NodeEntry*> ReadNode(const Arguments& arguments) {
  const auto handle = arguments.Handle(0);
  if (!handle) return std::nullopt;
  return arguments.state().nodes.Find(*handle);
}

Napi::Value AddRing(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto node = ReadNode(arguments);
  if (!node) return {};
  const auto bytes = arguments.Integer(1, "ringBytes", 0, kMaxRingBytes);
  if (!bytes) return {};
  const auto monitor_id = arguments.Integer(2, "monitorId", -1, os::kMaxMonitorId);
  if (!monitor_id) return {};
  if (*node == nullptr) return arguments.Number(os::kClosed);
  auto ring =
      (*node)->server().AddRing(static_cast<uint64_t>(*bytes), static_cast<int>(*monitor_id));
  return arguments.Number(ring.ok() ? ring.value() : -ring.error());
}

// The node and the ring that the first two arguments name; the node is null when it is closed.
struct NamedRing {
  NodeEntry* node;
  int ring;
};
std::optional<NamedRing> ReadRing(const Arguments& arguments) {
  const auto node = ReadNode(arguments);
  if (!node) return std::nullopt;
  const auto ring = arguments.Integer(1, "ring", 0, kMaxRing);
  if (!ring) return std::nullopt;
  return NamedRing{*node, static_cast<int>(*ring)};
}

void RemoveRing(const Napi::CallbackInfo& info) {
  const auto named = ReadRing(Arguments(info));
  if (named && named->node != nullptr) named->node->server().RemoveRing(named->ring);
}

Napi::Value RingDescriptor(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto named = ReadRing(arguments);
  if (!named) return {};
  if (named->node == nullptr) return arguments.Number(os::kClosed);
  const int fd = named->node->server().RingDescriptor(named->ring);
  return arguments.Number(fd < 0 ? -ENOENT : fd);
}

Napi::Value AttachHost(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto named = ReadRing(arguments);
  if (!named) return {};
  if (named->node == nullptr) return arguments.Number(os::kClosed);
  std::shared_ptr<os::Channel> channel = named->node->server().Host(named->ring);
  if (channel == nullptr) return arguments.Number(-ENOENT);
  return arguments.Number(arguments.state().AddChannel(std::move(channel), named->node));
}

Napi::Value ResetRing(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto named = ReadRing(arguments);
  if (!named) return {};
  if (named->node == nullptr) return arguments.Number(os::kClosed);
  const std::shared_ptr<os::Channel> channel = named->node->server().Host(named->ring);
  return arguments.Number(channel == nullptr ? -ENOENT : channel->Reset());
}

// shareBuffers(node, receiveMemory, receiveGpadl, sendMemory, sendGpadl)
Napi::Value ShareBuffers(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto node = ReadNode(arguments);
  if (!node) return {};
  os::NodeServer::Buffer buffers[2];
  for (size_t i = 0; i < 2; ++i) {
    const auto memory = arguments.Handle(1 + 2 * i);
    if (!memory) return {};
    const auto gpadl = arguments.Integer(2 + 2 * i, "gpadl", 0, UINT32_MAX);
    if (!gpadl) return {};
    buffers[i] = {arguments.state().memories.Share(*memory), static_cast<uint32_t>(*gpadl)};
  }
  if (*node == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number(
      -(*node)->server().ShareBuffers(std::move(buffers[0]), std::move(buffers[1])));
}

Napi::Value ReadShown(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto node = ReadNode(arguments);
  if (!node) return {};
  const auto address = arguments.Integer(1, "address", 0, kMaxAddress);
  if (!address) return {};
  const auto target = arguments.Bytes(2, "target");
  if (!target) return {};
  if (*node == nullptr) return arguments.Number(os::kClosed);
  const os::ShownMemory& memory = (*node)->server().memory();
  return arguments.Number(memory.Read(static_cast<uint64_t>(*address), *target) ? 0 : -EFAULT);
}

Napi::Value WriteShown(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto node = ReadNode(arguments);
  if (!node) return {};
  const auto address = arguments.Integer(1, "address", 0, kMaxAddress);
  if (!address) return {};
  const auto source = arguments.Bytes(2, "source");
  if (!source) return {};
  if (*node == nullptr) return arguments.Number(os::kClosed);
  os::ShownMemory& memory = (*node)->server().memory();
  return arguments.Number(memory.Write(static_cast<uint64_t>(*address), *source) ? 0 : -EFAULT);
}

void WakeGuest(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto node = ReadNode(arguments);
  if (node && *node != nullptr) (*node)->server().Wake();
}

void CloseNode(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const std::shared_ptr<NodeEntry> node = arguments.state().nodes.Remove(*handle);
  if (node != nullptr) node->Close();
}

void RefNode(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto node = ReadNode(arguments);
  if (!node) return;
  const auto keep = arguments.Boolean(1, "keep");
  if (keep && *node != nullptr) (*node)->Keep(*keep);
}

}  // namespace

void AddServeFunctions(Exports& exports) {
  exports.Add<ServeNode>("serveNode");
  exports.Add<AddRing>("addRing");
  exports.Add<RemoveRing>("removeRing");
  exports.Add<RingDescriptor>("ringDescriptor");
  exports.Add<AttachHost>("attachHost");
  exports.Add<ShareBuffers>("shareBuffers");
  exports.Add<ResetRing>("resetRing");
  exports.Add<ReadShown>("readShown");
  exports.Add<WriteShown>("writeShown");
  exports.Add<WakeGuest>("wakeGuest");
  exports.Add<CloseNode>("closeNode");
  exports.Add<RefNode>("refNode");
}

}  // namespace vmbus::binding
