// SPDX-License-Identifier: MIT
//
// The memory of a guest whose devices a simulated host plays: copying, and channels on rings in it.
// Called by: lib/host/qemu through lib/native/binding.ts. Calls: os/guest_memory.

#include <array>
#include <cerrno>
#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../os/guest_memory.h"
#include "../os/status.h"
#include "arguments.h"
#include "channel_entry.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"

namespace vmbus::binding {

namespace {

constexpr int64_t kMostBytes = int64_t{1} << 46;  // a guest of 64 TiB
constexpr int64_t kMostPages = 1 << 20;

// A handle for fresh memory, or a negative errno.
Napi::Value Keep(const Arguments& arguments, os::Result<std::unique_ptr<os::GuestMemory>> memory) {
  if (!memory.ok()) return arguments.Number(-memory.error());
  const int32_t handle = arguments.state().memories.Add(memory.Take());
  return arguments.Number(handle == 0 ? -EMFILE : handle);
}

Napi::Value OpenGuestMemory(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto path = arguments.Text(0, "path");
  if (!path) return {};
  return Keep(arguments, os::GuestMemory::Open(*path));
}

Napi::Value MakeGuestMemory(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto bytes = arguments.Integer(0, "bytes", 0, kMostBytes);
  if (!bytes) return {};
  return Keep(arguments, os::GuestMemory::Make(static_cast<uint64_t>(*bytes)));
}

// The memory of the first argument; null when it is closed, nothing with an exception pending.
std::optional<os::GuestMemory*> ReadMemory(const Arguments& arguments) {
  const auto handle = arguments.Handle(0);
  if (!handle) return std::nullopt;
  return arguments.state().memories.Find(*handle);
}

Napi::Value GuestMemoryBytes(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments);
  if (!memory) return {};
  return arguments.Number(*memory == nullptr ? os::kClosed
                                             : static_cast<double>((*memory)->bytes()));
}

Napi::Value ReadGuest(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments);
  if (!memory) return {};
  const auto address = arguments.Integer(1, "address", 0, kMostBytes);
  if (!address) return {};
  const auto target = arguments.Bytes(2, "target");
  if (!target) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number((*memory)->Read(static_cast<uint64_t>(*address), *target) ? 0 : -EFAULT);
}

Napi::Value WriteGuest(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments);
  if (!memory) return {};
  const auto address = arguments.Integer(1, "address", 0, kMostBytes);
  if (!address) return {};
  const auto source = arguments.Bytes(2, "source");
  if (!source) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number((*memory)->Write(static_cast<uint64_t>(*address), *source) ? 0 : -EFAULT);
}

Napi::Value AttachPages(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments);
  if (!memory) return {};
  const auto numbers = arguments.Doubles(1, "pages", 0);
  if (!numbers) return {};
  const auto split = arguments.Integer(2, "split", 0, kMostPages);
  if (!split) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  std::vector<uint64_t> pages;
  pages.reserve(numbers->size());
  for (const double number : *numbers) {
    // Also what is no number at all.
    if (!(number >= 0 && number < static_cast<double>(kMostBytes)))
      return arguments.Number(-EINVAL);
    pages.push_back(static_cast<uint64_t>(number));
  }
  auto signals = std::make_shared<uint32_t>(0);
  auto channel = (*memory)->Attach(pages, static_cast<size_t>(*split), signals);
  if (!channel.ok()) return arguments.Number(-channel.error());
  auto entry = std::make_shared<ChannelEntry>(channel.Take(), *memory);
  entry->signals = std::move(signals);
  const int32_t handle = arguments.state().channels.Add(std::move(entry));
  return arguments.Number(handle == 0 ? -EMFILE : handle);
}

Napi::Value TakeSignals(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return {};
  ChannelEntry* entry = arguments.state().channels.Find(*handle);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number(entry->signals == nullptr ? 0 : std::exchange(*entry->signals, 0));
}

Napi::Value TakeMonitorBits(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments);
  if (!memory) return {};
  const auto address = arguments.Integer(1, "address", 0, kMostBytes);
  if (!address) return {};
  const auto out = arguments.Doubles(2, "out", os::kMonitorGroups);
  if (!out) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  std::array<uint32_t, os::kMonitorGroups> bits{};
  if (!(*memory)->TakeMonitorBits(static_cast<uint64_t>(*address), bits))
    return arguments.Number(-EFAULT);
  double any = 0;
  for (size_t group = 0; group < bits.size(); ++group) {
    (*out)[group] = bits[group];
    if (bits[group] != 0) any = 1;
  }
  return arguments.Number(any);
}

void CloseGuestMemory(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (!handle) return;
  const std::shared_ptr<os::GuestMemory> memory = arguments.state().memories.Remove(*handle);
  if (memory != nullptr) arguments.state().DropChannelsOf(memory.get());
}

}  // namespace

void AddGuestMemoryFunctions(Exports& exports) {
  exports.Add<OpenGuestMemory>("openGuestMemory");
  exports.Add<MakeGuestMemory>("makeGuestMemory");
  exports.Add<GuestMemoryBytes>("guestMemoryBytes");
  exports.Add<ReadGuest>("readGuest");
  exports.Add<WriteGuest>("writeGuest");
  exports.Add<AttachPages>("attachPages");
  exports.Add<TakeSignals>("takeSignals");
  exports.Add<TakeMonitorBits>("takeMonitorBits");
  exports.Add<CloseGuestMemory>("closeGuestMemory");
}

}  // namespace vmbus::binding
