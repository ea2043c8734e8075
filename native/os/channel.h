// SPDX-License-Identifier: MIT
//
// One channel: a pair of rings from either end, the doorbell, and the rule when to mask, publish,
// ring and arm. Called by: native/binding channel_functions (each call of lib/native/binding.ts on
// a channel is one method here). Calls: core/ring_reader, core/ring_writer, doorbell. Safe to use
// from several threads: each method holds the gate. Close() may come from another thread at any
// time; it waits for a running call and unmaps then.

#ifndef VMBUS_OS_CHANNEL_H_
#define VMBUS_OS_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "../core/ring_reader.h"
#include "../core/ring_writer.h"
#include "doorbell.h"
#include "gate.h"
#include "link_state.h"
#include "mapping.h"

namespace vmbus::os {

// Which half of the mapping is whose: the guest writes the first and reads the second.
enum class End { kGuest, kHost };

// The two rings of a mapping, as this end sees them. The mapping is 2 * n pages, each half a header
// page and data.
struct RingPair {
  core::RingMemory in;
  core::RingMemory out;
};
RingPair SplitRings(std::byte* rings, size_t bytes, End end);

// The same where the guest chose the split: the first `split` bytes are the ring that it writes.
// Headers are pages of `header_bytes`.
RingPair SplitRingsAt(std::byte* rings, size_t bytes, size_t split, uint32_t header_bytes, End end);

// Whether a mapping of so many bytes can be two rings: a whole number of pages each, within the
// bounds of core.
bool IsRingPairSize(uint64_t bytes);

struct ChannelInspection {
  core::RingSnapshot in;
  core::RingSnapshot out;
  uint32_t data_bytes;
  uint64_t packets_in, bytes_in, packets_out, bytes_out;
  uint64_t doorbells, fulls, arms;
  int32_t violation;
};

class Channel {
 public:
  // Takes the mapping. Starts masked, with no wish for space, at the indices the rings have now.
  Channel(Mapping rings, End end, std::unique_ptr<Doorbell> doorbell,
          std::shared_ptr<LinkState> link);
  // `pair` lies in `rings`, and both of its rings are usable.
  Channel(Mapping&& rings, RingPair pair, std::unique_ptr<Doorbell> doorbell,
          std::shared_ptr<LinkState> link);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  // 0 = empty and armed (a wake will follow), 1 = there may be packets, or a status. Cheaper than a
  // drain of nothing.
  [[nodiscard]] int32_t Look();
  // Copies packets out (rows as core/ring_reader.h describes), gives the space back, rings for a
  // blocked writer. The count, 0 = empty and armed, or a status; with kArenaTooSmall index[0] holds
  // the bytes needed.
  [[nodiscard]] int32_t Drain(std::span<std::byte> arena, std::span<int32_t> index,
                              uint32_t max_packets);

  // 0 or a status.
  [[nodiscard]] int32_t Write(const core::RingWriter::Packet& packet);
  // Rows `first … first + count - 1` of the send index, bodies in the arena; one publish. How many
  // were written, or the status of the first one when none was.
  [[nodiscard]] int32_t WriteRows(std::span<const std::byte> arena, std::span<const int32_t> index,
                                  uint32_t first, uint32_t count);
  // 1 = a body of so many bytes fits now, 0 = a wake will follow, or a status.
  [[nodiscard]] int32_t AwaitSpace(uint32_t body_bytes);
  // Nobody waits for space any more: no wake for it will follow. 1 or a status.
  [[nodiscard]] int32_t StopAwaitingSpace();
  [[nodiscard]] int32_t LargestPayload();

  // Whether an empty drain unmasks (default). Off for subchannels on kernels where their interrupts
  // do harm; those are polled: an empty drain answers 0 and no wake will follow.
  [[nodiscard]] int32_t SetArming(bool on);
  // After a wake: masks the ring again unless it is armed. A doorbell of one channel makes some
  // kernels unmask the rings of all channels of the device.
  void SettleMask();

  [[nodiscard]] bool Inspect(ChannelInspection* out);
  bool IsOpen();

  // Unmaps. Later calls answer kClosed.
  void Close();

  // The host's end only.
  // Empty rings, as the kernel leaves them at open; this end starts afresh.
  [[nodiscard]] int32_t Reset();

  // Faults, for tests of the other end.
  [[nodiscard]] int32_t DropSignals(uint32_t count);
  [[nodiscard]] int32_t PokeHeader(bool out_ring, uint32_t byte_offset, uint32_t value);
  [[nodiscard]] int32_t WriteRaw(std::span<const std::byte> bytes);

 private:
  int32_t Unusable() const;  // 0, kClosed or kRescinded
  bool IsMasked() const;
  bool IsArmed() const;
  void Disarm();
  int32_t ArmOrContinue();
  int32_t DrainOnce(std::span<std::byte> arena, std::span<int32_t> index, uint32_t max_packets);
  int32_t Finish(core::RingWriter::Status status);
  void Signal();
  void StartAfresh();

  // First what every drain needs, so that it lies together.
  Gate gate_;
  bool closed_ = false;
  bool arming_ = true;
  bool armed_ = false;
  uint32_t drop_signals_ = 0;
  // LinkState::wakes when armed_ was set; another number makes it stale.
  uint64_t armed_at_wake_ = 0;
  std::shared_ptr<LinkState> link_;
  RingPair memory_;
  core::RingReader reader_;
  core::RingWriter writer_;
  std::unique_ptr<Doorbell> doorbell_;
  Mapping rings_;
  ChannelInspection
      totals_{};  // counters of readers and writers before the last reset, and our own
};

}  // namespace vmbus::os

#endif  // VMBUS_OS_CHANNEL_H_
