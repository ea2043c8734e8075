// SPDX-License-Identifier: MIT
//
// The sending end of one ring: frames packets, publishes them in batches, waits for space when the
// ring is full.
// Called by: native/os and native/binding (guest-to-host ring in a guest, host-to-guest ring in a
// simulated host).
// Calls: ring_handshake.h, ring_memory_unsafe.h, copy_bytes.h, packet.h, packet_row.h. The reader
// is not trusted: its read index is read, then checked, and a broken one ends the ring for good.
// What was written is never read back. One thread at a time; no allocation, no system call.

#ifndef VMBUS_CORE_RING_WRITER_H_
#define VMBUS_CORE_RING_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet.h"
#include "ring_control_unsafe.h"
#include "ring_memory_unsafe.h"
#include "violation.h"

namespace vmbus::core {

class RingWriter {
 public:
  // Takes over at the write index the ring has now and clears what a predecessor left in
  // pending_send_sz. An unusable ring or index is a violation from the start.
  explicit RingWriter(const RingMemory& ring);

  enum class Status : int32_t {
    kWritten = 0,
    kFull = 1,
    kTooLarge = 2,
    kViolation = 3,
    kBadRow = 4
  };

  // Type, flags and offset8 go out as they are: what they may be is the caller's business (a
  // simulated host also sends nonsense on purpose).
  struct Packet {
    uint16_t type;
    uint16_t flags;
    uint16_t offset8;  // payload start in units of 8 bytes; 2 = right behind the descriptor
    uint64_t transaction_id;
    std::span<const std::byte> body;  // follows the descriptor; padded with zeros to 8
  };

  // Puts one packet into the ring; the reader sees it after Publish.
  [[nodiscard]] Status Write(const Packet& packet);

  struct Batch {
    uint32_t count;  // packets written
    Status status;   // why no more were; kWritten when all are
  };

  // Puts a packet into the ring for each row (packet_row.h), in their order, until one does not fit
  // or is not right. A whole number of rows; the arena is private memory.
  [[nodiscard]] Batch WriteRows(std::span<const std::byte> arena, std::span<const int32_t> rows);

  // Shows the reader everything written since the last call. True: it sleeps, ring its doorbell.
  [[nodiscard]] bool Publish();

  // After kFull: asks the reader for a wake once a packet with a body of body_bytes fits. True: it
  // fits already (or a violation turned up), write again. False: wait for the wake, then write
  // again and, when that worked, ClearAwaitSpace. Publish first: a reader that sees no packets
  // frees no space.
  [[nodiscard]] bool AwaitSpace(uint32_t body_bytes);
  void ClearAwaitSpace();

  // Body bytes of the largest packet that an empty ring can take.
  uint32_t largest_packet() const { return largest_; }

  // Bytes not used by packets, counted with a fresh read index; the data size when the ring is
  // empty. A packet takes its body rounded up to 8 plus 24, and always leaves some bytes free.
  uint32_t free_bytes();

  Violation violation() const { return violation_; }
  uint32_t write_index() const { return write_index_; }
  bool has_unpublished() const { return write_index_ != published_; }

  // Since construction.
  uint64_t packets() const { return packets_; }
  uint64_t body_bytes() const { return body_bytes_; }  // padding included
  uint64_t publishes() const { return publishes_; }
  uint64_t doorbells() const { return doorbells_; }
  uint64_t waits() const { return waits_; }  // AwaitSpace calls that returned false

 private:
  void AcceptReadIndex(uint32_t read_index);
  Violation CheckReadIndex(uint32_t read_index) const;

  uint32_t WriteRun(std::span<const std::byte> arena, std::span<const int32_t> rows);
  void Count(uint32_t packets, uint32_t total);
  void PutWrapped(const Packet& packet, uint32_t body);

  RingData data_;
  ControlWords control_;
  uint32_t largest_ = 0;      // body bytes
  uint32_t write_index_ = 0;  // private: ahead by what is written and not published
  uint32_t published_ = 0;    // the shared write index
  uint32_t read_index_ = 0;   // the last one seen
  uint32_t free_ = 0;         // free bytes with that one
  Violation violation_ = Violation::kNone;
  bool awaits_space_ = false;
  uint64_t packets_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t publishes_ = 0;
  uint64_t doorbells_ = 0;
  uint64_t waits_ = 0;
};

}  // namespace vmbus::core

#endif  // VMBUS_CORE_RING_WRITER_H_
