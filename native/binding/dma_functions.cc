// SPDX-License-Identifier: MIT
//
// Memory with known frames: making it, copying, showing it to a simulated host, handing it to the
// keeper. Called by: lib/devices/dma through lib/native/binding.ts. Calls: os/dma_memory,
// os/memory_share.

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "../os/dma_memory.h"
#include "../os/lease.h"
#include "../os/memory_share.h"
#include "../os/status.h"
#include "arguments.h"
#include "blocking_work.h"
#include "env_state.h"
#include "exports.h"
#include "functions.h"
#include "lease_entry.h"

namespace vmbus::binding {

namespace {

constexpr int64_t kMostBytes = static_cast<int64_t>(os::kMostDmaBytes);
constexpr size_t kInspectWords = 3;
constexpr size_t kDescriptors = 3;

// A handle of what was made, or a negative errno with its stage.
Napi::Value Kept(const Arguments& arguments, std::span<double> stage,
                 os::DmaMemory::MakeResult made) {
  if (const auto* failure = std::get_if<os::DmaFailure>(&made)) {
    stage.front() = static_cast<double>(failure->stage);
    return arguments.Number(-failure->error);
  }
  stage.front() = 0;
  const int32_t handle =
      arguments.state().dma.Add(std::move(*std::get_if<std::shared_ptr<os::DmaMemory>>(&made)));
  return arguments.Number(handle == 0 ? -EMFILE : handle);
}

Napi::Value MakeDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto bytes = arguments.Integer(0, "bytes", 0, kMostBytes);
  if (!bytes) return {};
  const auto simulated = arguments.Boolean(1, "simulated");
  if (!simulated) return {};
  const auto stage = arguments.Doubles(2, "stage", 1);
  if (!stage) return {};
  const auto size = static_cast<size_t>(*bytes);
  return Kept(arguments, *stage,
              *simulated ? os::DmaMemory::MakeSimulated(size) : os::DmaMemory::MakeHuge(size));
}

Napi::Value MakeDeviceDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto lease = arguments.Handle(0);
  if (!lease) return {};
  const auto bytes = arguments.Integer(1, "bytes", 0, kMostBytes);
  if (!bytes) return {};
  const auto stage = arguments.Doubles(2, "stage", 1);
  if (!stage) return {};
  stage->front() = 0;
  LeaseEntry* entry = arguments.state().leases.Find(*lease);
  if (entry == nullptr) return arguments.Number(os::kClosed);
  const std::shared_ptr<os::DeviceBuffer>& buffer = entry->lease().receive_buffer();
  if (buffer == nullptr) return arguments.Number(-EINVAL);
  return Kept(arguments, *stage, os::DmaMemory::MakeOfDevice(buffer, static_cast<size_t>(*bytes)));
}

// The memory of an argument; null when it is closed, nothing with an exception pending.
std::optional<std::shared_ptr<os::DmaMemory>> ReadMemory(const Arguments& arguments, size_t index) {
  const auto handle = arguments.Handle(index);
  if (!handle) return std::nullopt;
  return arguments.state().dma.Share(*handle);
}

Napi::Value InspectDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments, 0);
  if (!memory) return {};
  const auto out = arguments.Doubles(1, "out", kInspectWords);
  if (!out) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  const os::DmaMemory& found = **memory;
  (*out)[0] = static_cast<double>(found.kind());
  (*out)[1] = static_cast<double>(found.size());
  (*out)[2] = found.pin_error();
  return arguments.Number(0);
}

Napi::Value DmaFrames(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments, 0);
  if (!memory) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  const auto frames = (*memory)->frames();
  const auto out = arguments.Doubles(1, "out", frames.size());
  if (!out) return {};
  std::ranges::transform(frames, out->begin(),
                         [](uint64_t frame) { return static_cast<double>(frame); });
  return arguments.Number(static_cast<double>(frames.size()));
}

Napi::Value WriteDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments, 0);
  if (!memory) return {};
  const auto offset = arguments.Integer(1, "offset", 0, kMostBytes);
  if (!offset) return {};
  const auto source = arguments.Bytes(2, "source");
  if (!source) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number((*memory)->Write(static_cast<uint64_t>(*offset), *source));
}

Napi::Value ReadDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto memory = ReadMemory(arguments, 0);
  if (!memory) return {};
  const auto offset = arguments.Integer(1, "offset", 0, kMostBytes);
  if (!offset) return {};
  const auto target = arguments.Bytes(2, "target");
  if (!target) return {};
  if (*memory == nullptr) return arguments.Number(os::kClosed);
  return arguments.Number((*memory)->Read(static_cast<uint64_t>(*offset), *target));
}

// Waits for the host's answer to an offer that was sent.
class ShowWork final : public BlockingWork {
 public:
  ShowWork(std::shared_ptr<os::DmaMemory> memory, os::UniqueFd answer, int timeout_ms, int64_t done)
      : memory_(std::move(memory)),
        answer_(std::move(answer)),
        timeout_ms_(timeout_ms),
        done_(done) {}

  void Work() override {
    auto frames = os::AwaitFrames(answer_.get(), timeout_ms_, memory_->size());
    if (frames.ok()) {
      frames_ = frames.Take();
    } else {
      error_ = frames.error();
    }
  }
  void Refuse(int error) override { error_ = error; }
  void Finish(EnvState& state) override {
    // Here, where scripts ask for the frames, and not on the thread that waited.
    if (error_ == 0 && !memory_->SetFrames(std::move(frames_))) error_ = EINVAL;
    state.TakePending(done_).Call(state, {static_cast<double>(error_)});
  }

 private:
  std::shared_ptr<os::DmaMemory> memory_;
  os::UniqueFd answer_;
  int timeout_ms_;
  int64_t done_;
  int error_ = 0;
  std::vector<uint64_t> frames_;
};

Napi::Value ShowDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto lease = arguments.Handle(0);
  if (!lease) return {};
  auto memory = ReadMemory(arguments, 1);
  if (!memory) return {};
  const auto timeout = arguments.Integer(2, "timeoutMs", 0, INT32_MAX);
  if (!timeout) return {};
  auto done = arguments.Function(3, "done");
  if (!done) return {};
  EnvState& state = arguments.state();
  LeaseEntry* entry = state.leases.Find(*lease);
  if (entry == nullptr || *memory == nullptr) return arguments.Number(os::kClosed);
  const bool simulated = entry->lease().facts().kind == os::NodeKind::kSimulated;
  if (!simulated || (*memory)->kind() != os::DmaKind::kSimulated) return arguments.Number(-EINVAL);
  // Sent here, where the lease cannot be closed meanwhile.
  auto answer = os::OfferMemory(entry->lease().node_fd(), **memory);
  if (!answer.ok()) return arguments.Number(-answer.error());
  const int64_t number = state.KeepPending(std::move(*done));
  StartWork(state,
            std::make_unique<ShowWork>(std::move(*memory), answer.Take(),
                                       static_cast<int>(*timeout), number),
            Duty::kNone);
  return arguments.Number(0);
}

Napi::Value HeldDescriptors(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto lease = arguments.Handle(0);
  if (!lease) return {};
  const auto memory = ReadMemory(arguments, 1);
  if (!memory) return {};
  const auto out = arguments.Doubles(2, "out", kDescriptors);
  if (!out) return {};
  LeaseEntry* entry = arguments.state().leases.Find(*lease);
  if (entry == nullptr || *memory == nullptr) return arguments.Number(os::kClosed);
  // A device's buffer has no descriptor: it is the kernel's.
  const int highest = std::max((*memory)->memory_fd(), (*memory)->pin_fd());
  if (highest >= 0) {
    const int error = entry->lease().HoldAbove(highest);
    if (error != 0) return arguments.Number(-error);
  }
  (*out)[0] = entry->lease().node_fd();
  (*out)[1] = (*memory)->memory_fd();
  (*out)[2] = (*memory)->pin_fd();
  return arguments.Number(0);
}

void CloseDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto handle = arguments.Handle(0);
  if (handle) arguments.state().dma.Remove(*handle);
}

}  // namespace

void AddDmaFunctions(Exports& exports) {
  exports.Add<MakeDma>("makeDma");
  exports.Add<MakeDeviceDma>("makeDeviceDma");
  exports.Add<InspectDma>("inspectDma");
  exports.Add<DmaFrames>("dmaFrames");
  exports.Add<WriteDma>("writeDma");
  exports.Add<ReadDma>("readDma");
  exports.Add<ShowDma>("showDma");
  exports.Add<HeldDescriptors>("heldDescriptors");
  exports.Add<CloseDma>("closeDma");
}

}  // namespace vmbus::binding
