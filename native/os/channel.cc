// SPDX-License-Identifier: MIT
//
// Channels; see channel.h.

#include "channel.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "../core/ring_layout.h"
#include "status.h"

namespace vmbus::os {

namespace {

using core::ControlWords;
using core::Edge;
using core::RingWriter;
using core::Word;

uint32_t PageSize() {
  static const auto size = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

RingPair SplitRings(std::byte* rings, size_t bytes, End end) {
  return SplitRingsAt(rings, bytes, bytes / 2, PageSize(), end);
}

RingPair SplitRingsAt(std::byte* rings, size_t bytes, size_t split, uint32_t header_bytes,
                      End end) {
  const core::RingMemory first = core::RingAt(rings, static_cast<uint32_t>(split), header_bytes);
  const core::RingMemory second =
      core::RingAt(rings + split, static_cast<uint32_t>(bytes - split), header_bytes);
  return end == End::kGuest ? RingPair{second, first} : RingPair{first, second};
}

bool IsRingPairSize(uint64_t bytes) {
  const uint64_t page = PageSize();
  return bytes % (2 * page) == 0 && bytes >= 4 * page && bytes / 2 - page <= core::kMaxDataBytes;
}

Channel::Channel(Mapping rings, End end, std::unique_ptr<Doorbell> doorbell,
                 std::shared_ptr<LinkState> link)
    : Channel(std::move(rings), SplitRings(rings.data(), rings.size(), end), std::move(doorbell),
              std::move(link)) {}

// A reference: the caller computes the pair from the mapping before it moves.
Channel::Channel(Mapping&& rings, RingPair pair, std::unique_ptr<Doorbell> doorbell,
                 std::shared_ptr<LinkState> link)
    : link_(std::move(link)),
      memory_(pair),
      reader_(memory_.in),
      writer_(memory_.out),
      doorbell_(std::move(doorbell)),
      rings_(std::move(rings)) {
  StartAfresh();
}

Channel::~Channel() { Close(); }

// Whatever the last user left in the two words that are ours.
void Channel::StartAfresh() {
  reader_.Mask();
  armed_ = false;
  ControlWords(memory_.out).Store<Edge::kUnordered>(Word::kPendingSendSize, 0);
}

int32_t Channel::Unusable() const {
  if (closed_) [[unlikely]]
    return kClosed;
  return link_->IsGone() ? kRescinded : 0;
}

// Others may have masked the ring since: a kernel with its wake, a second process that opened the
// node as well.
bool Channel::IsArmed() const {
  return armed_ && armed_at_wake_ == link_->wakes.load(std::memory_order_relaxed) && !IsMasked();
}

bool Channel::IsMasked() const {
  return ControlWords(memory_.in).Load<Edge::kUnordered>(Word::kInterruptMask) != 0;
}

// Whoever unmasked the ring: we, when we armed it, or a kernel, with the doorbell of any channel of
// the device.
void Channel::Disarm() {
  if (!armed_ && IsMasked()) return;
  armed_ = false;
  reader_.Mask();
}

// The ring looked empty. 0 = and stays so until a wake, 1 = look again.
int32_t Channel::ArmOrContinue() {
  if (!arming_) {
    Disarm();
    return 0;
  }
  if (IsArmed()) return 0;
  const uint64_t wakes = link_->wakes.load(std::memory_order_relaxed);
  armed_ = reader_.Arm();
  if (!armed_) return 1;
  armed_at_wake_ = wakes;
  totals_.arms += 1;
  return 0;
}

int32_t Channel::Look() {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  if (reader_.violation() != core::Violation::kNone) return ViolationStatus(reader_.violation());
  // A glance, not a decision: Arm and Drain look again, in order and with checks.
  const uint32_t write_index = ControlWords(memory_.in).Load<Edge::kUnordered>(Word::kWriteIndex);
  if (write_index != reader_.read_index()) return 1;
  const int32_t status = ArmOrContinue();
  // Pages that vanished just now look like an empty ring.
  return link_->IsGone() ? kRescinded : status;
}

int32_t Channel::Drain(std::span<std::byte> arena, std::span<int32_t> index, uint32_t max_packets) {
  const std::lock_guard lock(gate_);
  if (index.size() < core::kIndexRowWords || max_packets == 0) return kBadRow;
  if (const int32_t status = Unusable(); status != 0) return status;
  int32_t result = DrainOnce(arena, index, max_packets);
  while (result == 0) {
    if (ArmOrContinue() == 0) break;
    result = DrainOnce(arena, index, max_packets);
  }
  // Pages that vanished during the copy were answered with zeros: nothing of this batch is worth
  // anything.
  return link_->IsGone() ? kRescinded : result;
}

int32_t Channel::DrainOnce(std::span<std::byte> arena, std::span<int32_t> index,
                           uint32_t max_packets) {
  const core::RingReader::Batch batch = reader_.Drain(arena, index, max_packets);
  if (batch.count == 0) {
    if (batch.violation != core::Violation::kNone) return ViolationStatus(batch.violation);
    if (batch.needed == 0) return 0;
    index[0] = static_cast<int32_t>(batch.needed);
    return kArenaTooSmall;
  }
  Disarm();
  if (reader_.Publish()) Signal();
  return static_cast<int32_t>(batch.count);
}

int32_t Channel::Write(const RingWriter::Packet& packet) {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  const RingWriter::Status status = writer_.Write(packet);
  if (status != RingWriter::Status::kWritten) return Finish(status);
  writer_.ClearAwaitSpace();
  if (writer_.Publish()) Signal();
  return link_->IsGone() ? kRescinded : 0;
}

// The answer to a packet that was written or not.
int32_t Channel::Finish(RingWriter::Status status) {
  switch (status) {
    case RingWriter::Status::kWritten:
      return 0;
    case RingWriter::Status::kTooLarge:
      return kTooLarge;
    case RingWriter::Status::kBadRow:
      return kBadRow;
    case RingWriter::Status::kViolation:
      return link_->IsGone() ? kRescinded : ViolationStatus(writer_.violation());
    case RingWriter::Status::kFull:
      break;
  }
  totals_.fulls += 1;
  return kFull;
}

int32_t Channel::WriteRows(std::span<const std::byte> arena, std::span<const int32_t> index,
                           uint32_t first, uint32_t count) {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  const size_t rows = index.size() / core::kIndexRowWords;
  if (first > rows || count > rows - first) return kBadRow;
  const RingWriter::Batch batch = writer_.WriteRows(
      arena,
      index.subspan(size_t{first} * core::kIndexRowWords, size_t{count} * core::kIndexRowWords));
  const int32_t status = Finish(batch.status);
  if (batch.count == 0) return status == kFull ? 0 : status;
  writer_.ClearAwaitSpace();
  if (writer_.Publish()) Signal();
  return link_->IsGone() ? kRescinded : static_cast<int32_t>(batch.count);
}

int32_t Channel::AwaitSpace(uint32_t body_bytes) {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  if (body_bytes > writer_.largest_packet()) return kTooLarge;
  const bool fits = writer_.AwaitSpace(body_bytes);
  if (writer_.violation() != core::Violation::kNone) return ViolationStatus(writer_.violation());
  return fits ? 1 : 0;
}

int32_t Channel::StopAwaitingSpace() {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  writer_.ClearAwaitSpace();
  return 1;
}

int32_t Channel::LargestPayload() {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  return static_cast<int32_t>(writer_.largest_packet());
}

int32_t Channel::SetArming(bool on) {
  const std::lock_guard lock(gate_);
  if (const int32_t status = Unusable(); status != 0) return status;
  arming_ = on;
  if (!on) Disarm();
  return 0;
}

void Channel::SettleMask() {
  const std::lock_guard lock(gate_);
  if (Unusable() == 0 && !armed_) Disarm();
}

void Channel::Signal() {
  if (drop_signals_ > 0) {
    drop_signals_ -= 1;
    return;
  }
  totals_.doorbells += 1;
  doorbell_->Ring();
  // The kernel may have unmasked our ring with it, and we are about to drain on.
  if (doorbell_->MayUnmask() && !armed_) reader_.Mask();
}

bool Channel::Inspect(ChannelInspection* out) {
  const std::lock_guard lock(gate_);
  if (closed_) return false;
  *out = totals_;
  // Rings of a rescinded device may be somebody else's memory by now: not even a look.
  if (!link_->IsGone()) {
    out->in = core::SnapshotRing(memory_.in);
    out->out = core::SnapshotRing(memory_.out);
  }
  out->data_bytes = memory_.in.data_size;
  out->packets_in += reader_.packets();
  out->bytes_in += reader_.body_bytes();
  out->packets_out += writer_.packets();
  out->bytes_out += writer_.body_bytes();
  const core::Violation broken =
      reader_.violation() != core::Violation::kNone ? reader_.violation() : writer_.violation();
  out->violation = static_cast<int32_t>(broken);
  return true;
}

bool Channel::IsOpen() {
  const std::lock_guard lock(gate_);
  return !closed_;
}

void Channel::Close() {
  const std::lock_guard lock(gate_);
  closed_ = true;
  rings_.Unmap();
  doorbell_.reset();
}

}  // namespace vmbus::os
