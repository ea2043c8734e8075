// SPDX-License-Identifier: MIT
//
// Random traffic between the real ends and the reference ends on one shared ring, all four
// pairings; every packet, every doorbell decision and every wait is compared with the reference.
// A run that fails prints its seed.
//   cross_test [seeds]

#include <cstdlib>
#include <deque>
#include <string>

#include "check.h"
#include "ring_fixture.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
namespace core = vmbus::core;
namespace reference = vmbus::reference;

// The two writers and the two readers behind one face each.
class RealWriter {
 public:
  explicit RealWriter(const TestRing& ring) : writer_(ring.memory()) {}
  bool Put(const reference::Packet& packet) {
    return writer_.Write(View(packet)) == core::RingWriter::Status::kWritten;
  }
  bool Publish() { return writer_.Publish(); }
  bool Block(const reference::Packet& packet) {
    return writer_.AwaitSpace(static_cast<uint32_t>(packet.body.size()));
  }
  void Unblock() { writer_.ClearAwaitSpace(); }

 private:
  core::RingWriter writer_;
};

class ModelWriter {
 public:
  explicit ModelWriter(const TestRing& ring) : writer_(ring.reference()) {}
  bool Put(const reference::Packet& packet) { return writer_.Put(packet); }
  bool Publish() { return writer_.Publish(); }
  bool Block(const reference::Packet& packet) { return writer_.Block(Footprint(packet)); }
  void Unblock() { writer_.Unblock(); }

 private:
  reference::Writer writer_;
};

class RealReader {
 public:
  explicit RealReader(const TestRing& ring) : reader_(ring.memory()), inbox_(1 << 13, 64) {}
  std::vector<reference::Packet> Take(uint32_t max) {
    const auto batch = inbox_.Drain(reader_, max);
    Check(batch.violation == core::Violation::kNone, ViolationName(batch.violation));
    std::vector<reference::Packet> packets;
    for (uint32_t row = 0; row < batch.count; row++) packets.push_back(inbox_.Row(row));
    return packets;
  }
  bool Publish() { return reader_.Publish(); }
  void Mask() { reader_.Mask(); }
  bool Arm() { return reader_.Arm(); }

 private:
  core::RingReader reader_;
  Inbox inbox_;
};

class ModelReader {
 public:
  explicit ModelReader(const TestRing& ring) : reader_(ring.reference()) {}
  std::vector<reference::Packet> Take(uint32_t max) {
    std::vector<reference::Packet> packets;
    while (packets.size() < max) {
      auto packet = reader_.Next();
      if (!packet) break;
      packets.push_back(*packet);
    }
    return packets;
  }
  bool Publish() { return reader_.Publish(); }
  void Mask() { reader_.Mask(); }
  bool Arm() { return reader_.Arm(); }

 private:
  reference::Reader reader_;
};

// The judge knows the rules from the description and keeps its own idea of both private indices.
template <typename Writer, typename Reader>
class Traffic {
 public:
  Traffic(uint32_t data_size, uint32_t start, uint64_t seed)
      : ring_(data_size, start),
        words_(ring_.reference()),
        writer_(ring_),
        reader_(ring_),
        state_(seed * 2 + 1),
        w_(start),
        r_(start) {}

  bool Run(int steps) {
    for (int i = 0; i < steps && good_; i++) Step();
    return good_;
  }

 private:
  uint32_t Random(uint32_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33) % below;
  }

  void Expect(bool ok, const char* what) {
    if (!ok) good_ = Check(false, what) && good_;
    good_ = good_ && ok;
  }

  void Step() {
    switch (Random(8)) {
      case 0:
      case 1:
      case 2:
        return Put();
      case 3:
        return PublishWrites();
      case 4:
      case 5:
        return Take();
      case 6:
        return PublishReads();
      default:
        return Sleep();
    }
  }

  void Put() {
    const uint32_t limit = Random(4) == 0 ? words_.size - 32 : 64;
    reference::Packet packet{.type = static_cast<uint16_t>(1 + Random(13)),
                             .flags = static_cast<uint16_t>(Random(2)),
                             .id = state_,
                             .body = Body(Random(limit + 1), state_)};
    const uint32_t units = 2 + reference::RoundUp8(packet.body.size()) / 8;
    packet.offset8 = static_cast<uint16_t>(2 + Random(units - 1));
    const uint32_t total = Footprint(packet);
    const bool fits = words_.Free(w_, words_.Get(reference::kR)) > total;
    Expect(writer_.Put(packet) == fits, "fits");
    if (fits) {
      w_ = (w_ + total) % words_.size;
      expected_.push_back(Padded(packet));
      writer_.Unblock();
      Expect(words_.Get(reference::kPending) == 0, "no wish after success");
    } else {
      PublishWrites();
      Expect(!writer_.Block(packet), "blocked");
      Expect(words_.Get(reference::kPending) == total, "the wish is the packet's size");
    }
  }

  void PublishWrites() {
    const uint32_t before = words_.Get(reference::kW);
    const bool signal =
        before != w_ && words_.Get(reference::kMask) == 0 && words_.Get(reference::kR) == before;
    Expect(writer_.Publish() == signal, "doorbell after writing");
    Expect(words_.Get(reference::kW) == w_, "write index");
  }

  void Take() {
    for (const reference::Packet& packet : reader_.Take(1 + Random(6))) {
      if (expected_.empty()) return Expect(false, "a packet nobody sent");
      Expect(packet == expected_.front(), "packet");
      r_ = (r_ + Footprint(packet)) % words_.size;
      expected_.pop_front();
    }
  }

  void PublishReads() {
    const uint32_t before = words_.Get(reference::kR);
    const uint32_t wanted = words_.Get(reference::kPending);
    const uint32_t w = words_.Get(reference::kW);
    const bool signal = before != r_ && wanted != 0 && words_.Free(w, before) <= wanted &&
                        words_.Free(w, r_) > wanted;
    Expect(reader_.Publish() == signal, "doorbell after reading");
    Expect(words_.Get(reference::kR) == r_, "read index");
  }

  void Sleep() {
    PublishReads();
    if (Random(2) == 0) reader_.Mask();
    const bool empty = words_.Get(reference::kW) == r_;
    Expect(reader_.Arm() == empty, "armed only when empty");
    Expect(words_.Get(reference::kMask) == (empty ? 0u : 1u), "mask");
  }

  TestRing ring_;
  reference::Ring words_;
  Writer writer_;
  Reader reader_;
  uint64_t state_;
  uint32_t w_;  // where the writer stands, published or not
  uint32_t r_;  // where the reader stands, published or not
  std::deque<reference::Packet> expected_;
  bool good_ = true;
};

uint64_t seeds = 400;

template <typename Writer, typename Reader>
void RandomTraffic() {
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    const auto data_size = static_cast<uint32_t>(seed % 3 == 0 ? 4096 : 128 + seed % 64 * 8);
    const auto start = static_cast<uint32_t>(seed * 40 % data_size / 8 * 8);
    Traffic<Writer, Reader> traffic(data_size, start, seed);
    if (!traffic.Run(1500)) {
      Check(false, "seed " + std::to_string(seed));
      return;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) seeds = std::strtoull(argv[1], nullptr, 10);
  Test("reference writer to reference reader", RandomTraffic<ModelWriter, ModelReader>);
  Test("reference writer to real reader", RandomTraffic<ModelWriter, RealReader>);
  Test("real writer to reference reader", RandomTraffic<RealWriter, ModelReader>);
  Test("real writer to real reader", RandomTraffic<RealWriter, RealReader>);
  return Summary();
}
