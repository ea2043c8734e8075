// SPDX-License-Identifier: MIT
//
// Frames of a network card: receiveFrames and sendFrames are called once for a batch, with plain
// Node-API. Called by: lib/devices/netvsc through lib/native/binding.ts. Calls: os/frame_queue.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>

#include "../os/doorbell.h"
#include "../os/frame_queue.h"
#include "../os/status.h"
#include "arguments.h"
#include "env_state.h"
#include "exports.h"
#include "frame_entry.h"
#include "functions.h"
#include "lease_entry.h"
#include "plain_arguments.h"

namespace vmbus::binding {

namespace {

constexpr size_t kMostFrames = 256;  // of one call
constexpr size_t kInfoWords = 4;     // of a frame: present, checksum, vlan, large send
constexpr size_t kInspectWords = 21;

// agreeFrames(lease, pieceBytes, pieces, sectionBytes, messages)
Napi::Value AgreeFrames(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  std::array<uint32_t, 4> numbers{};
  const char* const names[] = {"pieceBytes", "pieces", "sectionBytes", "messages"};
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto number = arguments.Integer(i + 1, names[i], 0, UINT32_MAX);
    if (!number) return {};
    numbers[i] = static_cast<uint32_t>(*number);
  }
  LeaseEntry* entry = arguments.state().leases.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  const std::shared_ptr<os::FrameBuffers> buffers = entry->lease().Frames();
  if (buffers == nullptr) return arguments.Number(-ENODATA);
  const bool agreed = buffers->Agree({numbers[0], numbers[1], numbers[2], numbers[3]});
  return arguments.Number(agreed ? 0 : -EINVAL);
}

// openFrames(lease, channel, relid)
Napi::Value OpenFrames(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto lease = arguments.Handle(0);
  if (!lease) return {};
  const auto channel = arguments.Handle(1);
  if (!channel) return {};
  const auto relid = arguments.Integer(2, "relid", 0, os::kMaxRelid);
  if (!relid) return {};
  EnvState& state = arguments.state();
  LeaseEntry* owner = state.leases.Find(*lease);
  ChannelEntry* entry = state.channels.Find(*channel);
  if (owner == nullptr || entry == nullptr) return arguments.Number(os::kClosed);
  if (entry->owner() != owner) return arguments.Number(-EINVAL);
  std::shared_ptr<os::FrameBuffers> buffers = owner->lease().Frames();
  if (buffers == nullptr) return arguments.Number(-ENODATA);
  const int32_t handle = state.frames.Add(
      std::make_shared<FrameEntry>(entry->share(), std::move(buffers), static_cast<int>(*relid)));
  return arguments.Number(handle == 0 ? -EMFILE : handle);
}

// setFrameArena(frames, arena, rows)
Napi::Value SetFrameArena(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto bytes = arguments.Bytes(1, "arena");
  if (!bytes) return {};
  const bool fits = bytes->size() >= core::kLeastArenaBytes && bytes->size() <= INT32_MAX;
  const bool indexed = arguments.IsArray(2, napi_int32_array, core::kFrameRowWords);
  if (!fits || !indexed) {
    Napi::RangeError::New(info.Env(), "arena and rows must have room for the longest frame")
        .ThrowAsJavaScriptException();
    return {};
  }
  FrameEntry* entry = arguments.state().frames.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  entry->receive = Arena(info.Env(), info[1], info[2]);
  return arguments.Number(0);
}

// The queue that the first argument names; null with an answer or an exception made.
template <size_t kCount>
FrameEntry* ReadQueue(napi_env env, napi_callback_info info, std::array<napi_value, kCount>* values,
                      napi_value* answer) {
  std::array<int32_t, 1> handle;
  EnvState* state = nullptr;
  *answer = nullptr;
  if (!ReadNumbers(env, info, values, &handle, &state)) return nullptr;
  FrameEntry* entry = state->frames.Find(handle[0]);
  if (entry == nullptr) *answer = Number(env, os::kClosed);
  return entry;
}

// receiveFrames(frames)
napi_value ReceiveFrames(napi_env env, napi_callback_info info) {
  std::array<napi_value, 1> values;
  napi_value answer = nullptr;
  FrameEntry* entry = ReadQueue(env, info, &values, &answer);
  if (entry == nullptr) return answer;
  std::span<std::byte> arena;
  std::span<int32_t> rows;
  if (!entry->receive.Get(&arena, &rows)) return Number(env, os::kBadRow);
  return Number(env, entry->queue.Receive(arena, rows));
}

// sendFrames(frames, list, first, infos)
napi_value SendFrames(napi_env env, napi_callback_info info) {
  std::array<napi_value, 4> values;
  napi_value answer = nullptr;
  FrameEntry* entry = ReadQueue(env, info, &values, &answer);
  if (entry == nullptr) return answer;
  uint32_t length = 0;
  uint32_t first = 0;
  const bool sound = napi_get_array_length(env, values[1], &length) == napi_ok &&
                     napi_get_value_uint32(env, values[2], &first) == napi_ok && first <= length;
  if (!sound) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                          "list must be an array, first a place in it");
    return nullptr;
  }
  const size_t count = std::min<size_t>(length - first, kMostFrames);
  // All elements before the first address: an element of a strange list can run JavaScript.
  std::array<napi_value, kMostFrames> elements;
  for (size_t i = 0; i < count; ++i) {
    const auto at = first + static_cast<uint32_t>(i);
    if (napi_get_element(env, values[1], at, &elements[i]) != napi_ok) return nullptr;
  }
  std::span<int32_t> infos;
  static_cast<void>(ReadElements(env, values[3], &infos));
  std::array<os::OutgoingFrame, kMostFrames> frames;
  for (size_t i = 0; i < count; ++i) {
    std::span<std::byte> bytes;
    const bool good =
        ReadElements(env, elements[i], &bytes) && bytes.size() >= core::kLeastFrameBytes;
    if (!good) return Number(env, os::kBadRow);
    frames[i].bytes = bytes;
    const size_t at = (first + i) * kInfoWords;
    if (infos.size() < at + kInfoWords) continue;
    const auto word = [&infos, at](size_t which) {
      return static_cast<uint32_t>(infos[at + which]);
    };
    constexpr uint32_t known = core::kHasChecksum | core::kHasVlan | core::kHasLargeSend;
    frames[i].info = {word(0) & known, word(1), word(2), 0, word(3)};
  }
  return Number(env, entry->queue.Send(std::span(frames).first(count)));
}

// sendControl(frames, message)
napi_value SendControl(napi_env env, napi_callback_info info) {
  std::array<napi_value, 2> values;
  napi_value answer = nullptr;
  FrameEntry* entry = ReadQueue(env, info, &values, &answer);
  if (entry == nullptr) return answer;
  std::span<std::byte> message;
  if (!ReadElements(env, values[1], &message)) return Number(env, os::kBadRow);
  return Number(env, entry->queue.SendControl(message));
}

// inspectFrames(frames, out)
Napi::Value InspectFrames(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  const auto out = arguments.Doubles(1, "out", kInspectWords);
  if (!out) return {};
  FrameEntry* entry = arguments.state().frames.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  os::FrameQueue& queue = entry->queue;
  const core::TransferCounts& read = queue.transfer_counts();
  const os::FrameCounts& counts = queue.counts();
  const auto terms = queue.buffers().terms();
  const bool agreed = terms.pool != nullptr;
  const uint64_t words[] = {read.frames,
                            read.frame_bytes,
                            read.controls,
                            read.broken_packets,
                            read.broken_ranges,
                            read.broken_messages,
                            read.coalesced,
                            counts.packets,
                            counts.completions,
                            queue.owed(),
                            counts.frames_sent,
                            counts.frame_bytes_sent,
                            counts.completed,
                            counts.refused,
                            counts.stray,
                            counts.full,
                            agreed ? terms.pool->size() : 0,
                            agreed ? terms.pool->free() : 0,
                            agreed ? terms.pool->HeldBy(queue.relid()) : 0,
                            queue.largest_frame(),
                            terms.section_bytes};
  static_assert(std::size(words) == kInspectWords);
  std::transform(std::begin(words), std::end(words), out->begin(),
                 [](uint64_t word) { return static_cast<double>(word); });
  return arguments.Number(0);
}

void CloseFrames(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (handle) arguments.state().frames.Remove(*handle);
}

}  // namespace

void AddFrameFunctions(Exports& exports) {
  exports.AddPlain("receiveFrames", ReceiveFrames);
  exports.AddPlain("sendFrames", SendFrames);
  exports.AddPlain("sendControl", SendControl);
  exports.Add<AgreeFrames>("agreeFrames");
  exports.Add<OpenFrames>("openFrames");
  exports.Add<SetFrameArena>("setFrameArena");
  exports.Add<InspectFrames>("inspectFrames");
  exports.Add<CloseFrames>("closeFrames");
}

}  // namespace vmbus::binding
