// SPDX-License-Identifier: MIT
//
// The receiving end of one ring: copies packets out once, checks the copies, gives the space back.
// Called by: native/os and native/binding (host-to-guest ring in a guest, guest-to-host ring in a
// simulated host).
// Calls: ring_handshake.h, ring_memory_unsafe.h, copy_bytes.h, packet.h, packet_row.h.
// The writer is not trusted. Its write index is read, then checked; descriptors are read once; a
// broken rule ends the ring for good. One thread at a time; no allocation, no system call.

#ifndef VMBUS_CORE_RING_READER_H_
#define VMBUS_CORE_RING_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet.h"
#include "packet_row.h"
#include "ring_control_unsafe.h"
#include "ring_memory_unsafe.h"
#include "violation.h"

namespace vmbus::core {

class RingReader {
 public:
  // Takes over at the read index the ring has now, with wakes masked until Arm. An unusable ring or
  // index is a violation from the start.
  explicit RingReader(const RingMemory& ring);

  struct Batch {
    uint32_t count;       // packets copied, rows written
    uint32_t arena_used;  // bytes of the arena, a multiple of 8
    uint32_t bytes;       // bytes taken from the ring, descriptors and trailers included
    Violation violation;  // only when count is 0
    uint32_t needed;      // arena bytes for the next packet, when count is 0 for want of them
  };

  // Copies whole packets until the ring is empty or arena, index or max_packets is used up. Good
  // packets in front of a broken one are returned; the violation comes with the next call, and with
  // every one after it. Nothing is given back to the writer before Publish. The arena starts
  // 8-aligned; the index has rows as packet_row.h describes.
  [[nodiscard]] Batch Drain(std::span<std::byte> arena, std::span<int32_t> index,
                            uint32_t max_packets);

  // Gives everything drained since the last call back to the writer. True: it waits for space, ring
  // its doorbell.
  [[nodiscard]] bool Publish();

  // No wakes, please.
  void Mask();

  // Wakes again, please. True: the ring is empty and the next packet brings a wake. False: packets
  // are there (or a violation, which Drain reports) and the mask is set again. Publish first: what
  // is not given back counts as full.
  [[nodiscard]] bool Arm();

  Violation violation() const { return violation_; }
  uint32_t read_index() const { return read_index_; }
  bool has_unpublished() const { return read_index_ != published_; }

  // Since construction.
  uint64_t packets() const { return packets_; }
  uint64_t body_bytes() const { return body_bytes_; }  // headers, payloads, padding
  uint64_t publishes() const { return publishes_; }
  uint64_t doorbells() const { return doorbells_; }

 private:
  struct Cursor;

  Violation CheckWriteIndex(uint32_t write_index) const;
  bool Refill();
  void TakeRun(Cursor& cursor);
  bool TakePacket(Cursor& cursor);
  Batch Finish(const Cursor& cursor, Batch batch);

  RingData data_;
  ControlWords control_;
  uint32_t read_index_ = 0;  // private: ahead by what is drained and not published
  uint32_t available_ = 0;   // bytes from read_index_ to the last write index seen
  uint32_t published_ = 0;   // the shared read index
  Violation violation_ = Violation::kNone;
  uint64_t packets_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t publishes_ = 0;
  uint64_t doorbells_ = 0;
};

}  // namespace vmbus::core

#endif  // VMBUS_CORE_RING_READER_H_
