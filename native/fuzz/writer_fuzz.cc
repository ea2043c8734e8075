// SPDX-License-Identifier: MIT
//
// A hostile reader against RingWriter: it writes anything into the header words between the
// writer's calls. As long as it behaves, everything written must come out at the other end.

#include <algorithm>
#include <deque>
#include <vector>

#include "../core/packet_row.h"
#include "../core/ring_writer.h"
#include "fuzz_input.h"

namespace {

using namespace vmbus::fuzz;  // NOLINT: one target, one file
namespace core = vmbus::core;
namespace reference = vmbus::reference;
using Status = core::RingWriter::Status;

class WriterTarget {
 public:
  WriterTarget(Input& input, uint32_t data_size)
      : input_(input), ring_(data_size), words_(ring_.reference()) {
    const bool sound = input_.Below(4) != 0;
    const uint32_t start =
        sound ? input_.Below(data_size / 8) * 8 : HostileIndex(input_, data_size);
    words_.Set(reference::kW, start);
    words_.Set(reference::kR, sound ? start : HostileIndex(input_, data_size));
    behaves_ = sound;
  }

  void Run() {
    core::RingWriter writer(ring_.memory());
    if (behaves_) Require(writer.violation() == core::Violation::kNone, "a sound ring is taken");
    reference::Reader reader(words_);
    while (!input_.empty()) Step(writer, reader);
  }

 private:
  void Step(core::RingWriter& writer, reference::Reader& reader) {
    switch (input_.Below(12)) {
      case 0:
        behaves_ = false;
        return words_.Set(reference::kR, HostileIndex(input_, words_.size));
      case 1:
        return words_.Set(reference::kMask, input_.Take<uint32_t>());
      case 2:
        return words_.Set(reference::kPending, input_.Take<uint32_t>());
      case 3:
        behaves_ = false;
        return words_.Set(reference::kW, HostileIndex(input_, words_.size));
      case 4:
      case 5:
        return Receive(reader);
      case 6:
        return Publish(writer);
      case 7:
        return Await(writer);
      case 8:
        return WriteRows(writer);
      default:
        return Write(writer);
    }
  }

  void Write(core::RingWriter& writer) {
    const uint32_t bytes = input_.Below(input_.Below(8) == 0 ? 2 * words_.size : 64);
    std::vector<std::byte> body(bytes);  // of exactly this size
    const auto fill = input_.Rest(std::min<size_t>(bytes, 16));
    std::transform(fill.begin(), fill.end(), body.begin(),
                   [](uint8_t value) { return static_cast<std::byte>(value); });
    reference::Packet packet{.id = writer.packets(), .body = std::move(body)};
    const auto units = static_cast<uint16_t>(2 + reference::RoundUp8(packet.body.size()) / 8);
    packet.offset8 = static_cast<uint16_t>(2 + input_.Below(units - 1));
    const bool dead = writer.violation() != core::Violation::kNone;
    const uint32_t before = writer.write_index();

    const Status status =
        writer.Write({packet.type, packet.flags, packet.offset8, packet.id, packet.body});

    const uint32_t total = Footprint(packet);
    Require(writer.write_index() < words_.size && writer.write_index() % 8 == 0, "write index");
    if (dead) Require(status == Status::kViolation, "a violation is final");
    if (status == Status::kTooLarge) Require(total + 8 > words_.size, "too large for the ring");
    if (status != Status::kWritten) {
      Require(writer.write_index() == before, "nothing moved");
    }
    if (!behaves_) return;
    const bool fits = words_.Free(before, words_.Get(reference::kR)) > total;
    Require((status == Status::kWritten) == fits, "written exactly when it fits");
    if (!fits) return;
    packet.body.resize(reference::RoundUp8(packet.body.size()));
    sent_.push_back(std::move(packet));
  }

  // Rows of any numbers: what they name must lie in the arena, which is of exactly its size.
  void WriteRows(core::RingWriter& writer) {
    std::vector<std::byte> arena(input_.Below(256));
    for (std::byte& value : arena) value = static_cast<std::byte>(arena.size() + sent_.size());
    std::vector<int32_t> index(input_.Below(6) * core::kIndexRowWords);
    for (size_t word = 0; word < index.size(); word++) {
      const bool wild = input_.Below(16) == 0;
      index[word] = wild ? input_.Take<int32_t>() : static_cast<int32_t>(input_.Below(64));
      if (word % core::kIndexRowWords == 1 && !wild) index[word] = 2 << 16;
    }
    const bool dead = writer.violation() != core::Violation::kNone;
    const auto batch = writer.WriteRows(arena, index);
    const size_t rows = index.size() / core::kIndexRowWords;
    Require(batch.count <= rows, "rows");
    Require(writer.write_index() < words_.size && writer.write_index() % 8 == 0, "write index");
    if (dead) Require(batch.count == 0, "a violation is final");
    if (!dead) Require((batch.status == Status::kWritten) == (batch.count == rows), "status");
    if (!behaves_) return;
    for (uint32_t row = 0; row < batch.count; row++) {
      const core::PacketRow said = core::RowAt(&index[row * core::kIndexRowWords]);
      const auto from = arena.begin() + said.offset - said.header_bytes();
      reference::Packet packet{.type = static_cast<uint16_t>(said.type),
                               .offset8 = said.offset8,
                               .flags = said.flags,
                               .id = said.transaction_id,
                               .body = {from, from + said.header_bytes() + said.length}};
      packet.body.resize(reference::RoundUp8(packet.body.size()));
      sent_.push_back(std::move(packet));
    }
  }

  void Publish(core::RingWriter& writer) {
    const uint32_t before = words_.Get(reference::kW);
    const bool pending = writer.has_unpublished();
    const bool expected =
        pending && words_.Get(reference::kMask) == 0 && words_.Get(reference::kR) == before;
    const bool doorbell = writer.Publish();
    if (!behaves_) return;
    Require(doorbell == expected, "doorbell");
    Require(words_.Get(reference::kW) == writer.write_index(), "shared write index");
  }

  void Await(core::RingWriter& writer) {
    Publish(writer);
    const auto bytes = input_.Take<uint32_t>();
    const bool now = writer.AwaitSpace(bytes);
    const uint32_t wish = words_.Get(reference::kPending);
    if (now) return;
    Require(writer.violation() == core::Violation::kNone, "nobody sleeps on a dead ring");
    Require(wish >= 24 && wish % 8 == 0 && wish <= words_.size - 8, "a wish that can be granted");
    if (input_.Below(2) == 0) writer.ClearAwaitSpace();
  }

  void Receive(reference::Reader& reader) {
    if (!behaves_) return;
    const auto packet = reader.Next();
    if (packet) {
      Require(!sent_.empty() && *packet == sent_.front(), "what was sent comes out");
      sent_.pop_front();
    }
    (void)reader.Publish();
  }

  Input& input_;
  FuzzRing ring_;
  reference::Ring words_;
  bool behaves_;
  std::deque<reference::Packet> sent_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint32_t data_size = 48 + input.Below(128) * 8;
  WriterTarget(input, data_size).Run();
  return 0;
}
