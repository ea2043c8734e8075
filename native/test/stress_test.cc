// SPDX-License-Identifier: MIT
//
// Two threads on one small ring as fast as they go: a producer that sleeps when the ring is full,
// a consumer that sleeps when it is empty, both woken only by the doorbells the ring asks for. A
// lost wake hangs, and the watchdog makes that a failure. Also run under ThreadSanitizer and on
// emulated arm64.
//   stress_test [packets]

#include <cstdlib>
#include <string>

#include "check.h"
#include "ring_fixture.h"
#include "two_threads.h"

namespace {

using namespace vmbus::test;  // NOLINT: a test file
using vmbus::core::RingReader;
using vmbus::core::RingWriter;
using Status = RingWriter::Status;

constexpr auto kPatience = std::chrono::seconds(30);

// A cheap generator; both sides run the same one and so agree about every size.
class Sequence {
 public:
  explicit Sequence(uint64_t seed) : state_(seed) {}
  uint32_t Next(uint32_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33) % below;
  }

 private:
  uint64_t state_;
};

uint32_t BodyBytes(Sequence& sizes, uint32_t largest) {
  return sizes.Next(8) == 0 ? sizes.Next(largest + 1) : sizes.Next(96);
}

struct Counts {
  uint64_t sleeps = 0;
  bool good = true;
};

class Stress {
 public:
  Stress(uint32_t data_size, uint64_t packets)
      : ring_(data_size),
        packets_(packets),
        largest_(RingWriter(ring_.memory()).largest_packet()) {}

  void Run(const char* name) {
    RingWriter writer(ring_.memory());
    RingReader reader(ring_.memory());
    Counts produced;
    Counts consumed;
    {
      const Watchdog watchdog(name, taken_, kPatience);
      std::thread producer([&] { produced = Produce(writer); });
      consumed = Consume(reader);
      producer.join();
    }
    Check(produced.good, "producer");
    Check(consumed.good, "consumer");
    sleeps_ = {produced.sleeps, consumed.sleeps};
    CheckEqual(reader.packets(), packets_, "packets");
    CheckEqual(to_consumer_.count(), writer.doorbells(), "doorbells to the consumer");
    CheckEqual(to_producer_.count(), reader.doorbells(), "doorbells to the producer");
  }

  // A run that never slept proves nothing about wakes.
  void CheckBothSlept() const {
    Check(sleeps_.first > 0, "the producer never had to wait for space");
    Check(sleeps_.second > 0, "the consumer never had to wait for packets");
  }

 private:
  Counts Produce(RingWriter& writer) {
    Counts counts;
    Sequence sizes(1);
    Sequence bursts(2);
    std::vector<std::byte> body(largest_);
    uint32_t left = 1;
    for (uint64_t id = 0; id < packets_; id++) {
      const uint32_t bytes = BodyBytes(sizes, largest_);
      if (bytes >= 8) std::memcpy(body.data(), &id, 8);
      if (bytes >= 16) std::memcpy(body.data() + bytes - 8, &id, 8);
      for (;;) {
        const Status status = writer.Write({6, 0, 2, id, std::span(body).first(bytes)});
        if (status == Status::kWritten) break;
        if (!Check(status == Status::kFull, ViolationName(writer.violation()))) {
          counts.good = false;
          return counts;
        }
        if (writer.Publish()) to_consumer_.Ring();
        if (writer.AwaitSpace(bytes)) continue;
        counts.sleeps += 1;
        to_producer_.Wait();
      }
      writer.ClearAwaitSpace();
      if (--left == 0) {
        if (writer.Publish()) to_consumer_.Ring();
        left = 1 + bursts.Next(bursts.Next(16) == 0 ? 60 : 3);
        // Every now and then the ring runs dry, so that the consumer goes to sleep.
        if (bursts.Next(32) == 0) sched_yield();
      }
    }
    if (writer.Publish()) to_consumer_.Ring();
    return counts;
  }

  bool Sound(const Inbox& inbox, uint32_t row, uint64_t id, uint32_t bytes) {
    const int32_t* words = &inbox.index()[row * vmbus::core::kIndexRowWords];
    const auto* payload = inbox.arena().data() + words[2];
    bool good = words[0] == 6 && static_cast<uint32_t>(words[4]) == static_cast<uint32_t>(id) &&
                static_cast<uint32_t>(words[3]) == vmbus::reference::RoundUp8(bytes);
    uint64_t first = id;
    uint64_t last = id;
    if (bytes >= 8) std::memcpy(&first, payload, 8);
    if (bytes >= 16) std::memcpy(&last, payload + bytes - 8, 8);
    good = good && first == id && last == id;
    return good || Check(false, "packet " + std::to_string(id));
  }

  Counts Consume(RingReader& reader) {
    Counts counts;
    Sequence sizes(1);
    Sequence rhythm(3);
    Inbox inbox(ring_.memory().data_size, 32);
    for (uint64_t id = 0; id < packets_;) {
      const auto batch = inbox.Drain(reader, 1 + rhythm.Next(32));
      if (batch.violation != vmbus::core::Violation::kNone) {
        counts.good = Check(false, ViolationName(batch.violation));
        return counts;
      }
      for (uint32_t row = 0; row < batch.count; row++, id++) {
        if (Sound(inbox, row, id, BodyBytes(sizes, largest_))) continue;
        counts.good = false;
        return counts;
      }
      taken_.store(id, std::memory_order_relaxed);
      if (reader.Publish()) to_producer_.Ring();
      if (batch.count != 0 || id == packets_ || !reader.Arm()) continue;
      counts.sleeps += 1;
      to_consumer_.Wait();
      if (rhythm.Next(2) == 0) reader.Mask();
    }
    return counts;
  }

  TestRing ring_;
  uint64_t packets_;
  uint32_t largest_;
  std::pair<uint64_t, uint64_t> sleeps_;
  Wakes to_producer_;
  Wakes to_consumer_;
  std::atomic<uint64_t> taken_{0};
};

}  // namespace

int main(int argc, char** argv) {
  const uint64_t packets = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 400000;
  Test("a small ring, full and empty all the time", [&] {
    Stress small(1024, packets);
    small.Run("small");
    small.CheckBothSlept();
  });
  Test("an odd ring", [&] { Stress(4096 + 8, packets).Run("odd"); });
  Test("a large ring", [&] { Stress(65536, packets).Run("large"); });
  return Summary();
}
