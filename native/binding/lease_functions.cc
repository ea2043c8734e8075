// SPDX-License-Identifier: MIT
//
// openLease, attachLease, closeLease and what asks about a lease; attaching channels to one.
// Called by: lib/channel through lib/native/binding.ts. Calls: lease_entry, os/lease.

#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "../os/doorbell.h"
#include "../os/lease.h"
#include "../os/node_handshake.h"
#include "../os/status.h"
#include "arguments.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"
#include "lease_entry.h"
#include "lease_work.h"

namespace vmbus::binding {

namespace {

constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;
constexpr size_t kInspectWords = 9;

// Nothing with an exception pending; an empty plan where none are wanted.
std::optional<os::BufferPlan> ReadBuffers(const Arguments& arguments, Napi::Object plan) {
  os::BufferPlan buffers;
  const Napi::Value value = plan.Get("buffers");
  if (!value.IsEmpty() && value.IsUndefined()) return buffers;
  const auto object = arguments.Object(value, "buffers");
  if (!object) return std::nullopt;
  const auto receive_bytes = arguments.Integer(*object, "receiveBytes", 1, os::kMostBufferBytes);
  if (!receive_bytes) return std::nullopt;
  const auto send_bytes = arguments.Integer(*object, "sendBytes", 1, os::kMostBufferBytes);
  if (!send_bytes) return std::nullopt;
  const auto receive = arguments.Integer(*object, "receiveGpadl", 0, UINT32_MAX);
  if (!receive) return std::nullopt;
  const auto send = arguments.Integer(*object, "sendGpadl", 0, UINT32_MAX);
  if (!send) return std::nullopt;
  buffers.receive_bytes = static_cast<uint64_t>(*receive_bytes);
  buffers.send_bytes = static_cast<uint64_t>(*send_bytes);
  buffers.receive_handle = static_cast<uint32_t>(*receive);
  buffers.send_handle = static_cast<uint32_t>(*send);
  return buffers;
}

std::optional<os::OpenPlan> ReadPlan(const Arguments& arguments) {
  os::OpenPlan plan;
  const auto path = arguments.Text(0, "path");
  if (!path) return std::nullopt;
  const auto object = arguments.Object(1, "plan");
  if (!object) return std::nullopt;
  const auto ring_bytes = arguments.Integer(*object, "ringBytes", 0, kMaxSafeInteger);
  if (!ring_bytes) return std::nullopt;
  const auto ring_file = arguments.Text(*object, "ringFile");
  if (!ring_file) return std::nullopt;
  const auto monitor_id = arguments.Integer(*object, "monitorId", -1, os::kMaxMonitorId);
  if (!monitor_id) return std::nullopt;
  const auto relid = arguments.Integer(*object, "relid", 0, os::kMaxRelid);
  if (!relid) return std::nullopt;
  const auto channels = arguments.TextOrNone(*object, "channelsFolder");
  if (!channels) return std::nullopt;
  const auto exclusive = arguments.Boolean(*object, "exclusive");
  if (!exclusive) return std::nullopt;
  const auto timeout = arguments.Integer(*object, "timeoutMs", 0, INT32_MAX);
  if (!timeout) return std::nullopt;
  const auto buffers = ReadBuffers(arguments, *object);
  if (!buffers) return std::nullopt;
  plan.buffers = *buffers;
  plan.path = *path;
  plan.ring_bytes = static_cast<uint64_t>(*ring_bytes);
  plan.ring_file = *ring_file;
  plan.monitor_id = static_cast<int32_t>(*monitor_id);
  plan.relid = static_cast<int32_t>(*relid);
  plan.channels_folder = *channels;
  plan.exclusive = *exclusive;
  plan.timeout_ms = static_cast<int32_t>(*timeout);
  return plan;
}

void OpenLease(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  auto plan = ReadPlan(arguments);
  if (!plan) return;
  auto on_event = arguments.Function(2, "onEvent");
  if (!on_event) return;
  auto done = arguments.Function(3, "done");
  if (!done) return;
  StartOpen(arguments.state(), std::move(*plan), std::move(*on_event), std::move(*done));
}

void AttachLease(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto token = arguments.Integer(0, "token", 0, kMaxSafeInteger);
  if (!token) return;
  auto on_event = arguments.Function(1, "onEvent");
  if (!on_event) return;
  auto done = arguments.Function(2, "done");
  if (!done) return;
  StartAttach(arguments.state(), static_cast<uint64_t>(*token), std::move(*on_event),
              std::move(*done));
}

Napi::Value LeaseToken(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  LeaseEntry* entry = arguments.state().leases.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number(static_cast<double>(entry->lease().token()));
}

void CloseLease(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  auto done = arguments.Function(1, "done");
  if (!done) return;
  EnvState& state = arguments.state();
  const std::shared_ptr<LeaseEntry> entry = state.leases.Remove(*handle);
  if (entry != nullptr) return entry->Close(std::move(*done));
  AnswerLater(state, std::move(*done), {0});
}

void RefLease(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const auto keep = arguments.Boolean(1, "keep");
  if (!keep) return;
  LeaseEntry* entry = arguments.state().leases.Find(*handle);
  if (entry != nullptr) entry->Keep(*keep);
}

Napi::Value InspectLease(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto out = arguments.Doubles(1, "out", kInspectWords);
  if (!out) return {};
  LeaseEntry* entry = arguments.state().leases.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  const os::LeaseFacts& facts = entry->lease().facts();
  const os::LinkState& link = entry->lease().link();
  const double words[kInspectWords] = {static_cast<double>(facts.kind),
                                       static_cast<double>(facts.ring_bytes),
                                       static_cast<double>(facts.mask_at_open),
                                       static_cast<double>(link.wakes.load()),
                                       static_cast<double>(link.doorbell_writes.load()),
                                       static_cast<double>(link.faulted.load()),
                                       facts.from_ring_file ? 1.0 : 0.0,
                                       static_cast<double>(major(facts.file.st_rdev)),
                                       static_cast<double>(minor(facts.file.st_rdev))};
  std::copy(std::begin(words), std::end(words), out->begin());
  return arguments.Number(0);
}

Napi::Value AttachPrimary(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  LeaseEntry* entry = arguments.state().leases.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  std::shared_ptr<os::Channel> channel = entry->lease().Primary();
  if (channel == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number(arguments.state().AddChannel(std::move(channel), entry));
}

Napi::Value AttachSubchannel(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto ring_file = arguments.Text(1, "ringFile");
  if (!ring_file) return {};
  const auto relid = arguments.Integer(2, "relid", 0, os::kMaxRelid);
  if (!relid) return {};
  const auto monitor_id = arguments.Integer(3, "monitorId", -1, os::kMaxMonitorId);
  if (!monitor_id) return {};
  LeaseEntry* entry = arguments.state().leases.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  auto channel = entry->lease().Subchannel(*ring_file, static_cast<int>(*relid),
                                           static_cast<int>(*monitor_id));
  if (!channel.ok()) return arguments.Number(-channel.error());
  return arguments.Number(arguments.state().AddChannel(channel.Take(), entry));
}

}  // namespace

void AddLeaseFunctions(Exports& exports) {
  exports.Add<OpenLease>("openLease");
  exports.Add<AttachLease>("attachLease");
  exports.Add<LeaseToken>("leaseToken");
  exports.Add<CloseLease>("closeLease");
  exports.Add<RefLease>("refLease");
  exports.Add<InspectLease>("inspectLease");
  exports.Add<AttachPrimary>("attachPrimary");
  exports.Add<AttachSubchannel>("attachSubchannel");
}

}  // namespace vmbus::binding
