// SPDX-License-Identifier: MIT
//
// A hostile writer against RingReader: between the reader's calls it writes anything into the data
// area and into the header words, mixed with sound packets so that deep states are reached.

#include <algorithm>
#include <vector>

#include "../core/ring_reader.h"
#include "fuzz_input.h"

namespace {

using namespace vmbus::fuzz;  // NOLINT: one target, one file
namespace core = vmbus::core;
namespace reference = vmbus::reference;

class ReaderTarget {
 public:
  ReaderTarget(Input& input, uint32_t data_size)
      : input_(input), ring_(data_size), words_(ring_.reference()) {
    const uint32_t start = HostileIndex(input_, data_size);
    words_.Set(reference::kR, start);
    words_.Set(reference::kW, input_.Below(4) == 0 ? HostileIndex(input_, data_size) : start);
  }

  void Run() {
    core::RingReader reader(ring_.memory());
    while (!input_.empty()) Step(reader);
    Drain(reader);
  }

 private:
  void Step(core::RingReader& reader) {
    switch (input_.Below(10)) {
      case 0:
        return Scribble();
      case 1:
        return words_.Set(reference::kW, HostileIndex(input_, words_.size));
      case 2:
        return words_.Set(reference::kPending, HostileIndex(input_, words_.size));
      case 3:
        return words_.Set(reference::kFeatures, input_.Take<uint32_t>());
      case 4:
      case 5:
        return SendSound();
      case 6:
        return Publish(reader);
      case 7:
        return Arm(reader);
      default:
        return Drain(reader);
    }
  }

  void Scribble() {
    const uint32_t at = input_.Below(words_.size);
    const auto bytes = input_.Rest(1 + input_.Below(32));
    for (size_t i = 0; i < bytes.size(); i++) {
      words_.data[(at + i) % words_.size] = static_cast<std::byte>(bytes[i]);
    }
  }

  void SendSound() {
    const uint32_t w = words_.Get(reference::kW);
    if (w >= words_.size || w % 8 != 0 || words_.Get(reference::kR) >= words_.size) return;
    reference::Writer writer(words_);
    reference::Packet packet{.id = w, .body = std::vector<std::byte>(input_.Below(96))};
    packet.offset8 = static_cast<uint16_t>(2 + input_.Below(3));
    for (uint32_t burst = 1 + input_.Below(4); burst > 0; burst--) (void)writer.Put(packet);
    (void)writer.Publish();
  }

  void Publish(core::RingReader& reader) {
    const uint64_t doorbells = reader.doorbells();
    const bool doorbell = reader.Publish();
    Require(reader.doorbells() - doorbells == (doorbell ? 1u : 0u), "doorbells are counted");
    Require(!reader.has_unpublished(), "published");
    if (reader.packets() != 0) {
      Require(words_.Get(reference::kR) == reader.read_index(), "the shared read index is ours");
    }
  }

  void Arm(core::RingReader& reader) {
    const bool armed = reader.Arm();
    if (!armed) return;
    Require(reader.violation() == core::Violation::kNone, "no violation when armed");
    Require(words_.Get(reference::kMask) == 0, "armed means unmasked");
    Require(words_.Get(reference::kW) == reader.read_index(), "armed means empty");
  }

  void Drain(core::RingReader& reader) {
    const uint32_t shared = words_.Get(reference::kR);
    const core::Violation before = reader.violation();
    // Exact sizes, so that a byte or a row too much is seen.
    std::vector<std::byte> arena(input_.Below(80) * 8);
    std::vector<int32_t> index(input_.Below(12) * core::kIndexRowWords);
    const uint32_t most = input_.Below(16);

    const auto batch = reader.Drain(arena, index, most);

    Require(words_.Get(reference::kR) == shared, "nothing is given back before Publish");
    Require(batch.count <= most && batch.count * core::kIndexRowWords <= index.size(), "rows");
    Require(batch.arena_used <= arena.size() && batch.arena_used % 8 == 0, "arena");
    Require(batch.bytes == batch.arena_used + 24 * batch.count, "ring bytes");
    Require(batch.bytes < words_.size, "no more than the ring holds");
    Require(reader.read_index() < words_.size && reader.read_index() % 8 == 0, "read index");
    if (before != core::Violation::kNone) {
      Require(batch.count == 0 && batch.violation == before, "a violation is final");
    }
    if (batch.count != 0) Require(batch.violation == core::Violation::kNone, "packets first");
    CheckRows(batch, index);
  }

  static void CheckRows(const core::RingReader::Batch& batch, const std::vector<int32_t>& index) {
    uint32_t expected = 0;  // bodies lie in a row
    for (uint32_t row = 0; row < batch.count; row++) {
      const int32_t* words = &index[row * core::kIndexRowWords];
      const auto bits = static_cast<uint32_t>(words[1]);
      const uint32_t headers = (bits >> 16) * 8 - 16;
      Require(words[0] >= 1 && words[0] <= 13, "type");
      Require((bits & 0xffff) <= 1, "flags");
      Require(bits >> 16 >= 2, "payload offset");
      Require(words[2] >= 0 && words[3] >= 0, "offset and length are no negative numbers");
      Require(static_cast<uint32_t>(words[2]) == expected + headers, "payload behind its headers");
      expected += headers + static_cast<uint32_t>(words[3]);
    }
    Require(expected == batch.arena_used, "rows and arena agree");
  }

  Input& input_;
  FuzzRing ring_;
  reference::Ring words_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint32_t data_size = 48 + input.Below(128) * 8;
  ReaderTarget(input, data_size).Run();
  return 0;
}
