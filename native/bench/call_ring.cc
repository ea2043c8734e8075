// SPDX-License-Identifier: MIT
//
// A ring behind two C functions, one packet a call, as somebody calls them who binds a C library to
// JavaScript without writing an addon. Loaded with koffi by the bench (alternatives.mjs).

#include <algorithm>
#include <cstring>
#include <vector>

#include "../core/ring_reader.h"
#include "../core/ring_writer.h"
#include "batch_limits.h"
#include "mapped_ring.h"

namespace {

using namespace vmbus;  // NOLINT: a program

struct Ring {
  core::RingMemory memory = bench::MapRing();
  core::RingWriter writer{memory};
  core::RingReader reader{memory};
  std::vector<std::byte> arena = std::vector<std::byte>(bench::kBatchBytes);
  std::vector<int32_t> row = std::vector<int32_t>(core::kIndexRowWords);
};

Ring& TheRing() {
  static auto* const ring = new Ring;
  return *ring;
}

}  // namespace

extern "C" {

// 1, or 0 when the ring is full.
__attribute__((visibility("default"))) int call_ring_send(const void* bytes, int length) {
  Ring& ring = TheRing();
  const std::span payload(static_cast<const std::byte*>(bytes), static_cast<size_t>(length));
  const auto status = ring.writer.Write({bench::kInBand, 0, 2, 5, payload});
  static_cast<void>(ring.writer.Publish());
  return status == core::RingWriter::Status::kWritten ? 1 : 0;
}

// Bytes of the packet, or 0 when the ring is empty.
__attribute__((visibility("default"))) int call_ring_receive(void* bytes, int room) {
  Ring& ring = TheRing();
  if (ring.reader.Drain(ring.arena, ring.row, 1).count == 0) return 0;
  static_cast<void>(ring.reader.Publish());
  const int length = std::min(ring.row[3], room);
  std::memcpy(bytes, ring.arena.data() + ring.row[2], static_cast<size_t>(length));
  return length;
}
}
