// SPDX-License-Identifier: MIT
//
// Any bytes as a transfer-pages packet and as the receive buffer that it names pieces of: whatever
// comes out lies in the arena, is what the buffer holds where the packet says, and the walk ends.

#include <vector>

#include "../core/transfer_reader.h"
#include "fuzz_input.h"

namespace {

using namespace vmbus::fuzz;  // NOLINT: one target, one file
namespace core = vmbus::core;

// An allocation of exactly its size.
std::vector<std::byte> Copy(std::span<const uint8_t> bytes) {
  std::vector<std::byte> copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  copy.shrink_to_fit();
  return copy;
}

bool Contains(const std::vector<std::byte>& buffer, const std::byte* piece, size_t bytes) {
  return std::search(buffer.begin(), buffer.end(), piece, piece + bytes) != buffer.end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint32_t header_bytes = input.Below(256);
  const uint32_t piece_bytes = input.Below(2048);
  const uint32_t messages = 1 + input.Below(8);
  const uint32_t rows_at_once = 1 + input.Below(8);
  const std::vector<std::byte> header = Copy(input.Rest(header_bytes));
  const std::vector<std::byte> buffer = Copy(input.Rest(8192));
  const core::TransferRules rules{static_cast<uint32_t>(buffer.size()), piece_bytes, messages};
  std::vector<std::byte> arena(core::kLeastArenaBytes);
  std::vector<int32_t> rows(rows_at_once * core::kFrameRowWords);
  core::TransferReader reader;
  reader.Begin(header, rules);
  uint64_t seen = 0;
  for (bool done = false; !done;) {
    core::FrameSink sink(arena, rows);
    done = reader.Continue(buffer, rules, &sink);
    Require(done || sink.count() > 0, "a call makes progress");
    Require(sink.count() <= rows_at_once, "no more rows than there is room for");
    for (uint32_t row = 0; row < sink.count(); ++row, ++seen) {
      const int32_t* words = &rows[row * core::kFrameRowWords];
      Require(words[0] == 0 || words[0] == 1, "kind");
      Require(words[1] >= 0 && words[2] >= 0, "no negative numbers");
      const auto end = static_cast<size_t>(words[1]) + static_cast<size_t>(words[2]);
      Require(end <= arena.size(), "inside the arena");
      Require(static_cast<uint32_t>(words[2]) <= piece_bytes, "inside a piece");
      Require(words[0] == 1 || words[2] >= 14, "a frame has a header");
      Require(Contains(buffer, arena.data() + words[1], static_cast<size_t>(words[2])),
              "bytes of the buffer");
    }
    Require(seen <= uint64_t{core::kMostRanges} * messages, "the walk ends");
  }
  const core::TransferCounts& counts = reader.counts();
  Require(counts.frames + counts.controls == seen, "counted once each");
  const uint64_t broken =
      counts.broken_packets + counts.broken_ranges + counts.broken_messages + counts.coalesced;
  Require(reader.good() == (broken == 0), "good only if nothing was broken");
  return 0;
}
