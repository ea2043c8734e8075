// SPDX-License-Identifier: MIT
//
// The functions on an open channel. drain, write and writeMany are called for every batch or
// packet: plain Node-API, integers only, one look into the handle table. Called by: lib/channel
// (inbox, outbox) and lib/host through lib/native/binding.ts. Calls: os/channel.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

#include "../core/ring_reader.h"
#include "../os/channel.h"
#include "../os/status.h"
#include "arguments.h"
#include "channel_entry.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"
#include "plain_arguments.h"

namespace vmbus::binding {

namespace {

constexpr uint32_t kMaxField = 0xffff;  // type, flags and offset8 are 16 bits wide
constexpr size_t kInspectWords = 19;
constexpr int32_t kNothingAwaited = -1;  // NOTHING_AWAITED in lib/native/binding.ts
constexpr uintptr_t kArenaAlignment = 8;

// drain(channel, maxPackets?)
napi_value Drain(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2;
  EnvState* state = nullptr;
  int32_t handle = 0;
  int32_t max_packets = INT32_MAX;
  if (!ReadArguments(env, info, arguments, &count, &state) ||
      !ReadNumber(env, arguments[0], &handle) ||
      (count > 1 && !ReadNumber(env, arguments[1], &max_packets)))
    return nullptr;
  ChannelEntry* entry = state->channels.Find(handle);
  if (entry == nullptr) return Number(env, os::kClosed);
  // Empty once, empty again, most likely: no need to ask for the arena then.
  if (entry->was_empty) {
    const int32_t looked = entry->channel().Look();
    if (looked <= 0) return Number(env, looked);
  }
  std::span<std::byte> arena;
  std::span<int32_t> index;
  if (max_packets <= 0 || !entry->receive.Get(&arena, &index)) return Number(env, os::kBadRow);
  const int32_t drained = entry->channel().Drain(arena, index, static_cast<uint32_t>(max_packets));
  entry->was_empty = drained == 0;
  return Number(env, drained);
}

// write(channel, type, flags, idLow, idHigh, offset8, body)
napi_value Write(napi_env env, napi_callback_info info) {
  std::array<napi_value, 7> arguments;
  std::array<int32_t, 6> numbers;
  EnvState* state = nullptr;
  if (!ReadNumbers(env, info, &arguments, &numbers, &state)) return nullptr;
  const auto [handle, type, flags, id_low, id_high, offset8] = numbers;
  std::span<std::byte> body;
  if (!ReadElements(env, arguments[6], &body)) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "body must be a Uint8Array");
    return nullptr;
  }
  ChannelEntry* entry = state->channels.Find(handle);
  if (entry == nullptr) return Number(env, os::kClosed);
  const bool fits = static_cast<uint32_t>(type) <= kMaxField &&
                    static_cast<uint32_t>(flags) <= kMaxField &&
                    static_cast<uint32_t>(offset8) <= kMaxField;
  if (!fits) return Number(env, os::kBadRow);
  const uint64_t id =
      uint64_t{static_cast<uint32_t>(id_high)} << 32 | static_cast<uint32_t>(id_low);
  return Number(env,
                entry->channel().Write({static_cast<uint16_t>(type), static_cast<uint16_t>(flags),
                                        static_cast<uint16_t>(offset8), id, body}));
}

// writeMany(channel, first, count)
napi_value WriteMany(napi_env env, napi_callback_info info) {
  std::array<napi_value, 3> arguments;
  std::array<int32_t, 3> numbers;
  EnvState* state = nullptr;
  if (!ReadNumbers(env, info, &arguments, &numbers, &state)) return nullptr;
  const auto [handle, first, count] = numbers;
  ChannelEntry* entry = state->channels.Find(handle);
  if (entry == nullptr) return Number(env, os::kClosed);
  std::span<std::byte> arena;
  std::span<int32_t> index;
  const bool usable = first >= 0 && count >= 0 && entry->send.Get(&arena, &index);
  if (!usable) return Number(env, os::kBadRow);
  return Number(env, entry->channel().WriteRows(arena, index, static_cast<uint32_t>(first),
                                                static_cast<uint32_t>(count)));
}

// awaitSpace(channel, bytes)
napi_value AwaitSpace(napi_env env, napi_callback_info info) {
  std::array<napi_value, 2> arguments;
  std::array<int32_t, 2> numbers;
  EnvState* state = nullptr;
  if (!ReadNumbers(env, info, &arguments, &numbers, &state)) return nullptr;
  const auto [handle, bytes] = numbers;
  ChannelEntry* entry = state->channels.Find(handle);
  if (entry == nullptr) return Number(env, os::kClosed);
  if (bytes == kNothingAwaited) return Number(env, entry->channel().StopAwaitingSpace());
  if (bytes < 0) return Number(env, os::kTooLarge);
  return Number(env, entry->channel().AwaitSpace(static_cast<uint32_t>(bytes)));
}

// A Uint8Array and an Int32Array with room for a row; nothing with an exception pending.
std::optional<Arena> ReadArena(const Napi::CallbackInfo& info, const Arguments& arguments) {
  const Napi::Env env = info.Env();
  const auto bytes = arguments.Bytes(1, "arena");
  if (!bytes) return std::nullopt;
  if (!arguments.IsArray(2, napi_int32_array, core::kIndexRowWords)) {
    Napi::TypeError::New(env, "index must be an Int32Array with room for a row")
        .ThrowAsJavaScriptException();
    return std::nullopt;
  }
  if (reinterpret_cast<uintptr_t>(bytes->data()) % kArenaAlignment != 0) {
    Napi::RangeError::New(env, "arena must start at a multiple of 8 bytes")
        .ThrowAsJavaScriptException();
    return std::nullopt;
  }
  return Arena(env, info[1], info[2]);
}

template <Arena ChannelEntry::* kPlace>
Napi::Value SetArena(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  auto arena = ReadArena(info, arguments);
  if (!arena) return {};
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  entry->*kPlace = std::move(*arena);
  return arguments.Number(0);
}

Napi::Value SetReceiveArena(const Napi::CallbackInfo& info) {
  return SetArena<&ChannelEntry::receive>(info);
}

Napi::Value SetSendArena(const Napi::CallbackInfo& info) {
  return SetArena<&ChannelEntry::send>(info);
}

Napi::Value LargestPayload(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  return arguments.Number(entry == nullptr ? os::kClosed : entry->channel().LargestPayload());
}

Napi::Value SetArming(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto on = arguments.Boolean(1, "on");
  if (!on) return {};
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  return arguments.Number(entry == nullptr ? os::kClosed : entry->channel().SetArming(*on));
}

void CopyRing(const core::RingSnapshot& ring, double* out) {
  out[0] = ring.write_index;
  out[1] = ring.read_index;
  out[2] = ring.interrupt_mask;
  out[3] = ring.pending_send_size;
  out[4] = ring.feature_bits;
}

Napi::Value InspectChannel(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto out = arguments.Doubles(1, "out", kInspectWords);
  if (!out) return {};
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  os::ChannelInspection seen{};
  if (entry == nullptr || !entry->channel().Inspect(&seen)) return arguments.Number(os::kClosed);
  double* words = out->data();
  CopyRing(seen.in, words);
  CopyRing(seen.out, words + 5);
  const double counts[] = {
      static_cast<double>(seen.data_bytes), static_cast<double>(seen.packets_in),
      static_cast<double>(seen.bytes_in),   static_cast<double>(seen.packets_out),
      static_cast<double>(seen.bytes_out),  static_cast<double>(seen.doorbells),
      static_cast<double>(seen.fulls),      static_cast<double>(seen.violation),
      static_cast<double>(seen.arms)};
  static_assert(10 + std::size(counts) == kInspectWords);
  std::copy(std::begin(counts), std::end(counts), words + 10);
  return arguments.Number(0);
}

void CloseChannel(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (handle) arguments.state().channels.Remove(*handle);
}

}  // namespace

void AddChannelFunctions(Exports& exports) {
  exports.AddPlain("drain", Drain);
  exports.AddPlain("write", Write);
  exports.AddPlain("writeMany", WriteMany);
  exports.AddPlain("awaitSpace", AwaitSpace);
  exports.Add<NewMemory>("newMemory");
  exports.Add<SetReceiveArena>("setReceiveArena");
  exports.Add<SetSendArena>("setSendArena");
  exports.Add<LargestPayload>("largestPayload");
  exports.Add<SetArming>("setArming");
  exports.Add<InspectChannel>("inspectChannel");
  exports.Add<CloseChannel>("closeChannel");
}

}  // namespace vmbus::binding
