// SPDX-License-Identifier: MIT
//
// TAP interfaces: making them, and moving frames between them and arenas of JavaScript.
// Called by: lib/services/network through lib/native/binding.ts. Calls: tap_entry,
// os/tap_interface.

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>
#include <utility>

#include "arguments.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"
#include "tap_entry.h"

namespace vmbus::binding {

namespace {

constexpr int64_t kLeastMtu = 68;
constexpr int64_t kMostMtu = 65521;
// Words of a frame to send: offset, length, whether its checksums were verified.
constexpr size_t kRowWords = 3;

Napi::Value OpenTap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto name = arguments.Text(0, "name");
  if (!name) return {};
  const auto mac = arguments.Bytes(1, "mac");
  if (!mac) return {};
  const auto mtu = arguments.Integer(2, "mtu", kLeastMtu, kMostMtu);
  if (!mtu) return {};
  const auto stage = arguments.Doubles(3, "stage", 1);
  if (!stage) return {};
  auto on_ready = arguments.Function(4, "onReady");
  if (!on_ready) return {};
  os::TapPlan plan{*name, {}, static_cast<int>(*mtu)};
  if (mac->size() != plan.mac.size()) return arguments.Number(-EINVAL);
  std::ranges::transform(*mac, plan.mac.begin(),
                         [](std::byte byte) { return std::to_integer<uint8_t>(byte); });
  auto made = os::TapInterface::Make(plan);
  if (const auto* failure = std::get_if<os::TapFailure>(&made)) {
    stage->front() = static_cast<double>(failure->stage);
    return arguments.Number(-failure->error);
  }
  EnvState& state = arguments.state();
  auto entry = std::make_shared<TapEntry>(state, std::move(*std::get_if<os::TapInterface>(&made)),
                                          std::move(*on_ready));
  return arguments.Number(Enter(entry, state.taps));
}

Napi::Value TapName(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  TapEntry* entry = arguments.state().taps.Find(*handle);
  return Napi::String::New(info.Env(), entry == nullptr ? "" : entry->tap().name());
}

Napi::Value ReceiveTap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto arena = arguments.Bytes(1, "arena");
  if (!arena) return {};
  const auto lengths = arguments.Doubles(2, "lengths", 1);
  if (!lengths) return {};
  TapEntry* entry = arguments.state().taps.Find(*handle);
  if (entry == nullptr) return arguments.Number(-EBADF);
  const auto [frames, error] = entry->tap().Receive(*arena, *lengths);
  return arguments.Number(frames > 0 || error == 0 ? static_cast<double>(frames) : -error);
}

Napi::Value SendTap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto arena = arguments.Bytes(1, "arena");
  if (!arena) return {};
  const auto count = arguments.Integer(3, "count", 0, INT32_MAX);
  if (!count) return {};
  const auto rows = arguments.Doubles(2, "rows", kRowWords * static_cast<size_t>(*count));
  if (!rows) return {};
  TapEntry* entry = arguments.state().taps.Find(*handle);
  if (entry == nullptr) return arguments.Number(-EBADF);
  const auto size = static_cast<double>(arena->size());
  double taken = 0;
  for (size_t at = 0; at < kRowWords * static_cast<size_t>(*count); at += kRowWords) {
    const double offset = (*rows)[at];
    const double length = (*rows)[at + 1];
    // Written so that what is no number is outside as well.
    if (!(offset >= 0 && length >= 0 && offset + length <= size)) return arguments.Number(-EINVAL);
    const auto frame = arena->subspan(static_cast<size_t>(offset), static_cast<size_t>(length));
    const int error = entry->tap().Send(frame, (*rows)[at + 2] != 0);
    if (error == EBADFD) return arguments.Number(-error);
    if (error == 0) taken += 1;
  }
  return arguments.Number(taken);
}

Napi::Value SetTapCarrier(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto up = arguments.Boolean(1, "up");
  if (!up) return {};
  TapEntry* entry = arguments.state().taps.Find(*handle);
  return arguments.Number(entry == nullptr ? EBADF : entry->tap().SetCarrier(*up));
}

void AwaitTap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  TapEntry* entry = arguments.state().taps.Find(*handle);
  if (entry != nullptr) entry->Await();
}

void CloseTap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const auto entry = arguments.state().taps.Remove(*handle);
  if (entry != nullptr) entry->Close();
}

}  // namespace

void AddTapFunctions(Exports& exports) {
  exports.Add<OpenTap>("openTap");
  exports.Add<TapName>("tapName");
  exports.Add<ReceiveTap>("receiveTap");
  exports.Add<SendTap>("sendTap");
  exports.Add<SetTapCarrier>("setTapCarrier");
  exports.Add<AwaitTap>("awaitTap");
  exports.Add<CloseTap>("closeTap");
}

}  // namespace vmbus::binding
