// SPDX-License-Identifier: MIT
//
// Service devices (/dev/vmbus/hv_*), and serving them in a simulated host.
// Called by: lib/devices and lib/host through lib/native/binding.ts. Calls: service_entry,
// served_service_entry.

#include <cerrno>
#include <memory>
#include <utility>

#include "arguments.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"
#include "served_service_entry.h"
#include "service_entry.h"

namespace vmbus::binding {

namespace {

Napi::Value OpenService(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto path = arguments.Text(0, "path");
  if (!path) return {};
  auto on_message = arguments.Function(1, "onMessage");
  if (!on_message) return {};
  EnvState& state = arguments.state();
  auto fd = os::OpenServiceDevice(*path);
  if (!fd.ok()) return arguments.Number(-fd.error());
  auto entry = std::make_shared<ServiceEntry>(state, fd.Take(), std::move(*on_message));
  return arguments.Number(Enter(entry, state.services));
}

Napi::Value ServeService(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto path = arguments.Text(0, "path");
  if (!path) return {};
  auto on_opened = arguments.Function(1, "onOpened");
  if (!on_opened) return {};
  auto on_message = arguments.Function(2, "onMessage");
  if (!on_message) return {};
  EnvState& state = arguments.state();
  auto server = os::ServiceServer::Listen(*path);
  if (!server.ok()) return arguments.Number(-server.error());
  auto entry = std::make_shared<ServedServiceEntry>(state, server.Take(), std::move(*on_opened),
                                                    std::move(*on_message));
  return arguments.Number(Enter(entry, state.served_services));
}

Napi::Value WriteService(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto bytes = arguments.Bytes(1, "message");
  if (!bytes) return {};
  const ServiceEntry* entry = arguments.state().services.Find(*handle);
  return arguments.Number(entry == nullptr ? EBADF : entry->Write(*bytes));
}

Napi::Value SendServed(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto bytes = arguments.Bytes(1, "message");
  if (!bytes) return {};
  ServedServiceEntry* entry = arguments.state().served_services.Find(*handle);
  return arguments.Number(entry == nullptr ? EBADF : entry->Send(*bytes));
}

void CloseService(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const auto entry = arguments.state().services.Remove(*handle);
  if (entry != nullptr) entry->Close();
}

void CloseServed(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const auto entry = arguments.state().served_services.Remove(*handle);
  if (entry != nullptr) entry->Close();
}

void RefService(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const auto keep = arguments.Boolean(1, "keep");
  if (!keep) return;
  ServiceEntry* entry = arguments.state().services.Find(*handle);
  if (entry != nullptr) entry->Keep(*keep);
}

void RefServed(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const auto keep = arguments.Boolean(1, "keep");
  if (!keep) return;
  ServedServiceEntry* entry = arguments.state().served_services.Find(*handle);
  if (entry != nullptr) entry->Keep(*keep);
}

}  // namespace

void AddServiceFunctions(Exports& exports) {
  exports.Add<OpenService>("openService");
  exports.Add<WriteService>("writeService");
  exports.Add<RefService>("refService");
  exports.Add<CloseService>("closeService");
  exports.Add<ServeService>("serveService");
  exports.Add<SendServed>("sendServed");
  exports.Add<RefServed>("refServed");
  exports.Add<CloseServed>("closeServed");
}

}  // namespace vmbus::binding
