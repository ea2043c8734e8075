// SPDX-License-Identifier: MIT
//
// Rings in ordinary memory for the tests, seen both as core::RingMemory and as reference::Ring.
// Used by: the executables of native/test and native/fuzz.

#ifndef VMBUS_TEST_RING_FIXTURE_H_
#define VMBUS_TEST_RING_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "../core/ring_control_unsafe.h"
#include "../core/ring_memory_unsafe.h"
#include "../core/ring_reader.h"
#include "../core/ring_writer.h"
#include "reference_ring.h"

namespace vmbus::test {

inline constexpr uint32_t kPage = 4096;

// One direction: a header page and any data size, reset and with indices of one's choice.
class TestRing {
 public:
  explicit TestRing(uint32_t data_size, uint32_t start = 0)
      : memory_(static_cast<std::byte*>(
            std::aligned_alloc(kPage, kPage + (data_size + kPage - 1) / kPage * kPage))) {
    ring_ = core::RingAt(memory_.get(), kPage + data_size, kPage);
    core::ResetRing(ring_);
    Fill(std::byte{0xee});
    Restart(start);
  }

  const core::RingMemory& memory() const { return ring_; }
  reference::Ring reference() const { return {ring_.header, ring_.data, ring_.data_size}; }

  // Old bytes in the data area, which nobody may see again.
  void Fill(std::byte value) const {
    std::memset(ring_.data, std::to_integer<int>(value), ring_.data_size);
  }

  // An empty ring whose indices stand at `start`.
  void Restart(uint32_t start) const {
    core::ResetRing(ring_);
    reference().Set(reference::kW, start);
    reference().Set(reference::kR, start);
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  core::RingMemory ring_;
};

// An arena and an index of fixed sizes, and the packets found in them.
class Inbox {
 public:
  explicit Inbox(size_t arena_bytes = 1 << 20, size_t rows = 256)
      : arena_(arena_bytes), index_(rows * core::kIndexRowWords) {}

  core::RingReader::Batch Drain(core::RingReader& reader, uint32_t max_packets = UINT32_MAX) {
    batch_ = reader.Drain(arena_, index_, max_packets);
    return batch_;
  }

  // The packet of one row, put together again from what the row says.
  reference::Packet Row(uint32_t row) const {
    const int32_t* words = &index_[row * core::kIndexRowWords];
    const auto bits = static_cast<uint32_t>(words[1]);
    reference::Packet packet;
    packet.type = static_cast<uint16_t>(words[0]);
    packet.flags = static_cast<uint16_t>(bits);
    packet.offset8 = static_cast<uint16_t>(bits >> 16);
    packet.id = static_cast<uint32_t>(words[4]) |
                static_cast<uint64_t>(static_cast<uint32_t>(words[5])) << 32;
    const auto headers = static_cast<uint32_t>(packet.offset8 - 2) * 8;
    const auto from = static_cast<uint32_t>(words[2]) - headers;
    const auto bytes = headers + static_cast<uint32_t>(words[3]);
    packet.body.assign(arena_.begin() + from, arena_.begin() + from + bytes);
    return packet;
  }

  const std::vector<std::byte>& arena() const { return arena_; }
  const std::vector<int32_t>& index() const { return index_; }

 private:
  std::vector<std::byte> arena_;
  std::vector<int32_t> index_;
  core::RingReader::Batch batch_{};
};

inline core::RingWriter::Packet View(const reference::Packet& packet) {
  return {packet.type, packet.flags, packet.offset8, packet.id, packet.body};
}

// What a receiver sees of a packet: the body padded to whole units with zeros.
inline reference::Packet Padded(reference::Packet packet) {
  packet.body.resize(reference::RoundUp8(packet.body.size()));
  return packet;
}

// A body whose every byte depends on its place and on the seed.
inline std::vector<std::byte> Body(size_t bytes, uint64_t seed) {
  std::vector<std::byte> body(bytes);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (std::byte& value : body) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<std::byte>(state >> 56);
  }
  return body;
}

}  // namespace vmbus::test

#endif  // VMBUS_TEST_RING_FIXTURE_H_
