// SPDX-License-Identifier: MIT
//
// Faults on purpose, for tests of the other end: lost signals, broken header words, bytes that are
// no packet. Called by: lib/host/faults.ts through lib/native/binding.ts. Calls: os/channel.

#include <array>
#include <cstdint>

#include "../core/ring_layout.h"
#include "../os/channel.h"
#include "../os/status.h"
#include "arguments.h"
#include "channel_entry.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"

namespace vmbus::binding {

namespace {

constexpr int64_t kMaxWord = core::kHeaderBytes / sizeof(uint32_t) - 1;

void DropSignals(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const auto count = arguments.Integer(1, "count", 0, UINT32_MAX);
  if (!count) return;
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  if (entry == nullptr) return;
  static_cast<void>(entry->channel().DropSignals(static_cast<uint32_t>(*count)));
}

// pokeHeader(channel, ring, word, value): ring 0 is the one this end reads.
Napi::Value PokeHeader(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto ring = arguments.Integer(1, "ring", 0, 1);
  if (!ring) return {};
  const auto word = arguments.Integer(2, "word", 0, kMaxWord);
  if (!word) return {};
  const auto value = arguments.Integer(3, "value", 0, UINT32_MAX);
  if (!value) return {};
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number(entry->channel().PokeHeader(
      *ring == 1, static_cast<uint32_t>(*word) * uint32_t{sizeof(uint32_t)},
      static_cast<uint32_t>(*value)));
}

Napi::Value WriteRaw(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto bytes = arguments.Bytes(1, "bytes");
  if (!bytes) return {};
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  return arguments.Number(entry == nullptr ? os::kClosed : entry->channel().WriteRaw(*bytes));
}

}  // namespace

void AddFaultFunctions(Exports& exports) {
  exports.Add<DropSignals>("dropSignals");
  exports.Add<PokeHeader>("pokeHeader");
  exports.Add<WriteRaw>("writeRaw");
}

}  // namespace vmbus::binding
